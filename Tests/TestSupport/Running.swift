import Foundation
import MendKit

/// How a program that a test ran ended, and what it said.
public struct ProgramResult: Sendable {
  /// The exit code; 128 + signal for a program that was killed.
  public let exit: Int
  /// Its standard output.
  public let output: String
  /// Its standard error.
  public let errors: String

  /// The end of a program that was started in another way.
  public init(exit: Int, output: String, errors: String) {
    self.exit = exit
    self.output = output
    self.errors = errors
  }
}

/// Runs a program by its words, found through PATH, and waits for it. `environment` is added to this process's own.
public func run(
  _ words: String..., folder: String? = nil, environment: [String: String] = [:], input: String = ""
) throws -> ProgramResult {
  try run(words, folder: folder, environment: environment, input: input)
}

/// Runs a program by its words, found through PATH, and waits for it. `environment` is added to this process's own.
public func run(
  _ words: [String], folder: String? = nil, environment: [String: String] = [:], input: String = ""
) throws -> ProgramResult {
  let scratch = try TemporaryFolder("dbmend-run")
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = words
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
  // Files rather than pipes: a program that fills one pipe while the other is read would stand still.
  process.standardInput = Foundation.FileHandle(forReadingAtPath: try scratch.write(input, to: "in"))
  process.standardOutput = Foundation.FileHandle(forWritingAtPath: try scratch.write("", to: "out"))
  process.standardError = Foundation.FileHandle(forWritingAtPath: try scratch.write("", to: "err"))
  try process.run()
  process.waitUntilExit()
  let code = Int(process.terminationStatus)
  return ProgramResult(
    exit: process.terminationReason == .uncaughtSignal ? 128 + code : code,
    output: String(decoding: try scratch.read("out"), as: UTF8.self),
    errors: String(decoding: try scratch.read("err"), as: UTF8.self))
}

/// Runs a closure with the permissions of a user who is not root. Where the tests run as root, only this thread's view
/// of files changes, so the closure must not suspend.
public func withoutPrivileges<R>(_ body: () throws -> R) throws -> R {
  guard geteuid() == 0 else { return try body() }
  typealias SetFileSystemUser = @convention(c) (UInt32) -> Int32
  guard let symbol = dlsym(nil, "setfsuid") else { throw PreparationFailed("this system has no setfsuid") }
  let setFileSystemUser = unsafeBitCast(symbol, to: SetFileSystemUser.self)
  _ = setFileSystemUser(65534)
  defer { _ = setFileSystemUser(0) }
  return try body()
}
