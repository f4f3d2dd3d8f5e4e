import CSQLite
import Foundation
import MendKit
import Testing

@testable import SQLiteStore

/// A folder of a test's own, removed with it.
final class Folder {
  let path: String

  init() throws {
    path = Paths.resolved(try Paths.makeTemporaryFolder("/tmp/dbmend-sqlite-"))
  }

  deinit { try? Paths.removeTree(path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// Every name in the folder with size and time of change: what must stay as it is when something is only read.
  func listing() throws -> [String] {
    try Paths.names(in: path).map { name in
      let status = try FileStatus.of(self(name), followLinks: false)
      return "\(name) \(status.size) \(status.modified) \(status.inode) \(status.mode)"
    }
  }
}

/// Runs SQL on a file with the library's own file system.
@discardableResult
func sqlite(_ path: String, _ sql: String) throws -> [[SQLValue]] {
  let connection = try Connection.open(copy: path, create: true)
  defer { try? connection.close() }
  var rows: [[SQLValue]] = []
  for statement in sql.components(separatedBy: ";;") { rows = try connection.query(statement) }
  return rows
}

func script(_ path: String, _ sql: String) throws {
  let connection = try Connection.open(copy: path, create: true)
  defer { try? connection.close() }
  csqlite_allow_schema_writes(connection.handle, 1)
  try connection.execute(sql)
}

/// What one reading of a file finds, with at most so many troubles of each cause, and the plan that it was read by.
func walk(_ path: String, perCause: Int) throws -> (plan: VerificationPlan, result: FileWalk.Result) {
  let connection = try Connection.open(copy: path, create: false)
  defer { try? connection.close() }
  let view = try StoreView(path, locking: .none)
  let header = try #require(view.header)
  let plan = try Schema.of(connection, format: header.schemaFormat)
    .plan(connection, encoding: header.encodingOfTexts)
  let result = FileWalk(
    pages: try PageMap(view, header: header), header: header, trees: plan.trees,
    fingerprints: plan.comparisons.count, setting: WalkSetting(header, readsContent: true, perCause: perCause),
    workers: 2, progress: { _ in }
  ).run()
  return (plan, result)
}

/// Another program that does something with a database and then waits until it is told to end, by kill when `isKilled`.
final class OtherProcess {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  /// Runs Python with `body`; returns when it prints `ready`.
  init(_ body: String, _ arguments: String...) throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      [
        "python3", "-c",
        "import sqlite3, sys, os, time, fcntl\n" + body + "\nprint('ready', flush=True)\nsys.stdin.read()",
      ]
      + arguments
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard said.hasPrefix("ready") else {
      throw Problem(.program, tried: "run", on: "python3", said: "it said '\(said)'")
    }
  }

  var pid: Int { Int(process.processIdentifier) }

  func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}

func bytes(of path: String) throws -> [UInt8] { try MendKit.FileHandle.read(path).readAll(limit: 1 << 30) }

func problem<R>(of body: () throws -> R) -> Problem? {
  do {
    _ = try body()
    return nil
  } catch {
    return error as? Problem
  }
}
