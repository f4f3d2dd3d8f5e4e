import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Fields of the file header that contradict the format")
struct HeaderTests {
  @Test(
    "a text encoding that there is not is told of as that, and texts are read as SQLite reads them",
    arguments: ["UTF-8", "UTF-16le", "UTF-16be"])
  func encoding(_ name: String) throws {
    let folder = try TemporaryFolder()
    let path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      PRAGMA encoding = '\(name)'; CREATE TABLE t(a UNIQUE, b COLLATE NOCASE); CREATE INDEX i ON t(b);
      INSERT INTO t VALUES ('ab', 'Ba'), ('b', 'aß'), ('Ωa', 'ω'), ('a', 'Z'), ('', 'ab');
      """)
    // SQLite goes by the two lowest bits of the field at 56 (section 1.3) and calls the file sound.
    try FileHandle.update(path).write([8], at: 58)
    let session = try SQLiteDriver().open(path, patience: 1)
    defer { session.end() }
    let findings = try session.verifyIntegrity(IntegrityRequest())
    #expect(findings.map { "\($0.code) \($0.location.byte ?? 0)" } == ["header.malformed 56"], "\(findings)")
    #expect(Opinion.ofEngine(path).verdict == .sound)
  }

  @Test("a file that was cut off is damaged, though its header names a schema format to come")
  func cutOff() throws {
    let folder = try TemporaryFolder()
    let path = try SQLiteFile.make(folder.file("a.db"), "CREATE TABLE t(a); INSERT INTO t VALUES (zeroblob(30000))")
    let file = try FileHandle.update(path)
    try file.write([0, 0, 0, 5], at: 44)
    #expect(Opinion.of(SQLiteDriver(), path).verdict == .refused)
    try file.truncate(to: 8192)
    #expect(Opinion.ofEngine(path).verdict == .damaged)
    #expect(Opinion.of(SQLiteDriver(), path).verdict == .damaged)
  }
}
