import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Notes on the pages of an archived database")
struct PageNotesTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder("dbmend-notes") }

  private func notes(of path: String) throws -> PageNotes {
    let snapshot = try SQLiteDriver().snapshot(path, form: .consistent, staging: nil, patience: 1)
    defer { snapshot.close() }
    let main = try #require(snapshot.members.first)
    _ = try main.read { _ in true }
    let bytes = try #require(try snapshot.notes())
    return try #require(PageNotes(bytes))
  }

  @Test("each page has the root of its tree: overflow pages too, and free pages none", arguments: [0, 1])
  func owners(_ hasPointerMaps: Int) throws {
    let path = try SQLiteFile.make(
      folder.file("a.db"),
      """
      PRAGMA page_size = 1024; PRAGMA auto_vacuum = \(hasPointerMaps == 1 ? "incremental" : "none");
      PRAGMA secure_delete = off;
      CREATE TABLE a(id INTEGER PRIMARY KEY, x TEXT); CREATE INDEX a_x ON a(x);
      CREATE TABLE b(k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID; CREATE TABLE c(x BLOB); CREATE TABLE gone(x);
      WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
      INSERT INTO a SELECT i, 'text ' || i FROM n;
      INSERT INTO b SELECT x, zeroblob(id % 900) FROM a; INSERT INTO c SELECT zeroblob(id * 3) FROM a WHERE id % 40 = 0;
      INSERT INTO gone SELECT x FROM a; DROP TABLE gone;
      """)
    let notes = try notes(of: path)
    let roots = try SQLiteFile.rows(path, "SELECT rootpage FROM sqlite_schema WHERE rootpage > 0").compactMap {
      $0[0].flatMap { UInt32($0) }
    }
    let free = try #require(Int(try SQLiteFile.value(path, "PRAGMA freelist_count") ?? ""))
    let owners = (1...notes.pageCount).map { notes.owner($0) }
    #expect(Set(owners).subtracting([0]) == Set(roots + [1]))
    let maps = hasPointerMaps == 1 ? (2...notes.pageCount).count { ($0 - 2) % 205 == 0 } : 0
    #expect(owners.count { $0 == 0 } == free + maps && free > 10)
    for root in roots { #expect(notes.owner(root) == root) }

    let view = try StoreView(path, locking: .none)
    let trees = roots.map { (page: $0, tree: PageOwners.Tree(name: String($0), isIndex: false)) }
    let walked = PageOwners(trees, view: view)
    for page in 2...Int(notes.pageCount) {
      if let tree = walked[page] { #expect(tree.name == String(owners[page - 1]), "page \(page)") }
    }
    let header = try #require(view.header)
    let pages = try PageMap(view, header: header)
    #expect(notes.differing(pages, workers: 2) == [])
  }

  @Test("what is no notes is not taken for them")
  func hostile() throws {
    let path = try SQLiteFile.make(folder.file("a.db"), "CREATE TABLE a(x); INSERT INTO a VALUES(1);")
    _ = try notes(of: path)
    let sound = PageNotes.header(pageSize: 4096, pageCount: 2) + [UInt8](repeating: 7, count: 24)
    #expect(PageNotes(sound)?.pageCount == 2)
    #expect(PageNotes(Array(sound.dropLast())) == nil)
    #expect(PageNotes(sound + [0]) == nil)
    #expect(PageNotes([]) == nil)
    for at in [0, 16, 18, 20, 23] {
      var altered = sound
      altered[at] ^= 0xFF
      #expect(PageNotes(altered) == nil, "byte \(at)")
    }
  }
}
