import Foundation
import MendKit
import TestSupport

/// A run of a program that goes on beside others.
final class StartedRun {
  let words: [String]
  let pid: Int
  private let process = Process()
  private let scratch: TemporaryFolder

  /// Starts a program by its words, found through PATH, in a folder.
  init(_ words: [String], in folder: String, input: String = "") throws {
    self.words = words
    scratch = try TemporaryFolder("dbmend-started")
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ProcessInfo.processInfo.environment.merging(["NO_COLOR": "1"]) { $1 }
    process.standardInput = Foundation.FileHandle(forReadingAtPath: try scratch.write(input, to: "in"))
    process.standardOutput = Foundation.FileHandle(forWritingAtPath: try scratch.write("", to: "out"))
    process.standardError = Foundation.FileHandle(forWritingAtPath: try scratch.write("", to: "err"))
    try process.run()
    pid = Int(process.processIdentifier)
  }

  deinit { if process.isRunning { signal(SIGKILL) } }

  /// Sends it a signal.
  func signal(_ number: Int32) { Glibc.kill(pid_t(pid), number) }

  /// Waits for its end; one that hangs for two minutes is killed.
  func end() throws -> ProgramResult {
    let start = Clock.system.steady()
    while process.isRunning, Clock.system.steady() - start < 120 { usleep(1_000) }
    if process.isRunning { signal(SIGKILL) }
    process.waitUntilExit()
    let code = Int(process.terminationStatus)
    return ProgramResult(
      exit: process.terminationReason == .uncaughtSignal ? 128 + code : code,
      output: String(decoding: try scratch.read("out"), as: UTF8.self),
      errors: String(decoding: try scratch.read("err"), as: UTF8.self))
  }
}
