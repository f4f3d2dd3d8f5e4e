/// Which way the parts of a store were verified: by the driver itself, by the store's engine, or not at all. A part whose
/// pages are damaged is in none of the three; its findings say what is wrong with it.
public struct VerificationAccount: Sendable, Hashable {
  /// The engine's name, as the driver's id has it: `sqlite`.
  public var engine: String
  /// The number of tables that the driver alone verified wholly, those that the engine keeps for itself among them.
  public var tables: Int
  /// The number of indexes that the driver held against their tables; 0 where only the structures were asked for.
  public var indexes: Int
  /// Tables that the engine was asked about, each with the reason.
  public var byEngine: [String: String]
  /// Tables that nobody could verify wholly, each with the reason.
  public var unverified: [String: String]

  /// An account; see the properties.
  public init(
    engine: String, tables: Int = 0, indexes: Int = 0, byEngine: [String: String] = [:],
    unverified: [String: String] = [:]
  ) {
    self.engine = engine
    self.tables = tables
    self.indexes = indexes
    self.byEngine = byEngine
    self.unverified = unverified
  }
}
