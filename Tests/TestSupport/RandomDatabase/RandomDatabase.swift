import MendKit

/// A sound database that the library itself makes by random definitions and changes: all page sizes, encodings and
/// vacuum modes, every kind of table, key, index and value, free pages, logs that were not checkpointed.
public struct RandomDatabase: Sendable {
  /// How much is in it.
  public enum Size: Sendable {
    /// Some kilobytes, in pages of mostly 512 bytes.
    case tiny
    /// Up to some hundred kilobytes, page sizes of all kinds.
    case small
    /// Some megabytes, with deep trees.
    case large
  }

  /// What was made.
  public struct Made: Sendable {
    /// The database's file. A `-wal` file may stand beside it.
    public let path: String
    /// What is special about it, in a few words each.
    public let features: [String]
    /// The statements that made it.
    public let script: [String]
    /// How many statements were refused by constraints.
    public let refused: Int
  }

  /// What everything in it follows from.
  public let seed: UInt64
  /// How much is in it.
  public let size: Size

  /// The database of a seed.
  public init(seed: UInt64, size: Size = .small) {
    self.seed = seed
    self.size = size
  }

  /// Makes the database at a path where nothing stands. With a log, the files are copied as a crash would leave them.
  public func make(at path: String) throws -> Made {
    let making = path + "-making"
    for leftover in ["", "-wal", "-shm", "-journal"] { try Paths.removeFile(making + leftover) }
    var builder = DatabaseBuilder(size: size, random: SeededRandom(seed, "database"), writer: try ScriptWriter(making))
    try builder.build()
    // The connection is still open: what it closes, it checkpoints.
    try Self.copy(making, to: path)
    if builder.hasLog { try Self.copy(making + "-wal", to: path + "-wal") }
    let made = Made(
      path: path, features: builder.features.sorted(), script: builder.writer.script, refused: builder.writer.refused)
    builder.finish()
    for leftover in ["", "-wal", "-shm", "-journal"] { try Paths.removeFile(making + leftover) }
    return made
  }

  private static func copy(_ source: String, to target: String) throws {
    let bytes = FileStatus.exists(source) ? try FileHandle.read(source).readAll(limit: 1 << 30) : []
    try Paths.removeFile(target)
    let file = try FileHandle.create(target, mode: 0o644)
    try file.write(bytes, at: 0)
    file.close()
  }
}
