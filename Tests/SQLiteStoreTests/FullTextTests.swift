import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Full-text indexes whose own tables lost what their module needs")
struct FullTextTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder("dbmend-fulltext") }

  private static let rows = 200

  /// A database with an index `words` on texts that stand in `notes`, too.
  private func make(_ module: String, _ damage: String) throws -> String {
    try SQLiteFile.make(
      folder.file("a.db"),
      """
      CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT);
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < \(Self.rows))
      INSERT INTO notes SELECT i, 'note ' || i || ' on Subject ' || (i % 7) FROM n;
      CREATE VIRTUAL TABLE words
        USING \(module); INSERT INTO words(rowid, text) SELECT id, text FROM notes;
      PRAGMA writable_schema = ON; \(damage)
      """)
  }

  private func mend(_ path: String) throws -> RepairOutcome {
    let session = try SQLiteDriver().open(path, patience: 1)
    let findings = try session.verifyIntegrity(IntegrityRequest())
    session.end()
    #expect(findings.contains { $0.code == "virtual-table.malformed" && $0.location.table == "words" })
    var outcome = RepairOutcome()
    try VirtualRebuild(path: path).run(["words"], &outcome)
    return outcome
  }

  private func found(_ path: String, _ word: String) throws -> [String?] {
    try SQLiteFile.rows(path, "SELECT rowid FROM words WHERE words MATCH '\(word)' ORDER BY rowid").map { $0[0] }
  }

  @Test(
    "is made anew of what its module asks for, and of its contents",
    arguments: [
      ("fts5(text)", "DELETE FROM words_data WHERE id = 10"),
      ("fts5(text)", "DELETE FROM words_data"),
      ("fts5(text)", "UPDATE words_data SET block = x'00' WHERE id = 10"),
      ("fts5(text)", "DELETE FROM words_config"),
      ("fts5(text)", "DROP TABLE words_config; DROP TABLE words_idx; DROP TABLE words_docsize"),
      ("fts5(text, prefix = '2 3', tokenize = \"unicode61 tokenchars '-'\")", "DROP TABLE words_data"),
      ("fts5(text, detail = none, columnsize = 0)", "DELETE FROM words_data WHERE id = 10"),
      ("fts5(text, content = 'notes', content_rowid = 'id')", "DELETE FROM words_data WHERE id = 10"),
      ("fts4(text)", "DROP TABLE words_segdir; DROP TABLE words_segments; DROP TABLE words_docsize"),
      ("fts4(text, tokenize=porter)", "DELETE FROM words_segdir; DELETE FROM words_stat"),
      ("fts3(text)", "DROP TABLE words_segments; DELETE FROM words_segdir"),
    ])
  func opens(_ module: String, _ damage: String) throws {
    let path = try make(module, damage)
    let outcome = try mend(path)
    #expect(outcome.notes == ["the full-text index words was built anew from its contents"])
    #expect(outcome.rows.isEmpty)
    #expect(try found(path, "137") == ["137"])
    #expect(try found(path, "subject").count == Self.rows)
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM words") == String(Self.rows))
    try SQLiteFile.make(path, "INSERT INTO words(words) VALUES('integrity-check')")
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
  }

  @Test("settings that are left stay")
  func settings() throws {
    let path = try make(
      "fts5(text)", "INSERT INTO words(words, rank) VALUES('automerge', 7); DELETE FROM words_data WHERE id = 10")
    _ = try mend(path)
    #expect(
      try SQLiteFile.rows(path, "SELECT * FROM words_config ORDER BY k") == [["automerge", "7"], ["version", "4"]])
  }

  @Test("rows whose texts are lost are counted, and the words that the index has of them are kept apart")
  func lostTexts() throws {
    let path = try make("fts5(text)", "DELETE FROM words_content WHERE id BETWEEN 20 AND 29")
    let outcome = try mend(path)
    #expect(outcome.rows["words"]?.kept == Self.rows - 10)
    #expect(outcome.rows["words"]?.lost == 10)
    let aside = try SQLiteFile.rows(path, "SELECT * FROM dbmend_set_aside_words ORDER BY dbmend_rowid LIMIT 1")
    #expect(aside == [["20", "text", "note 20 on subject 6"]])
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM dbmend_set_aside_words") == "10")
    #expect(try found(path, "subject").count == Self.rows - 10)
  }

  @Test("an index without texts is emptied, and the numbers of its rows are kept apart")
  func contentless() throws {
    let path = try make("fts5(text, content='')", "DELETE FROM words_data WHERE id = 10")
    let outcome = try mend(path)
    #expect(outcome.rows["words"]?.lost == Self.rows)
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM words") == "0")
    #expect(
      try SQLiteFile.rows(path, "SELECT * FROM dbmend_set_aside_words") == SQLiteFile.rows(path, "SELECT id FROM notes")
    )
    try SQLiteFile.make(path, "INSERT INTO words(rowid, text) SELECT id, text FROM notes")
    #expect(try found(path, "137") == ["137"])
  }

  @Test("a format that this library does not know is not taken for damage")
  func newer() throws {
    let path = try make("fts5(text)", "UPDATE words_config SET v = 9 WHERE k = 'version'")
    let session = try SQLiteDriver().open(path, patience: 1)
    defer { session.end() }
    #expect(try !session.verifyIntegrity(IntegrityRequest()).contains { $0.severity >= .error })
    #expect(session.verificationAccount?.unverified["words"]?.contains("found 9") == true)
  }

  @Test("an index on the module's own table that contradicts it is built anew with it")
  func indexOfModule() throws {
    let path = try make("fts4(text)", "")
    let root = try #require(
      Int(try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'words_segdir'") ?? ""))
    // The first two values of its row, which are its key, are zeros without bytes (type 8); the first becomes NULL.
    let page = Array(try folder.read("a.db")[((root - 1) * 4096)..<(root * 4096)])
    let cell = Int(page[8]) << 8 | Int(page[9])
    let type = try #require((cell..<cell + 12).first { page[$0] == 8 && page[$0 + 1] == 8 })
    try FileHandle.update(path).write([0], at: (root - 1) * 4096 + type)
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") != "ok")
    _ = try Salvager.run(path, SalvageAid(virtualTables: ["words_segdir"]))
    #expect(try SQLiteFile.value(path, "PRAGMA integrity_check") == "ok")
    #expect(try found(path, "137") == ["137"])
    try SQLiteFile.make(path, "INSERT INTO words(words) VALUES('integrity-check')")
  }
}
