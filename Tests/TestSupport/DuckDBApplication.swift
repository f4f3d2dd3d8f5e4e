import Foundation
import MendKit

/// An application that has a DuckDB database open: the client, which waits for more to do.
public final class DuckDBApplication {
  private let process = Process()
  private let input = Pipe()
  private let folder: TemporaryFolder

  /// Opens a database and runs SQL on it, which is done when this returns.
  public init(_ path: String, _ sql: String) throws {
    guard let program = try DuckDBFile.client() else { throw PreparationFailed("no duckdb client") }
    folder = try TemporaryFolder("dbmend-duckdb-application")
    let ready = folder.file("ready")
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = ["-init", "/dev/null", "-batch", "-csv", path]
    process.standardInput = input
    process.standardOutput = Foundation.FileHandle(forWritingAtPath: try folder.write("", to: "out"))
    process.standardError = Foundation.FileHandle(forWritingAtPath: try folder.write("", to: "err"))
    try process.run()
    try tell(sql + "\n.shell touch '\(ready)'")
    for _ in 0..<500 where !FileStatus.exists(ready) { usleep(20_000) }
    guard FileStatus.exists(ready) else {
      throw PreparationFailed(
        "the application did not get ready: " + String(decoding: try folder.read("err"), as: UTF8.self))
    }
  }

  private func tell(_ text: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data((text + "\n").utf8))
  }

  /// Ends as an application does that closes its database, with a checkpoint.
  public func close() throws {
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// Ends as one that is killed.
  public func kill() {
    Glibc.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  deinit { if process.isRunning { kill() } }
}
