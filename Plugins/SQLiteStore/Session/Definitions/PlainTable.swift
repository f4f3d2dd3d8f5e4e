import MendKit

/// A table as its plain definition and those of its indexes have it.
struct PlainTable: Sendable {
  /// How it and its indexes are stored.
  let layout: SchemaLayout.Table
  /// What it shares with every table whose definitions say the same.
  let form: TableForm
}

/// What plain definitions of a table and its indexes say, names and roots left out.
final class TableForm: Sendable {
  /// What the definition of an index says.
  struct IndexForm {
    let isUnique: Bool
    let isPartial: Bool
    let terms: [SchemaLayout.Term]
    /// The columns by their names; nil for what is none.
    let columns: [String?]
  }

  let shape: SchemaLayout.Shape
  /// In the library's order, which has the newest first.
  let indexes: [IndexForm]
  /// The names of the primary key's columns, in key order.
  let primaryKey: [String]
  /// Whether the primary key is the rowid itself.
  let isRowidAlias: Bool
  let isAutoincrement: Bool
  /// The columns in common terms.
  let columns: [Column]
  /// Whether an index has a descending column. In an old format of the file, which is not known here, it has none.
  let hasDescendingTerm: Bool
  /// Whether every version of the library takes the definitions as they are.
  let isAccepted: Bool

  /// `indexes` are those that the definition makes, and then the others, in the order of the schema table.
  init?(_ definition: TableDefinition, _ sql: String, _ indexes: [IndexDefinition]) {
    primaryKey = definition.primaryKey.map { definition.columns[$0].name }
    isRowidAlias = definition.isRowidAlias
    isAutoincrement = definition.isAutoincrement
    isAccepted = definition.isAccepted && indexes.allSatisfy(\.isAccepted)
    columns = definition.columns.map { Column(name: $0.name, type: $0.type, isNotNull: $0.isNotNull) }
    shape = SchemaLayout.Shape(
      sql: sql,
      columns: definition.columns.enumerated().map { number, column in
        SchemaLayout.Column(
          name: column.name, type: column.type, isNotNull: column.isNotNull, defaultSQL: column.defaultSQL,
          keyPlace: (definition.primaryKey.firstIndex(of: number) ?? -1) + 1, isVirtual: false, isGenerated: false,
          affinity: Affinity(declaredType: column.type))
      }, hasKeyIndex: definition.constraints.contains(where: \.isPrimaryKey))
    var forms = definition.constraints.map { Self.form($0, definition) }
    for index in indexes {
      guard let form = Self.form(index, definition) else { return nil }
      forms.append(form)
    }
    hasDescendingTerm = forms.contains { $0.terms.contains(where: \.isDescending) }
    self.indexes = forms.reversed()
  }

  private static func form(_ constraint: TableDefinition.Constraint, _ table: TableDefinition) -> IndexForm {
    let terms = constraint.terms.map { term($0.column, $0.isDescending, table.columns[$0.column].collation) }
    return form(terms, isUnique: true, isPartial: false, table)
  }

  private static func form(_ index: IndexDefinition, _ table: TableDefinition) -> IndexForm? {
    guard let named = index.terms else { return nil }
    var terms: [SchemaLayout.Term] = []
    for named in named {
      guard let column = table.column(named.name) else { return nil }
      terms.append(term(column, named.isDescending, named.collation ?? table.columns[column].collation))
    }
    return form(terms, isUnique: index.isUnique, isPartial: index.isPartial, table)
  }

  private static func form(
    _ terms: [SchemaLayout.Term], isUnique: Bool, isPartial: Bool, _ table: TableDefinition
  ) -> IndexForm {
    IndexForm(
      isUnique: isUnique, isPartial: isPartial, terms: terms + [.rowid],
      columns: terms.map { $0.column.map { table.columns[$0].name } })
  }

  private static func term(_ column: Int, _ isDescending: Bool, _ collation: String) -> SchemaLayout.Term {
    SchemaLayout.Term(
      column: column, isExpression: false, isDescending: isDescending, collation: Collation(collation), isKey: true)
  }
}
