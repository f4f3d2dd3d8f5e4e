import MendKit

/// Small sound databases to damage, made when they are first asked for and kept in memory.
public final class DatabasePool {
  private let folder: TemporaryFolder
  private let size: RandomDatabase.Size
  private let isFilled: Bool
  private var images: [UInt64: DatabaseImage] = [:]

  /// A pool with random databases of a size. `isFilled` gives each a table and two indexes beside the rest that make a file
  /// of more than a megabyte, with deep trees: such files are read in parts, and their schema from its pages.
  public init(size: RandomDatabase.Size, isFilled: Bool = false) throws {
    folder = try TemporaryFolder("dbmend-pool")
    self.size = size
    self.isFilled = isFilled
  }

  /// The database of a seed, in one file, with what it was before its last change. Seeds of databases without content
  /// give the next one's.
  public func image(_ seed: UInt64) throws -> DatabaseImage {
    if let image = images[seed] { return image }
    let path = folder.file("base.db")
    for leftover in ["", "-wal", "-shm", "-journal"] { try Paths.removeFile(path + leftover) }
    _ = try RandomDatabase(seed: seed, size: size).make(at: path)
    try SQLiteFile.make(path, "PRAGMA journal_mode = DELETE; PRAGMA secure_delete = OFF")
    if isFilled { try SQLiteFile.make(path, Self.filling) }
    let earlier = try folder.read("base.db")
    try changeOneRow(path)
    // What SQLite itself calls damaged as soon as it was made cannot show anything.
    guard var image = DatabaseImage(try folder.read("base.db")), image.pageCount > 1,
      Opinion.ofEngine(path).verdict == .sound
    else {
      let next = try self.image(seed + 1_000_000)
      images[seed] = next
      return next
    }
    image.earlier = earlier
    images[seed] = image
    return image
  }

  private static let filling = """
    CREATE TABLE filling(id INTEGER PRIMARY KEY, word TEXT COLLATE NOCASE, number, remark, UNIQUE(word, number));
    CREATE INDEX filling_by_number ON filling(number DESC, remark);
    WITH RECURSIVE counted(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < 8000)
      INSERT INTO filling SELECT 3 * i, 'Word ' || (i * 7919 % 9973), i * 31 % 997, printf('%040d', i) FROM counted;
    """

  private func changeOneRow(_ path: String) throws {
    let tables = try SQLiteFile.rows(
      path,
      """
      SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT wr AND name NOT LIKE 'sqlite_%'
      AND name NOT LIKE 'many%'
      """
    ).compactMap(\.first).compactMap(\.self)
    for table in tables {
      let name = "\"" + table.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
      guard let count = Int(try SQLiteFile.value(path, "SELECT count(*) FROM \(name)") ?? ""), count > 1 else {
        continue
      }
      try SQLiteFile.make(
        path, "PRAGMA secure_delete = OFF; DELETE FROM \(name) WHERE rowid = (SELECT max(rowid) FROM \(name))")
      return
    }
  }
}

/// A damaged database that follows from one number: which database of a pool, which kinds of damage, where, and whether it
/// stands in the file or arrives through a write-ahead log.
public struct DamagedDatabase: Sendable {
  /// The number.
  public let number: UInt64
  /// How many different databases are damaged.
  public let bases: UInt64
  /// The one kind of damage to do; nil for one to three random ones.
  public let kind: PageDamage?

  /// The damaged database of a number.
  public init(number: UInt64, bases: UInt64, kind: PageDamage? = nil) {
    self.number = number
    self.bases = bases
    self.kind = kind
  }

  /// What was done, in words that say how to do it again.
  public struct Done: Sendable, CustomStringConvertible {
    /// The kinds of damage that changed something.
    public var kinds: [PageDamage] = []
    /// The seed of the database that was damaged.
    public var base: UInt64 = 0
    /// Whether the damage stands in a log.
    public var isInLog = false

    /// The words.
    public var description: String {
      "database \(base), " + kinds.map(\.rawValue).joined(separator: " + ") + (isInLog ? ", through a log" : "")
    }
  }

  /// Writes the damaged database, and its log where it has one, over what stands at a path; nil when the database has
  /// nothing that could be damaged in this way.
  public func write(to path: String, from pool: DatabasePool) throws -> Done? {
    var random = SeededRandom(number, "damage")
    var done = Done(base: number % bases)
    let sound = try pool.image(done.base)
    var image = sound
    let wanted = kind == nil ? random.pick([1, 1, 1, 1, 2, 3]) : 1
    for kind in kind.map({ [$0] }) ?? random.some(12, of: PageDamage.allCases)
    where done.kinds.count < wanted && image.bytes.count > 512 {
      if kind.apply(to: &image, &random) { done.kinds.append(kind) }
    }
    guard !done.kinds.isEmpty else { return nil }
    for leftover in ["-wal", "-shm", "-journal"] { try Paths.removeFile(path + leftover) }
    if random.chance(6), let log = LogOfChanges.bytes(from: sound, to: image, salt: UInt32(truncatingIfNeeded: number))
    {
      var main = sound
      main.set(18, [2, 2])
      try Self.write(main.bytes, path)
      try Self.write(log, path + "-wal")
      done.isInLog = true
    } else {
      try Self.write(image.bytes, path)
    }
    return done
  }

  private static func write(_ bytes: [UInt8], _ path: String) throws {
    // The same file each time: making a new one costs more than all the rest.
    let file = FileStatus.exists(path) ? try FileHandle.update(path) : try FileHandle.create(path, mode: 0o644)
    try file.write(bytes, at: 0)
    try file.truncate(to: bytes.count)
    file.close()
  }
}
