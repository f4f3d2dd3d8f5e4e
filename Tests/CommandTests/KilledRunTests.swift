import Foundation
import MendKit
import TestSupport
import Testing

@Suite("A run that is killed", .serialized)
struct KilledRunTests {
  private static let shop = """
    create table users(id integer primary key, name text);
    insert into users values(1, 'Ada'), (2, 'Grace');
    create table orders(id integer primary key, sku text);
    insert into orders(sku) values('bolt'), ('nut'), ('screw'), ('washer');
    create index orders_sku on orders(sku);
    """
  private static let dropIndexEntries = """
    drop index orders_sku;
    create index orders_sku on orders(sku) where id < 3;
    pragma writable_schema = on;
    update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';
    """

  private func deployment(_ script: String) throws -> TemporaryFolder {
    let folder = try TemporaryFolder("dbmend-killed")
    try SQLiteFile.make(folder.file("data.db"), script)
    try folder.write(
      """
      version: 1
      repository: backups
      environments: { production: { stores: { data: { path: data.db } } } }
      checks: [file-exists, connects, integrity]
      """, to: "dbmend.yaml")
    return folder
  }

  /// Kills the program after so many seconds; whether it had ended before.
  private func kill(after seconds: Double, in folder: TemporaryFolder, _ words: [String]) throws -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = words
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    process.standardOutput = Foundation.FileHandle.nullDevice
    process.standardError = Foundation.FileHandle.nullDevice
    try process.run()
    usleep(UInt32(seconds * 1e6))
    _ = Glibc.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    return process.terminationReason == .exit
  }

  /// Kills runs later and later, until one has time to end; what each left is looked at, first as it is and then after the
  /// next run.
  private func killEverywhere(
    _ script: String, _ words: [String], isSound: (TemporaryFolder, _ next: String) throws -> Void
  ) throws {
    var seconds = 0.0
    var ended = 0
    var runs = 0
    while ended < 3, runs < 400 {
      let folder = try deployment(script)
      if try kill(after: seconds, in: folder, words) { ended += 1 }
      let next = try run([program, "backup"], folder: folder.path, environment: ["NO_COLOR": "1"])
      try isSound(folder, next.output + next.errors)
      #expect(try folder.names().filter { $0.hasPrefix(".") } == [], "after \(seconds) s")
      seconds += 0.004
      runs += 1
    }
    #expect(runs > 3 && ended == 3)
  }

  @Test("during a repair leaves the old store or the verified new one, and the next run cleans up")
  func repair() throws {
    try killEverywhere(Self.shop + Self.dropIndexEntries, ["repair", "data"]) { folder, next in
      let path = folder.file("data.db")
      #expect(try SQLiteFile.value(path, "select count(*) from orders not indexed") == "4")
      let isNew = try SQLiteFile.value(path, "pragma integrity_check") == "ok"
      if next.contains("the old content is in place") { #expect(!isNew) }
      if next.contains("the new, verified content is in place") { #expect(isNew) }
    }
  }

  @Test("around a command that fails leaves the old content, or says where it is")
  func preflight() throws {
    let command = ["preflight", "--", "sqlite3", "data.db", "delete from orders; select bogus"]
    try killEverywhere(Self.shop, command) { folder, next in
      let path = folder.file("data.db")
      #expect(try SQLiteFile.value(path, "pragma integrity_check") == "ok")
      #expect(try SQLiteFile.value(path, "select count(*) from users") == "2")
      if try SQLiteFile.value(path, "select count(*) from orders") == "4" { return }
      // The way back is the command that the next run says.
      let words = next.split(whereSeparator: \.isWhitespace).map(String.init)
      let at = try #require(words.indices.dropLast(3).first { words[$0] == "dbmend" && words[$0 + 1] == "restore" })
      let restored = try run([program, "restore", words[at + 2], words[at + 3]], folder: folder.path)
      #expect(restored.exit == 0, "\(restored.output)\(restored.errors)")
      #expect(try SQLiteFile.value(path, "select count(*) from orders") == "4")
    }
  }
}

/// The program that was built with these tests.
private var program: String {
  let beside = Paths.join(Paths.folder(of: Paths.resolved(CommandLine.arguments[0])), "dbmend")
  if FileStatus.exists(beside) { return beside }
  return Paths.join(Paths.folder(of: Paths.folder(of: Paths.folder(of: #filePath))), ".build/debug/dbmend")
}
