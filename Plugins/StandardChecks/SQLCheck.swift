import MendKit

/// A query of the operator's own, and what it must return.
public struct SQLCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "sql",
    title: "a query returns what it should",
    discussion: """
      Runs one query that only reads and holds its result against `expect`: a single value; a list, for the values \
      of one column or of one row; or a list of lists, for rows. `expect: []` is for no rows at all. Numbers are \
      compared by their value, so 3 and 3.0 are equal; `true` and `false` stand for 1 and 0; a text is compared \
      exactly. A statement that would change something is refused.

      The check may stand in the configuration several times, each with a `name` of its own.
      """,
    kind: .check,
    finds: [
      FindingDescription(
        "sql.unexpected", .error, "the query returned something else",
        measures: [
          MeasureDescription(
            "value", "", "what the query returned, where that is one number",
            in: -Double.infinity...Double.infinity),
          .rows,
        ],
        isOfStore: true),
      FindingDescription("sql.failed", .error, "the query could not be run", isOfStore: true),
    ],
    options: [
      OptionDescription("name", .string, isRequired: true, "what the query is about; reports list it under this name"),
      OptionDescription("query", .string, isRequired: true, "the query, in the engine's SQL"),
      OptionDescription("expect", .any, isRequired: true, "a value, a list of values, or a list of rows"),
    ],
    isRepeatable: true,
    examples: Self.examples)

  /// The check.
  public init() {}

  /// One finding when the query fails or returns something else. Throws for a store that answers no SQL.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    let name = options.string("name") ?? "query"
    guard let session = try context.sqlSession() else {
      throw Problem(
        .unsupported, tried: "run the query '\(name)' on", on: context.path,
        said: "a store of this kind answers no SQL", advice: "Switch the check off for this store: `sql: false`.")
    }
    let expected = ExpectedRows(options["expect"] ?? .null)
    let limit = max(expected.count, Wording.few) + 1
    let rows: [[SQLValue]]
    do throws(Problem) {
      rows = try session.query(options.string("query") ?? "", limit: limit)
    } catch {
      switch error.kind {
      case .locked, .noSpace, .exhausted, .changing: throw error
      default: return [Finding("sql.failed", .error, "\(name): the query could not be run", evidence: error.said)]
      }
    }
    guard !expected.accepts(rows) else { return [] }
    return [
      Finding(
        "sql.unexpected", .error, "\(name): the query returned something other than \(expected.description)",
        evidence: "returned " + ExpectedRows.words(for: rows), measures: measures(of: rows, limit: limit))
    ]
  }
}

extension SQLCheck {
  /// The number that the query returned, and how many rows, where they are few enough to have been read to the end.
  private func measures(of rows: [[SQLValue]], limit: Int) -> [Measure] {
    var measures: [Measure] = []
    if rows.count == 1, rows[0].count == 1 {
      switch rows[0][0] {
      case .integer(let number): measures.append(Measure("value", Double(number)))
      case .real(let number) where number.isFinite: measures.append(Measure("value", number))
      default: break
      }
    }
    if rows.count < limit { measures.append(Measure("rows", Double(rows.count))) }
    return measures
  }

  private static let script = """
    create table orders(id integer primary key, sku text, total real);
    insert into orders(sku, total) values('bolt', 3.0), ('nut', 4.5);
    """

  private static func options(_ query: String, _ expect: OptionValue) -> [OptionPair] {
    [OptionPair("name", .string("orders")), OptionPair("query", .string(query)), OptionPair("expect", expect)]
  }

  private static let examples = [
    Example("one number", script: script, options: options("select count(*) from orders", .integer(2))),
    Example(
      "the values of a column", script: script,
      options: options("select sku from orders order by sku", .list([.string("bolt"), .string("nut")]))),
    Example(
      "rows", script: script,
      options: options(
        "select sku, total from orders order by sku",
        .list([.list([.string("bolt"), .integer(3)]), .list([.string("nut"), .number(4.5)])]))),
    Example("no rows", script: script, options: options("select 1 from orders where total < 0", .list([]))),
    Example(
      "another number", script: script, options: options("select count(*) from orders", .integer(3)),
      finds: ["sql.unexpected"]),
    Example(
      "more rows than expected", script: script, options: options("select sku from orders", .list([.string("bolt")])),
      finds: ["sql.unexpected"]),
    Example(
      "a table that is not there", script: script, options: options("select count(*) from invoices", .integer(0)),
      finds: ["sql.failed"]),
    Example(
      "a statement that would change something", script: script, options: options("delete from orders", .integer(0)),
      finds: ["sql.failed"]),
  ]
}
