import MendKit
import TestSupport
import Testing

/// DuckDB databases, through every command: healthy, backed up and restored, and damaged in the ways that disks, people and
/// crashes damage them.
@Suite("Trials: DuckDB databases", .enabled("DuckDB's client is not installed") { try DuckDBFile.isHere })
struct DuckDBTrials {
  private static let script = """
    CREATE SEQUENCE ids;
    CREATE TABLE orders(id INTEGER PRIMARY KEY DEFAULT nextval('ids'), sku VARCHAR, quantity INTEGER);
    INSERT INTO orders(sku, quantity) SELECT 'sku number ' || i * 7919 % 1000003, i % 100 FROM range(150000) t(i);
    CREATE TABLE users(id INTEGER, name VARCHAR);
    INSERT INTO users VALUES (1, 'Ada'), (2, 'Grace');
    CHECKPOINT;
    """

  private func trial() throws -> Trial {
    let trial = try Trial()
    try DuckDBFile.run(trial.file("shop.duckdb"), Self.script)
    return trial
  }

  private func sums(_ trial: Trial) throws -> [String] {
    try ["orders", "users"].map { try DuckDBFile.sum(trial.file("shop.duckdb"), $0) }
  }

  private func damageBlock(_ trial: Trial, of column: String = "sku") throws {
    let path = trial.file("shop.duckdb")
    let block = try DuckDBFile.block(path, "orders", column)
    try DuckDBFile.damage(path, at: DuckDBFile.block(block) + 8000, count: 4096)
  }

  @Test("a healthy database is backed up, changed and restored row for row, and the archive opens with tar alone")
  func backupAndRestore() throws {
    let trial = try trial()
    let before = try sums(trial)
    let sight = try trial.sight()
    let check = try trial.dbmend("check", ".")
    #expect(check.exit == 0 && check.store()?["kind"]?.string == "duckdb", "\(check.everything)")
    #expect(check.store()?["tables"]?["orders"]?["rows"]?.integer == 150_000)
    #expect(try trial.sight() == sight)
    // What is in the log is in the archive too.
    try DuckDBFile.leaveInLog(trial.file("shop.duckdb"), "INSERT INTO users VALUES (3, 'Mary');")
    let backup = try trial.dbmend("backup", "shop.duckdb")
    #expect(backup.exit == 0, "\(backup.everything)")
    try trial.folder.write("", to: "marker")
    let archive = try #require(backup.archive)
    #expect(try run("tar", "-xf", trial.file(archive), "--one-top-level=out", folder: trial.folder.path).exit == 0)
    #expect(try DuckDBFile.value(trial.file("out/shop.duckdb"), "SELECT count(*) FROM users") == "3")
    try DuckDBFile.run(trial.file("shop.duckdb"), "DELETE FROM orders WHERE id > 10; DROP TABLE users;")
    let restore = try trial.dbmend("restore", "latest", "shop.duckdb")
    #expect(restore.exit == 0, "\(restore.everything)")
    #expect(try sums(trial)[0] == before[0])
    #expect(try DuckDBFile.value(trial.file("shop.duckdb"), "SELECT count(*) FROM users") == "3")
    #expect(try trial.leftovers().isEmpty)
  }

