import MendKit
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Pages that have two owners")
struct DuplicateReferenceTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("a.db")
  }

  private static let script = """
    CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE INDEX i ON t(b); CREATE TABLE u(a, b);
    WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 300)
    INSERT INTO t SELECT i, printf('%.40c%d', 'x', i) FROM c;
    INSERT INTO u SELECT * FROM t; INSERT INTO u VALUES (301, zeroblob(5000)), (302, zeroblob(5000));
    CREATE TABLE gone(x); INSERT INTO gone VALUES (zeroblob(9000)); DROP TABLE gone;
    """

  /// Where the references to the children of a tree's root stand.
  private func references(_ name: String, _ image: DatabaseImage) throws -> [Int] {
    let root = try #require(try SQLiteFile.value(path, "SELECT rootpage FROM sqlite_schema WHERE name = '\(name)'"))
    let page = try #require(Int(root))
    return image.cells(page).compactMap(\.childAt) + [image.head(page) + 8]
  }

  private func make(_ options: String = "") throws -> DatabaseImage {
    try SQLiteFile.make(path, "PRAGMA page_size = 1024; \(options) " + Self.script)
    return try #require(DatabaseImage(try folder.read("a.db")))
  }

  /// What is found after the bytes of `image` were written, once by one worker and once by several.
  private func findings(_ image: DatabaseImage) throws -> [Finding] {
    try folder.write(image.bytes, to: "a.db")
    #expect(Opinion.ofEngine(path).verdict == .damaged)
    try folder.write(image.bytes, to: "a.db")
    let found = try [1, 3].map { workers in
      let session = try SQLiteDriver().open(path, patience: 1)
      defer { session.end() }
      return try session.verifyIntegrity(IntegrityRequest(workers: workers))
    }
    #expect(found[0] == found[1])
    return found[0]
  }

  private func duplicate(_ image: DatabaseImage) throws -> Finding {
    let found = try findings(image).filter { $0.code == "page.duplicate-reference" }
    #expect(found.count == 1, "\(found)")
    return try #require(found.first)
  }

  private static let pairs = [
    // The tree with the wrong reference, the one whose page it names, and the tree that is told of.
    ("u", "t", "table t and table u", "u", nil),
    ("i", "t", "table t and index i", "t", "i"),
    ("t", "i", "table t and index i", "t", nil as String?),
  ]

  @Test("both owners are named, and the one that the page's content speaks against is laid the blame", arguments: pairs)
  func owners(_ wrong: String, _ other: String, _ owners: String, _ table: String, _ index: String?) throws {
    for options in ["", "PRAGMA auto_vacuum = 2;"] {
      try Paths.removeFile(path)
      var image = try make(options)
      let page = image.long(try references(other, image)[1])
      image.setLong(try references(wrong, image)[1], page)
      let found = try duplicate(image)
      #expect(found.severity == .error)
      #expect(found.message == "page \(page) belongs to two owners: \(owners)")
      #expect(found.location.page == page)
      #expect(found.location.table == table)
      #expect(found.location.index == index)
      #expect(found.evidence?.contains(other == "i" ? "a page of an index" : "a page of a table") == true)
    }
  }

  @Test("a page that one tree names twice is told of once")
  func withinOneTree() throws {
    var image = try make()
    let references = try references("t", image)
    image.setLong(references[1], image.long(references[0]))
    let found = try duplicate(image)
    #expect(found.message.hasSuffix("belongs to table t and is referred to a second time within it"))
    #expect(found.location.table == "t")
  }

  @Test("an overflow chain that leads into another one, or into a b-tree, is named")
  func overflow() throws {
    let image = try make()
    let chain = image.pages(.overflow)
    let leaf = try #require(image.pages(.leafTable).last)
    for (target, owner) in [(chain[chain.count - 1], "an overflow chain of table u"), (leaf, "table u")] {
      var changed = image
      changed.setLong(changed.start(chain[0]), target)
      let found = try findings(changed).filter { $0.code == "page.duplicate-reference" }
      #expect(found.contains { $0.location.page == target && $0.message.contains(owner) }, "\(target): \(found)")
    }
  }

  @Test("a page in use that is on the list of free pages stays where it is, without loss", arguments: ["t", "i"])
  func free(_ name: String) throws {
    var image = try make()
    let page = image.long(try references(name, image)[1])
    image.setLong(image.start(image.long(32)) + 8, page)
    let found = try duplicate(image)
    let owner = name == "i" ? "index i" : "table t"
    #expect(found.message == "page \(page) belongs to two owners: the list of free pages and \(owner)")
    #expect(found.hidesNoRow)
    #expect(found.location.table == nil)
  }

  @Test("a page that is twice on the list of free pages has no second owner")
  func freeTwice() throws {
    var image = try make()
    let trunk = image.start(image.long(32))
    image.setLong(trunk + 8, image.long(trunk + 12))
    let found = try findings(image)
    #expect(found.map(\.code) == ["freelist.malformed", "page.unused"])
  }

  @Test("a pointer map that a tree or the list of free pages names is told of as such")
  func pointerMap() throws {
    let sound = try make("PRAGMA auto_vacuum = 2;")
    var image = sound
    image.setLong(try references("t", image)[1], 2)
    #expect(try duplicate(image).message == "page 2 belongs to two owners: table t and the pointer maps")
    image = sound
    image.setLong(image.start(image.long(32)) + 8, 2)
    #expect(try duplicate(image).message == "page 2 belongs to two owners: the list of free pages and the pointer maps")
  }

  @Test("a free page's wrong entry in the pointer map is a finding of the pointer map")
  func freePointer() throws {
    var image = try make("PRAGMA auto_vacuum = 2;")
    let leaf = image.long(image.start(image.long(32)) + 8)
    image.setByte(image.start(2) + 5 * (leaf - 3), 5)
    let found = try findings(image)
    #expect(found.map(\.code) == ["pointer-map.malformed"])
    #expect(found.first?.location.page == leaf)
  }

  @Test("an index that claims a page of its table is built anew, and the table keeps the page")
  func rebuilt() throws {
    var image = try make()
    image.setLong(try references("i", image)[1], image.long(try references("t", image)[1]))
    _ = try duplicate(image)
    let copy = try SQLiteDriver().openCopy(path)
    _ = try copy.rebuildIndexes(["i"])
    try copy.close()
    #expect(try SQLiteFile.value(path, "SELECT count(*) FROM t NOT INDEXED") == "300")
    #expect(Opinion.of(SQLiteDriver(), path).verdict == .sound)
    #expect(Opinion.ofEngine(path).verdict == .sound)
  }

  @Test("SQLite's own words for it are understood, where it is asked")
  func engine() throws {
    var image = try make()
    let page = image.long(try references("t", image)[1])
    image.setLong(try references("u", image)[1], page)
    try folder.write(image.bytes, to: "a.db")
    let session = try SQLiteDriver().open(path, patience: 1)
    defer { session.end() }
    let found = try session.verifyIntegrity(IntegrityRequest(asksEngine: true))
    #expect(found.contains { $0.code == "page.duplicate-reference" && $0.location.page == page })
  }
}
