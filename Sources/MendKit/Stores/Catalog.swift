/// What a driver tells of a store in common terms.
public struct Catalog: Sendable {
  /// The tables that hold the application's rows: no views, and no tables that the engine keeps for itself.
  public var tables: [Table]
  /// The views' names.
  public var views: [String]
  /// The names of indexes on what the engine keeps for itself, such as its own catalogs: they can be built anew like any other.
  public var engineIndexes: [String]
  private let definitions: @Sendable () -> String?

  /// A catalog; see the properties.
  public init(
    tables: [Table] = [], views: [String] = [], engineIndexes: [String] = [],
    schema: @autoclosure @escaping @Sendable () -> String? = nil
  ) {
    self.tables = tables
    self.views = views
    self.engineIndexes = engineIndexes
    definitions = schema
  }

  /// The definitions that make the store's schema anew, in an order that works; nil where the engine has no such thing. They
  /// are put together when they are asked for: most who read a catalog do not, and of thousands of tables they are long.
  public var schema: String? { definitions() }

  /// The table of a name, as the engine compares names (ASCII case does not count).
  public func table(_ name: String) -> Table? {
    tables.first { $0.name == name } ?? tables.first { $0.name.lowercased() == name.lowercased() }
  }
}

/// One table of a catalog.
public struct Table: Sendable, Hashable {
  /// The name as it was created.
  public var name: String
  /// The columns in their order.
  public var columns: [Column]
  /// The names of the primary key's columns, in key order; empty where there is none.
  public var primaryKey: [String]
  /// Whether the table's structure itself rules NULL and duplicate keys out, so that nobody needs to look.
  public var keyIsStructural: Bool
  /// Whether the table draws its keys from a sequence.
  public var hasSequence: Bool
  /// Whether it is a virtual table: its rows are held elsewhere, by a module.
  public var isVirtual: Bool
  /// The indexes on it.
  public var indexes: [Index]

  /// A table; see the properties.
  public init(
    name: String, columns: [Column], primaryKey: [String], keyIsStructural: Bool, hasSequence: Bool = false,
    isVirtual: Bool = false, indexes: [Index] = []
  ) {
    self.name = name
    self.columns = columns
    self.primaryKey = primaryKey
    self.keyIsStructural = keyIsStructural
    self.hasSequence = hasSequence
    self.isVirtual = isVirtual
    self.indexes = indexes
  }

  /// The column of a name, ASCII case not counting.
  public func column(_ name: String) -> Column? {
    columns.first { $0.name.lowercased() == name.lowercased() }
  }
}

/// One column of a table.
public struct Column: Sendable, Hashable {
  /// The name as it was created.
  public var name: String
  /// The declared type, empty where none was.
  public var type: String
  /// Whether the column's declaration refuses NULL.
  public var isNotNull: Bool

  /// A column; see the properties.
  public init(name: String, type: String, isNotNull: Bool) {
    self.name = name
    self.type = type
    self.isNotNull = isNotNull
  }
}

/// One index on a table.
public struct Index: Sendable, Hashable {
  /// The name.
  public var name: String
  /// Whether it refuses duplicates.
  public var isUnique: Bool
  /// Whether it covers only the rows of a condition.
  public var isPartial: Bool
  /// The columns in key order; nil for an expression.
  public var columns: [String?]
  /// Whether the engine made it for a PRIMARY KEY or UNIQUE constraint.
  public var isImplicit: Bool

  /// An index; see the properties.
  public init(name: String, isUnique: Bool, isPartial: Bool, columns: [String?], isImplicit: Bool) {
    self.name = name
    self.isUnique = isUnique
    self.isPartial = isPartial
    self.columns = columns
    self.isImplicit = isImplicit
  }
}

/// The state of the sequence that a table draws its keys from.
public struct SequenceState: Sendable, Hashable {
  /// The table.
  public var table: String
  /// The last value that the sequence gave out; nil when the sequence is missing.
  public var last: Int64?
  /// The largest key in the table; nil when the table is empty.
  public var largestKey: Int64?
  /// Whether the engine itself steps over keys that the sequence is behind of.
  public var engineRecovers: Bool

  /// A state; see the properties.
  public init(table: String, last: Int64?, largestKey: Int64?, engineRecovers: Bool) {
    self.table = table
    self.last = last
    self.largestKey = largestKey
    self.engineRecovers = engineRecovers
  }
}

/// One row of a table whose foreign key points nowhere.
public struct ForeignKeyViolation: Sendable, Hashable {
  /// The table that refers.
  public var table: String
  /// The table that is referred to.
  public var parent: String
  /// The referring row's rowid, where it has one.
  public var row: Int64?

  /// A violation; see the properties.
  public init(table: String, parent: String, row: Int64?) {
    self.table = table
    self.parent = parent
    self.row = row
  }
}
