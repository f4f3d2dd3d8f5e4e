import MendKit
import TestSupport
import Testing

@testable import DuckDBStore

@Suite("Putting DuckDB databases in place", withClient) struct InstallerTests {
  private static let script = """
    CREATE TABLE t(i INTEGER PRIMARY KEY, x VARCHAR); INSERT INTO t SELECT i, 'old' FROM range(50) r(i); CHECKPOINT;
    """

  /// Every state that an application would find while a copy takes the place of a database, asked of copies of it.
  private func states(_ shop: Shop, installing copy: String, then query: String) throws -> [String] {
    var states: [String] = []
    var failure: (any Error)?
    var installer = Installer(shop.path, patience: 1)
    installer.afterStep = {
      do { states.append(try DuckDBFile.value(shop.path, query)) } catch { failure = error }
    }
    try install(copy, by: installer)
    if let failure { throw failure }
    return states + [try DuckDBFile.value(shop.path, query)]
  }

  /// A program that another test starts has this one's files for a moment.
  private func install(_ copy: String, by installer: Installer) throws {
    for _ in 0..<20 {
      guard try isBusy(copy, by: installer) else { return }
      usleep(50_000)
    }
    throw PreparationFailed("\(installer.path) stays open")
  }

  /// Installs the copy, unless somebody has the file open.
  private func isBusy(_ copy: String, by installer: Installer) throws(Problem) -> Bool {
    do throws(Problem) {
      try installer.install(copy, expected: try DuckDBDriver().stamp(installer.path))
      return false
    } catch {
      guard error.code == "store.in-use" else { throw error }
      return true
    }
  }

  @Test(
    "whatever step it dies at, the engine finds the old content with its log, or the new one", arguments: [false, true])
  func whole(_ isNewest: Bool) throws {
    let folder = try TemporaryFolder("dbmend-duckdb-install")
    let made = folder.file("made.db")
    try DuckDBFile.run(
      ":memory:",
      "ATTACH '\(made)' AS m (STORAGE_VERSION '\(isNewest ? "latest" : "v1.0.0")'); USE m; \(Self.script)")
    let shop = try Shop(Self.script)
    try shop.folder.write(try FileHandle.read(made).readAll(limit: 1 << 30), to: "shop.db")
    let new = try shop.copy(as: "new.db")
    try DuckDBFile.run(new, "UPDATE t SET x = 'new'; CHECKPOINT;")
    try DuckDBFile.leaveInLog(shop.path, "INSERT INTO t VALUES (100, 'old'); DELETE FROM t WHERE i = 7;")
    let states = try states(shop, installing: new, then: "SELECT count(*), max(i), min(x), max(x) FROM t")
    #expect(Set(states) == ["50,100,old,old", "50,49,new,new"] && states.last == "50,49,new,new", "\(states)")
    #expect(states.drop { $0.hasSuffix("old,old") }.allSatisfy { $0.hasSuffix("new,new") }, "\(states)")
    #expect(try shop.folder.names().filter { $0.hasPrefix("shop") } == ["shop.db"])
  }

  @Test("where the log of the old one is damaged, its transactions before the damage are there until the new one is")
  func damagedLog() throws {
    let shop = try Shop(Self.script)
    let new = try shop.copy(as: "new.db")
    try DuckDBFile.run(new, "UPDATE t SET x = 'new'; CHECKPOINT;")
    try DuckDBFile.leaveInLog(shop.path, "INSERT INTO t VALUES (100, 'old'); INSERT INTO t VALUES (200, 'old');")
    let size = try FileStatus.of(shop.path + ".wal").size
    try DuckDBFile.damage(shop.path + ".wal", at: size - 30, count: 4)
    let log = try shop.folder.read("shop.db.wal")
    var states: [String] = []
    var installer = Installer(shop.path, patience: 1)
    let query = "SELECT count(*), max(i), max(x) FROM t"
    installer.afterStep = { states.append((try? DuckDBFile.value(shop.path, query)) ?? "refused") }
    try install(new, by: installer)
    // The engine refuses it as it was, takes what is whole of it, or has the new one.
    #expect(
      Set(states).isSubset(of: ["refused", "51,100,old", "50,49,new"]) && states.last == "50,49,new", "\(states)")
    let orphan = try #require(try shop.folder.names().first { $0.hasPrefix("shop.db.wal.orphan-") })
    #expect(try shop.folder.read(orphan) == log)
  }
}