  @Test("bytes overwritten in the middle: found to the block, and taken from the archive at no loss")
  func overwritten() throws {
    let trial = try trial()
    let before = try sums(trial)
    #expect(try trial.dbmend("backup", "shop.duckdb").exit == 0)
    try damageBlock(trial)
    let check = try trial.dbmend("check", "shop.duckdb")
    #expect(check.exit == 1 && check.codes == ["table.malformed"], "\(check.everything)")
    #expect(check.store()?["findings"]?.array?.first?["table"]?.string == "orders")
    let repair = try trial.dbmend("repair", "shop.duckdb", "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try sums(trial) == before)
  }

  /// Writes a sound block of a column over another one of it, as a disk does that mistakes the place. `keepsTime` leaves the time of the
  /// file's last change, as only a disk can.
  private func misplaceBlock(_ trial: Trial, keepsTime: Bool) throws {
    let path = trial.file("shop.duckdb")
    let blocks = try DuckDBFile.value(
      path,
      "SELECT block_id FROM pragma_storage_info('orders') WHERE column_name = 'sku' AND block_offset = 0 AND block_id >= 0 "
        + "ORDER BY row_group_id, segment_id"
    ).split(separator: " ").compactMap { Int($0) }
    let (from, to) = try (#require(blocks.last), #require(blocks.first))
    try #require(from != to)
    let modified = try FileStatus.of(path).modified
    let file = try FileHandle.update(path)
    try file.write(try file.read(262_144, at: DuckDBFile.block(from)), at: DuckDBFile.block(to))
    if keepsTime { FileTimes.set(modified, of: file) }
  }

  @Test("a sound block in the wrong place: found by its values, and its rows are set aside without them")
  func misplaced() throws {
    let trial = try trial()
    try misplaceBlock(trial, keepsTime: false)
    let check = try trial.dbmend("check", "shop.duckdb")
    #expect(check.exit == 1 && Set(check.codes) == ["table.malformed"], "\(check.everything)")
    #expect(try trial.dbmend("repair", "shop.duckdb", "--max-loss", "none", "--yes").exit == 1)
    let repair = try trial.dbmend("repair", "shop.duckdb", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    let rows = try #require(repair.store()?["rows"]?["orders"])
    let aside = rows["set_aside"]?.integer ?? 0
    #expect((rows["kept"]?.integer ?? 0) + aside == 150_000 && aside > 1000 && rows["lost"]?.integer == 0, "\(rows)")
    #expect(
      try DuckDBFile.value(
        trial.file("shop.duckdb"),
        "SELECT count(*) FROM orders WHERE sku <> 'sku number ' || (id - 1) * 7919 % 1000003") == "0")
  }

  @Test(
    "a sound block in the wrong place that nobody wrote: the archive's checksums tell, and it comes from there at no loss"
  )
  func rotten() throws {
    let trial = try trial()
    let before = try sums(trial)
    #expect(try trial.dbmend("backup", "shop.duckdb").exit == 0)
    #expect(try trial.dbmend("check", "shop.duckdb").exit == 0)
    try misplaceBlock(trial, keepsTime: true)
    let check = try trial.dbmend("check", "shop.duckdb")
    #expect(check.exit == 1 && check.codes.contains("page.rotten"), "\(check.everything)")
    let repair = try trial.dbmend("repair", "shop.duckdb", "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try sums(trial) == before)
  }

  @Test("bytes overwritten without an archive: every row that can be read stays, the others are set aside and counted")
  func salvaged() throws {
    let trial = try trial()
    try damageBlock(trial)
    #expect(try trial.dbmend("repair", "shop.duckdb", "--max-loss", "none", "--yes").exit == 1)
    let repair = try trial.dbmend("repair", "shop.duckdb", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    let rows = try #require(repair.store()?["rows"]?["orders"])
    let kept = rows["kept"]?.integer ?? 0
    let aside = rows["set_aside"]?.integer ?? 0
    #expect(kept + aside == 150_000 && aside > 0 && kept > 0 && rows["lost"]?.integer == 0)
    #expect(try trial.dbmend("check", "shop.duckdb").exit == 0)
    #expect(
      try DuckDBFile.value(trial.file("shop.duckdb"), "SELECT count(*) FROM dbmend_set_aside_orders") == "\(aside)")
    #expect(try trial.leftovers().isEmpty)
  }

  @Test("a block overwritten after other changes: it comes from the archive where the file proves that it is the same")
  func proved() throws {
    let trial = try trial()
    #expect(try trial.dbmend("backup", "shop.duckdb").exit == 0)
    try DuckDBFile.run(trial.file("shop.duckdb"), "INSERT INTO users VALUES (3, 'Mary'); CHECKPOINT;")
    let before = try sums(trial)
    try damageBlock(trial)
    let repair = try trial.dbmend("repair", "shop.duckdb", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try sums(trial) == before)
  }

  @Test("a zeroed header is written anew, at no loss and without an archive")
  func zeroedHeader() throws {
    let trial = try trial()
    let before = try sums(trial)
    try DuckDBFile.damage(trial.file("shop.duckdb"), at: 0, count: 4096, with: 0)
    let check = try trial.dbmend("check", "shop.duckdb")
    #expect(check.exit == 1 && check.codes == ["file.malformed"], "\(check.everything)")
    let repair = try trial.dbmend("repair", "shop.duckdb", "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try sums(trial) == before)
  }

  @Test("all headers zeroed, and a lost tail: the archive that everything else equals gives them back")
  func zeroedAndTruncated() throws {
    let trial = try trial()
    let path = trial.file("shop.duckdb")
    let bytes = try trial.folder.read("shop.duckdb")
    let before = try sums(trial)
    #expect(try trial.dbmend("backup", "shop.duckdb").exit == 0)
    try FileHandle.update(path).truncate(to: bytes.count / 2)
    let codes = Set(try trial.dbmend("check", "shop.duckdb").codes)
    #expect(!codes.isEmpty && codes.isSubset(of: ["file.malformed", "table.malformed", "index.malformed"]), "\(codes)")
    let tail = try trial.dbmend("repair", "shop.duckdb", "--max-loss", "none", "--yes")
    #expect(tail.exit == 0, "\(tail.everything)")
    #expect(try sums(trial) == before)
    try DuckDBFile.damage(path, at: 0, count: 12_288, with: 0)
    let refused = try trial.dbmend("repair", "shop.duckdb", "--yes")
    #expect(refused.exit == 1, "\(refused.everything)")
    let headers = try trial.dbmend("repair", "shop.duckdb", "--max-loss", "changes", "--yes")
    #expect(headers.exit == 0, "\(headers.everything)")
    #expect(try sums(trial) == before)
  }

  @Test("a stale log, and one with a damaged entry: set aside with their bytes, and what they held is told")
  func logs() throws {
    let trial = try trial()
    let path = trial.file("shop.duckdb")
    try DuckDBFile.leaveInLog(path, "DELETE FROM orders WHERE id = 1; INSERT INTO orders VALUES (400000, 'new', 1);")
    let log = try trial.folder.read("shop.duckdb.wal")
    try DuckDBFile.run(path, "CHECKPOINT;")
    let before = try sums(trial)
    try trial.folder.write(log, to: "shop.duckdb.wal")
    let check = try trial.dbmend("check", "shop.duckdb")
    #expect(check.exit == 1 && check.codes == ["wal.malformed"], "\(check.everything)")
    #expect(try trial.dbmend("repair", "shop.duckdb", "--yes").exit == 1)
    #expect(try trial.folder.read("shop.duckdb.wal") == log)
    let repair = try trial.dbmend("repair", "shop.duckdb", "--max-loss", "changes", "--yes")
    #expect(repair.exit == 0 && repair.tells("1 inserted, 1 deleted"), "\(repair.everything)")
    #expect(try sums(trial) == before)
    let kept = try #require(try trial.folder.names().first { $0.hasPrefix("shop.duckdb.wal.orphan-") })
    #expect(try trial.folder.read(kept) == log)

    try DuckDBFile.leaveInLog(path, "INSERT INTO users VALUES (5, 'Jean'); INSERT INTO users VALUES (6, 'Kay');")
    let size = try FileStatus.of(path + ".wal").size
    try DuckDBFile.damage(path + ".wal", at: size - 30, count: 4)
    #expect(try trial.dbmend("check", "shop.duckdb").codes == ["wal.malformed"])
    let second = try trial.dbmend("repair", "shop.duckdb", "--max-loss", "changes", "--yes")
    #expect(second.exit == 0 && second.tells("1 transaction of the log was kept"), "\(second.everything)")
    #expect(try DuckDBFile.value(path, "SELECT max(id) FROM users") == "5")
  }

  @Test("another version of the format, no permission and no engine: unchecked, with what to do")
  func unchecked() throws {
    let trial = try trial()
    let path = trial.file("shop.duckdb")
    let missing = try run(
      ["env", "PATH=/usr/bin:/bin", "HOME=/nonexistent", Trial.program, "check", path],
      environment: ["LC_ALL": "C.UTF-8"])
    #expect(missing.exit == 3 && (missing.output + missing.errors).contains("pip install duckdb-cli"), "\(missing)")
    chmod(path, 0o600)
    let denied = try trial.dbmend("check", "shop.duckdb", user: Trial.nobody)
    #expect(denied.exit == 3, "\(denied.everything)")
    let bytes = try trial.folder.read("shop.duckdb")
    var header = Array(bytes.prefix(4096))
    header[12] = 120
    // The checksum of a changed word: what it was, without the old word and with the new one.
    let factor: UInt64 = 0xBF58_476D_1CE4_E5B9
    func word(_ bytes: [UInt8], _ at: Int) -> UInt64 {
      (0..<8).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
    }
    let sum = word(bytes, 0) ^ word(bytes, 8) &* factor ^ word(header, 8) &* factor
    for place in 0..<8 { header[place] = UInt8(truncatingIfNeeded: sum >> UInt64(8 * place)) }
    try FileHandle.update(path).write(header, at: 0)
    let newer = try trial.dbmend("check", "shop.duckdb")
    #expect(newer.exit == 3 && newer.tells("version number 120"), "\(newer.everything)")
    #expect(try trial.dbmend("repair", "shop.duckdb", "--yes").exit == 3)
  }

  @Test("damage is found where no engine is, too")
  func withoutEngine() throws {
    let trial = try trial()
    try damageBlock(trial)
    let check = try run(
      ["env", "PATH=/usr/bin:/bin", "HOME=/nonexistent", Trial.program, "check", trial.file("shop.duckdb")],
      environment: ["LC_ALL": "C.UTF-8"])
    #expect(check.exit == 1 && check.output.contains("file.malformed"), "\(check)")
  }

  @Test("an empty file, one of text, and a missing one")
  func empty() throws {
    let trial = try Trial()
    try trial.folder.write("", to: "empty.duckdb")
    #expect(try trial.dbmend("check", "empty.duckdb").codes == ["file.empty"])
    try trial.folder.write("not a database, only a few words of text", to: "text.duckdb")
    #expect(try trial.dbmend("check", "text.duckdb").codes == ["file.not-a-database"])
    #expect(try trial.dbmend("check", "gone.duckdb").exit == 1)
    #expect(try trial.folder.names() == ["empty.duckdb", "text.duckdb"])
  }

  @Test("while an application has it open it is checked and backed up, and nothing takes its place")
  func open() throws {
    let trial = try trial()
    let application = try DuckDBApplication(trial.file("shop.duckdb"), "INSERT INTO users VALUES (3, 'Mary');")
    let check = try trial.dbmend("check", "shop.duckdb")
    #expect(check.exit == 0 && check.store()?["tables"]?["users"]?["rows"]?.integer == 3, "\(check.everything)")
    #expect(try trial.dbmend("backup", "shop.duckdb").exit == 0)
    let restore = try trial.dbmend("restore", "latest", "shop.duckdb")
    #expect(restore.exit == 3 || restore.exit == 1, "\(restore.everything)")
    #expect(restore.tells("duckdb"))
    try application.close()
    #expect(try DuckDBFile.value(trial.file("shop.duckdb"), "SELECT count(*) FROM users") == "3")
  }

  @Test("a command that fails is undone, with what it left in the log")
  func putBack() throws {
    let trial = try trial()
    try trial.configure("shop.duckdb")
    let before = try sums(trial)
    let program = try #require(try DuckDBFile.client())
    try trial.folder.write(
      "PRAGMA disable_checkpoint_on_shutdown;\nDELETE FROM orders;\nINSERT INTO users VALUES (3, 'Mary');\n",
      to: "update.sql")
    let run = try trial.dbmend("preflight", "--", "sh", "-c", "\(program) shop.duckdb < update.sql > /dev/null; exit 7")
    #expect(run.exit == 4, "\(run.everything)")
    #expect(try sums(trial) == before)
    #expect(!FileStatus.exists(trial.file("shop.duckdb.wal")))
  }

  @Test("rules of the configuration: tables, keys, sequences, rows and queries")
  func rules() throws {
    let trial = try trial()
    try DuckDBFile.run(
      trial.file("shop.duckdb"),
      "INSERT INTO orders VALUES (900000, 'late', 1); CREATE TABLE parts(id INTEGER PRIMARY KEY); "
        + "CREATE TABLE uses(part INTEGER REFERENCES parts(id));")
    try trial.configure(
      "shop.duckdb",
      more: """
        checks:
          - integrity
          - required-tables: { tables: [orders, customers] }
          - primary-keys
          - sequences
          - foreign-keys
          - row-counts: { minimum: { users: 5 } }
          - sql: { name: quantities, query: "select count(*) from orders where quantity is null", expect: 0 }
        """)
    let check = try trial.dbmend("check")
    #expect(
      Set(check.codes) == ["table.missing", "sequence.behind", "row-count.below-minimum"], "\(check.everything)")
    let repair = try trial.dbmend(
      "repair", "production/shop", "--with", "reset-sequences", "--output", "mended.duckdb", "--yes")
    #expect(repair.exit == 1, "\(repair.everything)")
    try DuckDBFile.run(trial.file("mended.duckdb"), "INSERT INTO orders(sku) VALUES ('next');")
    #expect(try DuckDBFile.value(trial.file("mended.duckdb"), "SELECT max(id) FROM orders") == "900001")
  }

  @Test(
    "a damaged block that the archive is proved to have is taken from it at no loss, though other things changed since")
  func provedAtNoLoss() throws {
    let trial = try trial()
    #expect(try trial.dbmend("backup", "shop.duckdb").exit == 0)
    try DuckDBFile.run(trial.file("shop.duckdb"), "INSERT INTO users VALUES (3, 'Mary'); CHECKPOINT;")
    let before = try sums(trial)
    try damageBlock(trial)
    let repair = try trial.dbmend("repair", "shop.duckdb", "--max-loss", "none", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try sums(trial) == before)
  }

  @Test("a definition that is damaged in the catalog costs its table alone; --schema gives its rows back")
  func definition() throws {
    let trial = try trial()
    let path = trial.file("shop.duckdb")
    let before = try sums(trial)
    let bytes = try trial.folder.read("shop.duckdb")
    // The name of the column in the catalog's newest state.
    let name = [200, 0, 5] + Array("users".utf8)
    let place = try #require(
      (0..<bytes.count - name.count).last { bytes[$0] == 200 && bytes[$0..<$0 + name.count].elementsEqual(name) })
    try DuckDBFile.damage(path, at: place + 12, count: 12)
    #expect(try trial.dbmend("check", "shop.duckdb").codes == ["file.malformed"])
    try trial.folder.write("CREATE TABLE users(id INTEGER, name VARCHAR);", to: "schema.sql")
    let without = try trial.dbmend(
      "repair", "shop.duckdb", "--output", "without.duckdb", "--max-loss", "changes", "--yes")
    #expect(without.tells("the definition of the table users is damaged"), "\(without.everything)")
    #expect(without.store()?["rows"]?["users"]?["lost"]?.integer == 2, "\(without.everything)")
    #expect(try DuckDBFile.sum(trial.file("without.duckdb"), "orders") == before[0])
    let repair = try trial.dbmend("repair", "shop.duckdb", "--schema", "schema.sql", "--max-loss", "changes", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try sums(trial) == before)
  }

  @Test("a check that finds no room for its copy says how much it needs and where", .enabled(if: geteuid() == 0))
  func room() throws {
    let trial = try trial()
    try Paths.makeFolder(trial.file("small"))
    let mounted = try run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", trial.file("small"))
    guard mounted.exit == 0 else { throw PreparationFailed(mounted.errors) }
    defer { _ = try? run("umount", "-l", trial.file("small")) }
    let check = try run(
      [Trial.program, "check", trial.file("shop.duckdb")],
      environment: ["LC_ALL": "C.UTF-8", "TMPDIR": trial.file("small")])
    #expect(
      check.exit == 3 && check.output.contains("there is room for") && check.output.contains("TMPDIR"), "\(check)")
    #expect(try Paths.names(in: trial.file("small")).isEmpty)
  }

  @Test("a restore that is killed leaves the old content with its log, or the new one")
  func killed() throws {
    let trial = try trial()
    let path = trial.file("shop.duckdb")
    let archive = try #require(try trial.dbmend("backup", "shop.duckdb").archive)
    let new = try sums(trial)
    let plain = try trial.folder.read("shop.duckdb")
    try DuckDBFile.leaveInLog(path, "INSERT INTO users VALUES (3, 'Mary');")
    let log = try trial.folder.read("shop.duckdb.wal")
    let old = try sums(trial)
    var finished = false
    for moment in 1...40 where !finished {
      let seconds = 0.02 * Double(moment) * (1 + Double(moment) / 5)
      let run = try run(
        "sh", "-c",
        "cd \(trial.folder.path); timeout -s KILL \(seconds) \(Trial.program) restore \(archive) shop.duckdb; echo exit $?"
      )
      let now = try sums(trial)
      #expect(now == old || now == new, "killed after \(seconds) s")
      finished = run.output.contains("exit 0")
      if now == new, !finished {
        try trial.folder.write(plain, to: "shop.duckdb")
        try trial.folder.write(log, to: "shop.duckdb.wal")
      }
    }
    #expect(finished)
    #expect(try sums(trial) == new)
    #expect(try trial.leftovers().isEmpty)
  }
}
