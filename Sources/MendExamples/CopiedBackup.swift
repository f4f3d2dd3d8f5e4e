import MendKit

/// The archive of a store for tests of checks and repairs: a plain copy of its file in a folder, as the store was then.
public final class CopiedBackup: Backups {
  /// The one archive.
  public let backup: Backup
  private let copy: String
  private let definitions: String?

  /// Copies the store at a path, which nobody writes to, into a folder.
  public init(of path: String, driver: any Driver, into folder: String, taken: Int64 = 1_705_284_000) throws {
    copy = Paths.join(folder, "backup-of-" + Paths.name(of: path))
    let bytes = try FileHandle.read(path).readAll(limit: 1 << 30)
    let file = try FileHandle.create(copy, mode: 0o600)
    try file.write(bytes, at: 0)
    let session = try driver.open(path, patience: 1)
    defer { session.end() }
    let catalog = try session.catalog()
    definitions = catalog.schema
    var rows: [String: Int] = [:]
    for table in catalog.tables { rows[table.name] = try session.rowCount(of: table) }
    backup = Backup(
      path: copy, taken: taken, verdict: .healthy, rows: rows, stamp: try driver.stamp(path), bytes: bytes.count)
  }

  /// The one archive.
  public func newestGood() throws(Problem) -> Backup? { backup }

  /// A copy of the copy.
  public func extract(_ backup: Backup, into folder: String) throws(Problem) -> String {
    let target = Paths.join(folder, "extracted")
    let file = try FileHandle.create(target, mode: 0o600)
    try file.write(try FileHandle.read(copy).readAll(limit: 1 << 30), at: 0)
    return target
  }

  /// The bytes of the copy, in pieces that end where no page does.
  public func read(_ backup: Backup, _ each: (UnsafeRawBufferPointer) throws(Problem) -> Bool) throws(Problem) {
    let file = try FileHandle.read(copy)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 10_007, alignment: 16)
    defer { buffer.deallocate() }
    var offset = 0
    while case let count = try file.read(into: buffer, at: offset), count > 0 {
      guard try each(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { return }
      offset += count
    }
  }

  /// The definitions of the store when it was copied.
  public func schema(of backup: Backup) throws(Problem) -> String? { definitions }
}
