/// Which expressions of a table's definition, and of its indexes, are evaluated natively.
struct TableExpressionPlan {
  private let table: SchemaLayout.Table
  private let isUTF8: Bool
  private var read: Reading?
  private var conditions: [Expression] = []
  var computed: [RowPrograms.Computed] = []
  private(set) var checks: [RowPrograms.Check] = []
  private let copies: [RowPrograms.Copy]

  /// The table's definition as it was read, and what its columns mean to an expression.
  private struct Reading {
    let definition: TableExpressions?
    let scope: ExpressionScope?
  }

  init(_ table: SchemaLayout.Table, isUTF8: Bool) {
    self.table = table
    self.isUTF8 = isUTF8
    copies = Self.copies(table)
  }

  private static func copies(_ table: SchemaLayout.Table) -> [RowPrograms.Copy] {
    guard !table.hasRowid else { return [] }
    var first: [Int: Int] = [:]
    var copies: [RowPrograms.Copy] = []
    for (place, column) in table.shape.recordOrder.enumerated() {
      if let first = first[column] {
        copies.append(RowPrograms.Copy(first: first, second: place))
      } else {
        first[column] = place
      }
    }
    return copies
  }

  var isNeeded: Bool { !conditions.isEmpty || !computed.isEmpty || !checks.isEmpty || !copies.isEmpty }

  /// Why an index cannot be computed from its table's records; nil when it can.
  mutating func obstacle(to index: SchemaLayout.Index) -> String? {
    if index.isPartial, condition(of: index) == nil { return "is partial" }
    for (place, term) in index.terms.enumerated() where needsExpression(term) {
      if compiled(term, place, of: index) == nil {
        return term.isExpression ? "is on an expression" : "is on a generated column"
      }
    }
    return nil
  }

  /// Whether an expression says which rows an index takes, or what they are in it.
  func isComputed(_ index: SchemaLayout.Index) -> Bool {
    index.isPartial || index.terms.contains { needsExpression($0) }
  }

  /// Has an index's condition evaluated; its number.
  mutating func takeCondition(of index: SchemaLayout.Index) -> Int32 {
    guard let condition = condition(of: index) else { return -1 }
    conditions.append(condition)
    return Int32(conditions.count - 1)
  }

  /// What computes a term of an index; nil when a column's stored value is the term, or where only SQLite can tell.
  mutating func compiled(_ term: SchemaLayout.Term, _ place: Int, of index: SchemaLayout.Index) -> Expression? {
    guard needsExpression(term), let scope = scope() else { return nil }
    if let column = term.column {
      guard let definition = definition(), let generated = definition.columns[column].generated else { return nil }
      let affinity = definition.affinity(of: definition.columns[column])
      return stored(Expression.compile(generated.tokens, in: scope, storedAs: affinity))
    }
    guard let terms = index.sql.flatMap(IndexExpressions.init(sql:))?.terms, place < terms.count else { return nil }
    return stored(Expression.compile(terms[place].tokens, in: scope))
  }

  /// Has all CHECK constraints evaluated; false, and none of them, where one is not understood.
  mutating func takeChecks() -> Bool {
    guard let definition = definition(), let scope = scope() else { return false }
    var compiled: [RowPrograms.Check] = []
    for check in definition.allChecks {
      guard let expression = stored(Expression.compile(check.tokens, in: scope)) else { return false }
      compiled.append(RowPrograms.Check(expression: expression, text: check.name ?? check.text))
    }
    checks = compiled
    return true
  }

  /// The programs, for records that hold the columns in this order.
  func programs(_ order: [Int], absent: (SchemaLayout.Column) -> KeptValue) -> RowPrograms {
    let places = Dictionary(order.enumerated().map { ($0.element, $0.offset) }) { first, _ in first }
    return RowPrograms(
      sources: table.columns.indices.map { column in
        column == table.shape.rowidColumn ? .rowid : places[column].map { .record($0) } ?? .none
      },
      absent: table.columns.map(absent), conditions: conditions, computed: computed, checks: checks,
      copies: copies)
  }

  private func needsExpression(_ term: SchemaLayout.Term) -> Bool {
    term.isExpression || term.column.map { table.columns[$0].isVirtual } ?? false
  }

  private mutating func condition(of index: SchemaLayout.Index) -> Expression? {
    guard let scope = scope(), let tokens = index.sql.flatMap(IndexExpressions.init(sql:))?.condition else {
      return nil
    }
    return stored(Expression.compile(tokens, in: scope))
  }

  /// An expression that asks only for values that records hold.
  private func stored(_ expression: Expression?) -> Expression? {
    guard let expression, !expression.columns.contains(where: { table.columns[$0].isVirtual }) else { return nil }
    return expression
  }

  private mutating func definition() -> TableExpressions? {
    reading().definition
  }

  private mutating func scope() -> ExpressionScope? {
    reading().scope
  }

  private mutating func reading() -> Reading {
    if let read { return read }
    var reading = Reading(definition: nil, scope: nil)
    if let definition = TableExpressions(sql: table.sql),
      definition.columns.map(\.name) == table.columns.map(\.name)
    {
      let columns = zip(definition.columns, table.columns.indices).map { column, number in
        ColumnMeaning(
          name: column.name, affinity: definition.affinity(of: column),
          collation: column.collation.map { Collation($0) } ?? .binary, isRowid: number == table.shape.rowidColumn)
      }
      reading = Reading(
        definition: definition,
        scope: ExpressionScope(table: table.name, columns: columns, hasRowid: table.hasRowid, isUTF8: isUTF8))
    }
    read = reading
    return reading
  }
}
