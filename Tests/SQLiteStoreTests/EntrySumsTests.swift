import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Entries of indexes and what rows make of them add up to the same")
struct EntrySumsTests {
  /// What is summed up in one reading of a file, index by index: whether both sides agree, and the entries.
  private func sums(_ path: String) throws -> [String: (agree: Bool, entries: Int)] {
    let (plan, result) = try walk(path, perCause: 1)
    return Dictionary(
      uniqueKeysWithValues: plan.comparisons.map {
        let (entries, rows) = (result.ofIndexes[$0.fingerprint], result.ofRows[$0.fingerprint])
        return ($0.index.name, (entries == rows, entries.count))
      })
  }

  private func expectAgreement(_ path: String, indexes: Int) throws {
    let sums = try sums(path)
    #expect(sums.count == indexes)
    for (name, sum) in sums { #expect(sum.agree && sum.entries > 0, "\(name)") }
    let opinion = Opinion.of(SQLiteDriver(), path)
    #expect(opinion.verdict == .sound, "\(opinion)")
  }

  @Test("rowids of every length, of both signs, at the end of an entry and before other values")
  func rowids() throws {
    let folder = try TemporaryFolder("dbmend-sums")
    let path = folder.file("a.db")
    let limits: [Int64] = [0, 1, 2, 127, 128, 32767, 32768, 1 << 23, 1 << 31, 1 << 47, .max]
    let rowids = Set(limits.flatMap { [$0, ~$0, $0 - 1, $0 &+ 1] })
    try script(
      path,
      """
      CREATE TABLE t(id INTEGER PRIMARY KEY, a, b);
      CREATE INDEX plain ON t(a); CREATE INDEX last ON t(b, id); CREATE INDEX first ON t(id, a); CREATE INDEX own ON t(id);
      """
        + rowids.map { "INSERT INTO t VALUES(\($0), \($0 / 3), 'row \($0)');" }.joined())
    try expectAgreement(path, indexes: 4)
  }

  @Test("texts and blobs of every length, alone, side by side and apart, and values without a body")
  func values() throws {
    let folder = try TemporaryFolder("dbmend-sums")
    let path = folder.file("a.db")
    try script(
      path,
      """
      CREATE TABLE t(a TEXT, b BLOB, c, d TEXT, e);
      CREATE INDEX ia ON t(a); CREATE INDEX iab ON t(a, b); CREATE INDEX ida ON t(d, a); CREATE INDEX ic ON t(c);
      CREATE INDEX iall ON t(e, d, c, b, a);
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
      INSERT INTO t SELECT substr(hex(zeroblob(300)), 1, i), zeroblob(i % 37),
        CASE i % 7 WHEN 0 THEN NULL WHEN 1 THEN 0 WHEN 2 THEN 1 WHEN 3 THEN i / 8.0 WHEN 4 THEN -i * 70000 ELSE i END,
        CASE WHEN i % 3 = 0 THEN 'ä' || i ELSE substr('abcdefghijklmnopqrstuvwxyz', 1, i % 27) END, i % 2 FROM n;
      """)
    try expectAgreement(path, indexes: 5)
  }

  @Test("tables of many columns, of columns that were added later, of conditions, and without rowid")
  func tables() throws {
    let folder = try TemporaryFolder("dbmend-sums")
    let path = folder.file("a.db")
    let many = (0..<40).map { "c\($0)" }
    try script(
      path,
      """
      CREATE TABLE wide(\(many.joined(separator: ", ")));
      CREATE INDEX w1 ON wide(c3, c39); CREATE INDEX w2 ON wide(\(many.joined(separator: ", ")));
      INSERT INTO wide(c0, c3, c39) VALUES(1, 'a', 2.5), (2, NULL, 3), (3, 'c', x'00');
      CREATE TABLE grown(a); INSERT INTO grown VALUES(1), ('two'), (NULL);
      ALTER TABLE grown ADD COLUMN n INTEGER DEFAULT 70000; ALTER TABLE grown ADD COLUMN t TEXT DEFAULT 'added';
      ALTER TABLE grown ADD COLUMN r DEFAULT 2.5; ALTER TABLE grown ADD COLUMN b DEFAULT x'0102';
      ALTER TABLE grown ADD COLUMN z INTEGER DEFAULT 0;
      CREATE INDEX g1 ON grown(n, t); CREATE INDEX g2 ON grown(r, b, z); INSERT INTO grown(a) VALUES(9);
      CREATE TABLE checked(a CHECK (a > 0), b); INSERT INTO checked VALUES(1, 'x'), (2, 'y');
      CREATE INDEX k1 ON checked(b); CREATE INDEX k2 ON checked(a) WHERE b > 'x';
      CREATE TABLE computed(a, b AS (a * 2)); INSERT INTO computed(a) VALUES(1), (2), ('z');
      CREATE INDEX m1 ON computed(b); CREATE INDEX m2 ON computed(a);
      CREATE TABLE keyed(k TEXT PRIMARY KEY, v, w) WITHOUT ROWID; INSERT INTO keyed VALUES('a', 1, 2), ('b', 'c', NULL);
      CREATE INDEX y1 ON keyed(v); CREATE INDEX y2 ON keyed(w, k);
      """)
    try expectAgreement(path, indexes: 10)
  }

  @Test("long keys that go on in overflow pages")
  func overflow() throws {
    let folder = try TemporaryFolder("dbmend-sums")
    let path = folder.file("a.db")
    try script(
      path,
      """
      PRAGMA page_size = 512; CREATE TABLE t(a TEXT, b); CREATE INDEX ia ON t(a); CREATE INDEX iba ON t(b, a);
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
      INSERT INTO t SELECT printf('%.*c', i * 7, 'k') || i, i % 5 FROM n;
      """)
    try expectAgreement(path, indexes: 2)
  }

  @Test("numbers that are stored otherwise than SQLite does are told by their values: no damage")
  func storedOtherwise() throws {
    let folder = try TemporaryFolder("dbmend-sums")
    let path = folder.file("a.db")
    try script(path, "CREATE TABLE t(a INTEGER); CREATE INDEX ia ON t(a); INSERT INTO t VALUES(0), (1), (5)")
    // The rows of such a format have no types for 0 and 1, these have.
    var bytes = try folder.read("a.db")
    bytes[47] = 1
    _ = try folder.write(bytes, to: "a.db")
    #expect(try sums(path)["ia"]?.agree == false)
    #expect(try sqlite(path, "PRAGMA integrity_check") == [[.text("ok")]])
    #expect(Opinion.of(SQLiteDriver(), path).verdict == .sound)
  }

  @Test("a value that differs in one byte is found in every index that holds it")
  func differing() throws {
    let folder = try TemporaryFolder("dbmend-sums")
    let path = folder.file("a.db")
    try script(
      path,
      """
      CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INTEGER); CREATE INDEX ia ON t(a); CREATE INDEX iab ON t(a, b);
      CREATE INDEX ib ON t(b, id); INSERT INTO t VALUES(1, 'some text that is long enough', 77000), (2, 'other', 78000);
      """)
    var bytes = try folder.read("a.db")
    let text = Array("some text that".utf8)
    // The table's page comes before those of the indexes.
    let at = try #require(bytes.indices.first { bytes[$0...].starts(with: text) && $0 > 4096 && $0 < 8192 })
    bytes[at + 3] ^= 1
    _ = try folder.write(bytes, to: "a.db")
    let sums = try sums(path)
    #expect(sums["ia"]?.agree == false && sums["iab"]?.agree == false && sums["ib"]?.agree == true)
    let codes = Opinion.of(SQLiteDriver(), path).codes
    #expect(codes.contains("index.entry-missing") && codes.contains("index.entry-extra"))
  }

  @Test("a byte that differs is found before, in and behind long runs of zeros", arguments: [40, 200, 794, 5000])
  func zeros(_ count: Int) throws {
    let folder = try TemporaryFolder("dbmend-sums")
    let path = try SQLiteFile.make(
      folder.file("z.db"),
      """
      PRAGMA page_size = 1024;
      CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b BLOB, c INT, UNIQUE(a, b, c));
      INSERT INTO t VALUES(312, 56, zeroblob(\(count)), 8388607);
      """)
    #expect(Opinion.of(SQLiteDriver(), path).verdict == .sound)
    let sound = try folder.read("z.db")
    let pages = sound.count / 1024
    let index = try #require((1..<pages).first { sound[$0 * 1024] == 10 })
    let start = index * 1024 + Int(sound[index * 1024 + 8]) << 8 + Int(sound[index * 1024 + 9])
    // Bytes of the entry's body on its own page, which ends in the number of an overflow page if there is one.
    for at in [start + 9, start + 20, start + 30] where at < (index + 1) * 1024 - 12 {
      var damaged = sound
      damaged[at] ^= 4
      try folder.write(damaged, to: "z.db")
      let opinion = Opinion.of(SQLiteDriver(), path)
      #expect(opinion.verdict == .damaged, "byte \(at - start) of the entry: \(opinion)")
    }
  }
}
