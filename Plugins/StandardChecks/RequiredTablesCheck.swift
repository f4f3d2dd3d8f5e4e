import MendKit

/// Whether the tables and columns that the application needs are there.
public struct RequiredTablesCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "required-tables",
    title: "the tables that the application needs are there, with their columns",
    discussion: """
      `tables` is a list of names, or a map from a table to the list of its columns, or from a table to a map from a \
      column to its declared type. Names are compared as the engine compares them, without regard to case. A type \
      without a length, such as `varchar`, is met by one with a length, such as `VARCHAR(40)`.

      A view is not a table here: what the application writes to must be able to hold rows.
      """,
    kind: .check,
    finds: [
      FindingDescription("table.missing", .error, "a required table is not there"),
      FindingDescription("column.missing", .error, "a required column is not there"),
      FindingDescription("column.type", .error, "a column was declared with another type than required"),
    ],
    options: [
      OptionDescription(
        "tables", .either([.list(.string), .map(.either([.list(.string), .map(.string)]))]), isRequired: true,
        "names of tables, or a map from tables to columns, or to columns with their types")
    ],
    examples: Self.examples)

  /// The check.
  public init() {}

  /// What is missing of the required tables, in the order in which they are required.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    let catalog = try context.session().catalog()
    var findings: [Finding] = []
    for required in Required.tables(options["tables"]) {
      guard let table = catalog.table(required.name) else {
        findings.append(missing(required.name, in: catalog))
        continue
      }
      for wanted in required.columns { findings += self.findings(on: wanted, in: table) }
    }
    return findings
  }

  private func missing(_ name: String, in catalog: Catalog) -> Finding {
    let hint: String
    if catalog.views.contains(where: { $0.lowercased() == name.lowercased() }) {
      hint = "; there is a view of that name"
    } else if let near = NearestWord.nearest(to: name, among: catalog.tables.map(\.name)) {
      hint = "; the nearest name is \(near)"
    } else {
      hint = ""
    }
    return Finding(
      "table.missing", .error, at: Finding.Location(table: name), "the table \(name) is missing" + hint,
      evidence: "the store has " + Wording.count(catalog.tables.count, "table"))
  }

  private func findings(on wanted: Required.Column, in table: Table) -> [Finding] {
    let location = Finding.Location(table: table.name, column: wanted.name)
    guard let column = table.column(wanted.name) else {
      let near = NearestWord.nearest(to: wanted.name, among: table.columns.map(\.name))
      let hint = near.map { "; the nearest name is \($0)" } ?? ""
      return [
        Finding(
          "column.missing", .error, at: location, "the column \(wanted.name) of \(table.name) is missing" + hint,
          evidence: "columns: " + Wording.list(table.columns.map(\.name), of: table.columns.count))
      ]
    }
    guard let type = wanted.type, !Required.isMet(type, by: column.type) else { return [] }
    let declared = column.type.isEmpty ? "no type" : "the type \(column.type)"
    return [
      Finding(
        "column.type", .error, at: location,
        "the column \(column.name) of \(table.name) was declared with \(declared), not \(type)", evidence: column.type)
    ]
  }

  /// What the option `tables` asks for.
  private struct Required {
    struct Column {
      let name: String
      let type: String?
    }

    let name: String
    let columns: [Column]

    static func tables(_ value: OptionValue?) -> [Required] {
      guard case .map(let pairs) = value else {
        return (value?.texts ?? []).map { Required(name: $0, columns: []) }
      }
      return pairs.map { pair in
        guard case .map(let columns) = pair.value else {
          return Required(name: pair.key, columns: (pair.value.texts ?? []).map { Column(name: $0, type: nil) })
        }
        return Required(name: pair.key, columns: columns.map { Column(name: $0.key, type: $0.value.text) })
      }
    }

    static func isMet(_ wanted: String, by declared: String) -> Bool {
      let (wanted, declared) = (normal(wanted), normal(declared))
      if wanted == declared { return true }
      return !wanted.contains("(") && normal(String(declared.prefix { $0 != "(" })) == wanted
    }

    /// In lower case, with one space between words and none around brackets and commas.
    private static func normal(_ type: String) -> String {
      var result = ""
      for part in type.lowercased().split(whereSeparator: \.isWhitespace) {
        let isTight = result.isEmpty || "(,".contains(result.last ?? " ") || ",()".contains(part.first ?? " ")
        result += isTight ? String(part) : " " + part
      }
      return result
    }
  }
}

extension RequiredTablesCheck {
  private static let script = "create table users(id integer primary key, name varchar(40), born integer);"

  private static func tables(_ value: OptionValue) -> [OptionPair] { [OptionPair("tables", value)] }

  private static let examples = [
    Example("tables by name", script: script, options: tables(.list([.string("users")]))),
    Example(
      "columns and types", script: script,
      options: tables(
        .map([
          OptionPair("Users", .map([OptionPair("id", .string("INTEGER")), OptionPair("name", .string("varchar"))]))
        ]))),
    Example(
      "a table that is not there", script: script, options: tables(.list([.string("user")])), finds: ["table.missing"]),
    Example(
      "a view in the place of a table", script: script + "create view people as select * from users;",
      options: tables(.string("people")), finds: ["table.missing"]),
    Example(
      "a column that is not there", script: script,
      options: tables(.map([OptionPair("users", .list([.string("id"), .string("email")]))])),
      finds: ["column.missing"]),
    Example(
      "a column of another type", script: script,
      options: tables(.map([OptionPair("users", .map([OptionPair("born", .string("date"))]))])),
      finds: ["column.type"]),
  ]
}
