import Foundation
import MendKit
import TestSupport

/// Another process that has a database open, or locked: the system's own `python3` with its SQLite.
final class Holder {
  private let process = Process()
  private let input = Pipe()

  /// Opens a database and runs statements on it; the connection stays open until the holder lets go.
  init(_ path: String, _ statements: String...) throws {
    let output = Pipe()
    // What another test starts meanwhile and leaves running would keep this one's input open for ever.
    for end in [
      input.fileHandleForWriting, input.fileHandleForReading, output.fileHandleForReading, output.fileHandleForWriting,
    ] {
      _ = fcntl(end.fileDescriptor, F_SETFD, FD_CLOEXEC)
    }
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      [
        "python3", "-c",
        """
        import os, sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        for statement in sys.argv[2:]: connection.execute(statement).fetchall()
        print(os.getpid(), flush=True)
        for line in sys.stdin: connection.execute(line).fetchall(); print("done", flush=True)
        """, path,
      ] + statements
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard let number = Int(said.prefix { $0.isNumber }) else {
      throw PreparationFailed("the other process did not open \(path)")
    }
    pid = number
    answers = output
  }

  private let answers: Pipe

  /// The process that has the file open, which need not be the one that was started (a version manager may stand before).
  let pid: Int

  deinit { release() }

  /// Runs one more statement on the connection and waits for its end.
  func execute(_ statement: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data((statement + "\n").utf8))
    guard !answers.fileHandleForReading.availableData.isEmpty else {
      throw PreparationFailed("the other process could not run: \(statement)")
    }
  }

  /// Closes the connection and waits for the process to end.
  func release() {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
