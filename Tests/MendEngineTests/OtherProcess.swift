import Foundation
import MendKit
import TestSupport

/// Another process that has a database open or locked: the system's own `python3` with its SQLite.
final class LockingProcess {
  private let process = Process()
  private let input = Pipe()

  /// Has the statement run and keeps the connection. With the default the file is locked exclusively.
  init(_ path: String, _ statement: String = "begin exclusive") throws {
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "python3", "-c",
      """
      import sqlite3, sys
      connection = sqlite3.connect(sys.argv[1], isolation_level=None)
      connection.execute(sys.argv[2]).fetchall()
      print("ready", flush=True)
      sys.stdin.read()
      """, path, statement,
    ]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    _ = output.fileHandleForReading.availableData
  }

  var pid: Int { Int(process.processIdentifier) }

  func stop() {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
