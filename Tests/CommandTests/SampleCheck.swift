import MendKit

/// Whether texts that a person should read are there.
public struct EmptyTextCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "empty-text",
    title: "no text is empty in the columns that are named",
    discussion: "NULL is no empty text: it says that nothing is known. Reads each named table once.",
    kind: .check,
    finds: [FindingDescription("text.empty", .warning, "a text is empty where one was expected")],
    options: [
      OptionDescription("columns", .map(.string), isRequired: true, "a map from a table to one of its columns")
    ],
    examples: [
      Example(
        "texts that say something",
        script: "create table users(id integer primary key, name text); insert into users(name) values('Ada'), (null);",
        options: [OptionPair("columns", .map([OptionPair("users", .string("name"))]))]),
      Example(
        "a text that is empty",
        script: "create table users(id integer primary key, name text); insert into users(name) values('Ada'), ('');",
        options: [OptionPair("columns", .map([OptionPair("users", .string("name"))]))],
        finds: ["text.empty"]),
    ])

  /// The check.
  public init() {}

  /// One finding for each column that holds empty texts.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    guard let session = try context.sqlSession(), case .map(let columns) = options["columns"] else { return [] }
    var findings: [Finding] = []
    for pair in columns {
      guard let column = pair.value.text, let table = try session.catalog().table(pair.key) else { continue }
      let source = "from \(session.quoted(table.name)) where \(session.quoted(column)) = ''"
      guard let count = try session.query("select count(*) \(source)", limit: 1).first?.first?.integer, count > 0
      else { continue }
      findings.append(
        Finding(
          "text.empty", .warning, at: Finding.Location(table: table.name, column: column),
          "\(count) texts are empty in \(table.name).\(column)", count: Int(count)))
    }
    return findings
  }
}
