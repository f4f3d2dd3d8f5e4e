/// A driver whose stores are written to in SQL.
public protocol SQLDriver: Driver {
  /// Opens a working copy for writing. Nobody else has it open.
  func openCopy(_ path: String) throws(Problem) -> any WorkingCopy

  /// Makes a new, empty store for a repair that builds one anew.
  func createStore(_ path: String) throws(Problem) -> any WorkingCopy

  /// Whether writing all content of a damaged store anew may come to something: not where it is known beforehand that its engine
  /// would refuse to, or leave content out.
  func isRewritable(_ path: String) -> Bool
}

extension SQLDriver {
  /// For kinds whose engine tells when it is asked to.
  public func isRewritable(_ path: String) -> Bool { true }

  /// Opens the copy, which has the engine read its log, and closes it.
  public func settle(_ copy: String) throws(Problem) {
    guard sidecars(of: copy).contains(where: { FileStatus.exists($0) }) else { return }
    try openCopy(copy).close()
  }
}

/// A driver that gets back what can be read of a store which its engine cannot read any more.
public protocol SalvagingDriver: Driver {
  /// Makes a readable store of a damaged working copy, in its place: what is in order stays, what can be found in the rest
  /// of the file is put back. What indexes are to hold may be left to their rebuilding. Throws where nothing can be read.
  ///
  /// Rows that can be read nowhere in it are taken from the backup of the aid where it is proved that they were there.
  func salvage(_ copy: String, with aid: SalvageAid) throws(Problem) -> RepairOutcome

  /// Whether so much of a store is left that salvage could begin.
  func isSalvageable(_ path: String) -> Bool

  /// What salvage costs at most, and what it does, as a sentence of a plan.
  func salvagePlan(_ path: String) -> (loss: Loss, reason: String)

  /// The same where there is a backup, whose main file `read` hands over front to back until it is told false.
  func salvagePlan(
    _ path: String, backup read: ((UnsafeRawBufferPointer) throws(Problem) -> Bool) throws(Problem) -> Void
  ) -> (loss: Loss, reason: String)
}

extension SalvagingDriver {
  /// For kinds whose salvage costs the same with a backup.
  public func salvagePlan(
    _ path: String, backup read: ((UnsafeRawBufferPointer) throws(Problem) -> Bool) throws(Problem) -> Void
  ) -> (loss: Loss, reason: String) { salvagePlan(path) }
}

/// What a salvage may draw on beside the damaged store.
public struct SalvageAid {
  /// The path of a sound store of the same kind, in a file of its own that may be written to; nil where there is no backup.
  /// Asked for when something is missing.
  public var backup: () throws(Problem) -> String?
  /// Whether rows of the backup are taken too of which nothing tells whether they were there to the last.
  public var takesUnproved: Bool
  /// Whether the result has a table that says of each row which no part of its own table held where it came from.
  public var tellsProvenance: Bool
  /// Whether rows that their own table would refuse leave it: the store is known to have some.
  public var setsAsideRefused: Bool
  /// Tables of modules that are damaged within, or of which a table of the module's own is.
  public var virtualTables: [String]

  /// Definitions for tables whose own are lost; nil where nobody has any. Asked for when some are missing.
  public var schema: () throws(Problem) -> SchemaText?

  /// An aid; without a backup and definitions when nothing is said.
  public init(
    takesUnproved: Bool = false, tellsProvenance: Bool = false, setsAsideRefused: Bool = false,
    virtualTables: [String] = [],
    schema: @escaping () throws(Problem) -> SchemaText? = { () throws(Problem) -> SchemaText? in nil },
    backup: @escaping () throws(Problem) -> String? = { () throws(Problem) -> String? in nil }
  ) {
    self.backup = backup
    self.schema = schema
    self.takesUnproved = takesUnproved
    self.tellsProvenance = tellsProvenance
    self.setsAsideRefused = setsAsideRefused
    self.virtualTables = virtualTables
  }
}
