import CSQLite
import MendKit

/// Makes stores of one kind by the scripts of examples. What a script is, depends on the kind: SQL for one, the whole content of
/// another; an empty one changes nothing. Examples come with plugins from outside, too, so a script gets no further than its store.
public struct ExampleMaker: Sendable {
  /// Runs a script on the store at a path, making it where it is not there.
  public var run: @Sendable (_ path: String, _ script: String) throws -> Void

  /// A maker; see the property.
  public init(_ run: @escaping @Sendable (_ path: String, _ script: String) throws -> Void) { self.run = run }

  /// The makers of the kinds for which dbmend needs no other program.
  public static let standard: [String: ExampleMaker] = [
    "sqlite": ExampleMaker(makeDatabase), "json": ExampleMaker(makeDocument), "folder": ExampleMaker(makeFiles),
  ]

  /// Runs SQL, for no more than some seconds; other files cannot be attached, nor written by VACUUM INTO.
  private static func makeDatabase(_ path: String, _ script: String) throws {
    var handle: OpaquePointer?
    defer { sqlite3_close(handle) }
    guard sqlite3_open(path, &handle) == SQLITE_OK else {
      throw PreparationFailed("cannot make a database: \(String(cString: sqlite3_errmsg(handle)))")
    }
    sqlite3_set_authorizer(
      handle, { _, action, _, _, _, _ in action == SQLITE_ATTACH ? SQLITE_DENY : SQLITE_OK }, nil)
    var end = Clock.system.steady() + longestScript
    try withUnsafeMutablePointer(to: &end) { end in
      sqlite3_progress_handler(
        handle, 10_000,
        { end in Clock.system.steady() > (end?.assumingMemoryBound(to: Double.self).pointee ?? 0) ? 1 : 0 }, end)
      guard sqlite3_exec(handle, script, nil, nil, nil) == SQLITE_OK else {
        throw PreparationFailed("the script cannot be run: \(String(cString: sqlite3_errmsg(handle)))")
      }
    }
  }

  private static let longestScript = 20.0

  private static func makeDocument(_ path: String, _ script: String) throws {
    if !script.isEmpty { try Durable.write(Array(script.utf8), to: path) }
  }

  /// Files by lines `PATH: CONTENT`, as they were an hour ago.
  private static func makeFiles(_ folder: String, _ script: String) throws {
    try Paths.makeFolder(folder)
    for line in script.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { throw PreparationFailed("no file: \(line)") }
      let name = String(line[..<colon])
      guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
        throw PreparationFailed("a file outside of the folder: \(name)")
      }
      let path = Paths.join(folder, name)
      try Paths.makeFolder(Paths.folder(of: path))
      try Durable.write(Array(line[line.index(after: colon)...].drop { $0 == " " }.utf8), to: path)
      FileTimes.set((Clock.system.now() - 3600) * 1_000_000_000, of: try FileHandle.read(path))
    }
  }
}
