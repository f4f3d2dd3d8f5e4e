import MendKit

/// A folder for one example's files, or one test's, which goes with the object.
public final class TemporaryFolder: Sendable {
  /// The folder's path, without links.
  public let path: String

  /// Makes an empty folder in the system's place for temporary files, or in another.
  public init(_ name: String = "dbmend-test", in folder: String? = nil) throws {
    let place = folder ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    path = Paths.resolved(try Paths.makeTemporaryFolder(Paths.join(place, name + "-")))
  }

  deinit { try? Paths.removeTree(path) }

  /// The path of a name in the folder.
  public func file(_ name: String) -> String { Paths.join(path, name) }

  /// Writes a file of text, making the folders above it; its path.
  @discardableResult
  public func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

  /// Writes a file of bytes, making the folders above it; its path.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    let path = file(name)
    try Paths.makeFolder(Paths.folder(of: path))
    try Paths.removeFile(path)
    let handle = try FileHandle.create(path, mode: 0o644)
    try handle.write(bytes, at: 0)
    handle.close()
    return path
  }

  /// The whole content of a file.
  public func read(_ name: String) throws -> [UInt8] { try FileHandle.read(file(name)).readAll(limit: 1 << 30) }

  /// The names in the folder, sorted: what a test compares to see that nothing was made or left.
  public func names() throws -> [String] { try Paths.names(in: path) }
}
