import MendKit

/// One healthy store as `dbmend init` found it.
public struct DraftStore: Sendable, Hashable {
  /// The environment that its place in the folders speaks for.
  public var environment: String
  /// The name within the environment.
  public var name: String
  /// The path from the root.
  public var path: String
  /// The kind, as its driver's id.
  public var kind: String
  /// The tables, in the order of the catalog.
  public var tables: [Table]
  /// The checks that find errors in it which hold as warnings without a configuration, so that a configuration that is to
  /// call the store healthy must say the same.
  public var lenientChecks: Set<String>

  /// The tables of which every row has NULL in its primary key: the application's way, and no damage.
  public var tablesWithoutKeys: Set<String>

  /// A store; see the properties.
  public init(
    environment: String, name: String, path: String, kind: String, tables: [Table] = [],
    lenientChecks: Set<String> = [], tablesWithoutKeys: Set<String> = []
  ) {
    self.environment = environment
    self.name = name
    self.path = path
    self.kind = kind
    self.tables = tables
    self.lenientChecks = lenientChecks
    self.tablesWithoutKeys = tablesWithoutKeys
  }

  /// One table of the store.
  public struct Table: Sendable, Hashable {
    /// The name as it was created.
    public var name: String
    /// The number of rows; nil where they were not counted.
    public var rows: Int?
    /// Whether it draws its keys from a sequence.
    public var hasSequence: Bool

    /// A table; see the properties.
    public init(name: String, rows: Int?, hasSequence: Bool = false) {
      self.name = name
      self.rows = rows
      self.hasSequence = hasSequence
    }
  }
}
