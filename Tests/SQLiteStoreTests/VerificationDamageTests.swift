import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("What SQLite's own check calls damaged is called damaged")
struct VerificationDamageTests {
  private static let batches = 6
  private static let share = getenv("DBMEND_TRIALS").flatMap { Int(String(cString: $0)) } ?? 300

  /// Both answers to a file; the verification first, since SQLite may write.
  private func compare(_ path: String, _ words: @autoclosure () -> String) {
    let native = Opinion.of(SQLiteDriver(), path)
    let engine = Opinion.ofEngine(path)
    #expect(!native.misses(engine), "\(words())\n    dbmend: \(native)\n    SQLite: \(engine)")
  }

  @Test("in every file that fuzzers found")
  func corpus() throws {
    guard let corpus = Corpus.folder("sqlite-fuzz") else { return }
    let folder = try TemporaryFolder("dbmend-corpus")
    var damaged = 0
    for name in try Paths.names(in: corpus) where name.hasSuffix(".db") {
      let path = try folder.write(FileHandle.read(Paths.join(corpus, name)).readAll(limit: 1 << 30), to: name)
      compare(path, name)
      if Opinion.ofEngine(path).verdict == .damaged { damaged += 1 }
    }
    #expect(damaged > 90)
  }

  @Test("in databases of all page sizes, after damage of every kind", arguments: 0..<batches)
  func everyKind(_ batch: Int) throws {
    let pool = try DatabasePool(size: .small)
    let folder = try TemporaryFolder("dbmend-damage")
    var applied: Set<PageDamage> = []
    for (position, kind) in PageDamage.allCases.enumerated() {
      for turn in 0..<max(1, Self.share / 150) {
        // Each batch has databases of its own.
        let number = UInt64((turn * PageDamage.allCases.count + position) * 2 * Self.batches + batch)
        let damaged = DamagedDatabase(number: number, bases: UInt64(2 * Self.batches), kind: kind)
        guard let done = try damaged.write(to: folder.file("a.db"), from: pool) else { continue }
        applied.insert(kind)
        compare(folder.file("a.db"), "number \(number) of \(2 * Self.batches), \(done)")
      }
    }
    #expect(applied.count > PageDamage.allCases.count / 2)
  }

  @Test("in small databases after several kinds of damage at once: no crash, no hang", arguments: 0..<batches)
  func mutatedInputs(_ batch: Int) throws {
    let pool = try DatabasePool(size: .tiny)
    let folder = try TemporaryFolder("dbmend-inputs")
    let bases = UInt64(5 * Self.batches)
    for turn in 0..<Self.share / 2 {
      let number = UInt64(turn * Self.batches + batch)
      guard let done = try DamagedDatabase(number: number, bases: bases).write(to: folder.file("a.db"), from: pool)
      else {
        continue
      }
      let start = Clock.system.steady()
      compare(folder.file("a.db"), "number \(number) of \(bases), \(done)")
      #expect(Clock.system.steady() - start < 20, "number \(number) of \(bases), \(done), took too long")
    }
  }

  @Test(
    "in copies that the damage tool made",
    arguments: [
      "zero-pages", "garbage-pages", "bitflips", "sectors", "interior", "truncate", "header", "page-one", "swap",
      "duplicate",
      "index-entries", "freelist", "stale-pages", "null-key",
    ])
  func damageTool(_ kind: String) throws {
    guard DamageTool.path() != nil else { return }
    let folder = try TemporaryFolder("dbmend-tool")
    let source = folder.file("source.db")
    try SQLiteFile.make(
      source,
      """
      PRAGMA page_size = 1024;
      CREATE VIEW first AS SELECT 1;
      CREATE TABLE people(code TEXT PRIMARY KEY, name TEXT COLLATE NOCASE, born INT, flag INT NOT NULL);
      CREATE INDEX people_name ON people(name, born DESC); CREATE INDEX people_some ON people(born) WHERE born > 1950;
      WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1500)
      INSERT INTO people SELECT 'code ' || i, 'Name ' || i * 7919 % 1500, 1900 + i % 100, i % 2 FROM c;
      CREATE TABLE tree(a TEXT, b INT, PRIMARY KEY(b, a)) WITHOUT ROWID; INSERT OR IGNORE INTO tree SELECT name, born FROM people;
      """)
    for seed in 1...4 {
      let damaged = folder.file("damaged.db")
      #expect(try DamageTool.damage(kind, source, to: damaged, seed: seed, count: 1 + seed % 2 * 4))
      compare(damaged, "damage.py \(kind) --seed \(seed)")
    }
  }

  @Test(
    "in any page of a long value's overflow chain, of the table and of the index alike",
    arguments: ["", "WITHOUT ROWID"])
  func overflowBytes(_ option: String) throws {
    let folder = try TemporaryFolder("dbmend-overflow")
    let path = folder.file("a.db")
    try SQLiteFile.make(
      path,
      """
      PRAGMA page_size = 1024; CREATE TABLE t(id INT PRIMARY KEY, x TEXT) \(option); CREATE INDEX i ON t(x);
      INSERT INTO t VALUES (1, printf('%.*c', 3500, 'a')), (2, printf('%.*c', 2500, 'b')), (3, 'c');
      """)
    let sound = try #require(DatabaseImage(try folder.read("a.db")))
    #expect(sound.pages(.overflow).count > 8)
    // Values that repeat one byte are where a hash is at its weakest. The last page of a chain is hardly full.
    for page in sound.pages(.overflow) where sound.byte(sound.start(page) + 300) != 0 {
      var image = sound
      image.setByte(image.start(page) + 300, image.byte(image.start(page) + 300) ^ 1)
      try folder.write(image.bytes, to: "b.db")
      compare(folder.file("b.db"), "page \(page)")
      #expect(Opinion.of(SQLiteDriver(), folder.file("b.db")).verdict == .damaged)
    }
  }
}
