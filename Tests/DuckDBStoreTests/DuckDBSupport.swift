import DuckDBStore
import MendKit
import TestSupport
import Testing

/// A folder with one database in it.
struct Shop {
  let folder: TemporaryFolder
  var path: String { folder.file("shop.db") }

  static let script = """
    CREATE SEQUENCE ids;
    CREATE TABLE orders(id INTEGER PRIMARY KEY DEFAULT nextval('ids'), sku VARCHAR, quantity INTEGER, tags VARCHAR[],
      size STRUCT(w INTEGER, h VARCHAR));
    INSERT INTO orders(sku, quantity, tags, size)
      SELECT 'sku' || i, i % 100, ['a', i::VARCHAR], {w: i, h: 'x' || i} FROM range(200000) t(i);
    CREATE TABLE notes(id INTEGER, body VARCHAR);
    INSERT INTO notes SELECT i, repeat('n', 3000 + i::INTEGER) FROM range(500) t(i);
    CREATE VIEW bolts AS SELECT * FROM orders WHERE sku LIKE 'bolt%';
    CREATE INDEX notes_id ON notes(id);
    CHECKPOINT;
    """

  init(_ script: String = Shop.script) throws {
    folder = try TemporaryFolder("dbmend-duckdb")
    try DuckDBFile.run(path, script)
  }

  func open() throws -> any StoreSession { try DuckDBDriver().open(path, patience: 1) }

  /// The codes that verification finds.
  func codes() throws -> [FindingCode] {
    let session = try open()
    defer { session.end() }
    return try session.facts.notices.map(\.code) + session.verifyIntegrity(IntegrityRequest()).map(\.code)
  }

  /// A copy of the database and its log in the same folder.
  func copy(as name: String) throws -> String {
    let target = folder.file(name)
    for suffix in ["", ".wal"] where FileStatus.exists(path + suffix) {
      try folder.write(try FileHandle.read(path + suffix).readAll(limit: 1 << 30), to: name + suffix)
    }
    return target
  }

  /// Runs dbmend in the folder.
  func dbmend(_ words: String...) throws -> ProgramResult {
    let beside = Paths.join(Paths.folder(of: Paths.resolved(CommandLine.arguments[0])), "dbmend")
    let program = FileStatus.exists(beside) ? beside : Paths.join(Self.packageRoot, ".build/debug/dbmend")
    return try run([program] + words, folder: folder.path, environment: ["NO_COLOR": "1"])
  }

  private static let packageRoot = Paths.folder(of: Paths.folder(of: Paths.folder(of: #filePath)))
}

/// The condition under which tests of DuckDB databases run: visible where they do not.
let withClient = ConditionTrait.enabled("DuckDB's client is not installed") { try DuckDBFile.isHere }
