import MendKit

/// Makes one random database: settings, then definitions and changes in a random order, then how it is left behind.
struct DatabaseBuilder {
  let size: RandomDatabase.Size
  var random: SeededRandom
  let writer: ScriptWriter
  var features: Set<String> = []
  var tables: [RandomTable] = []
  var values = RandomValues(longest: 100)
  var number = 0
  /// Whether a log is left behind that was not checkpointed.
  private(set) var hasLog = false
  private var pageSize = 4096

  init(size: RandomDatabase.Size, random: SeededRandom, writer: ScriptWriter) {
    self.size = size
    self.random = random
    self.writer = writer
  }

  /// The next number for a name.
  mutating func next() -> Int {
    number += 1
    return number
  }

  mutating func build() throws {
    do {
      try chooseSettings()
      try fill()
    } catch is EngineGaveUp {
      features.insert("given up")
      if writer.isInTransaction { try writer.run("COMMIT") }
    }
  }

  private mutating func fill() throws {
    if random.chance(2) {
      features.insert("no content")
      return
    }
    if random.chance(10) { try addView() }
    if random.chance(3) { try addManyObjects() }
    for _ in 0..<random.pick(size == .tiny ? [1, 1, 2] : [1, 2, 2, 3, 5]) { try addTable() }
    if random.chance(size == .tiny ? 4 : 12) { try addVirtualTable() }
    let rounds = size == .tiny ? random.int(3...12) : random.int(8...40)
    try writer.run("BEGIN")
    for _ in 0..<rounds {
      do {
        try change()
      } catch is TransactionLost {
        tables = []
        try writer.run("BEGIN")
      }
    }
    try writer.run("COMMIT")
    try leave()
  }

  /// Lets the database go after it was copied.
  mutating func finish() { try? writer.run("PRAGMA journal_mode = DELETE") }

  private mutating func chooseSettings() throws {
    switch size {
    case .tiny: pageSize = random.pick([512, 512, 512, 512, 1024])
    case .small:
      pageSize = random.pick([512, 512, 512, 1024, 1024, 1024, 2048, 4096, 4096, 4096, 8192, 16384, 32768, 65536])
    case .large: pageSize = random.pick([512, 1024, 4096, 4096, 65536])
    }
    let longest = size == .tiny ? 2 * pageSize : random.chance(8) ? 100_000 : min(4 * pageSize, 6000)
    values = RandomValues(longest: longest)
    try writer.run("PRAGMA page_size = \(pageSize)")
    features.insert("page size \(pageSize)")
    if random.chance(10) {
      features.insert("reserved bytes")
      writer.reserve(random.pick(pageSize == 512 ? [8, 16, 32] : [8, 12, 32, 64, 200]))
    }
    let encoding = random.pick(["UTF-8", "UTF-8", "UTF-8", "UTF-16le", "UTF-16be"])
    features.insert(encoding)
    try writer.run("PRAGMA encoding = '\(encoding)'")
    let vacuum = random.pick([0, 0, 1, 2])
    features.insert("auto_vacuum \(vacuum)")
    try writer.run("PRAGMA auto_vacuum = \(vacuum)")
    if random.chance(6) {
      features.insert("schema format 1")
      writer.useOldFormat()
    }
    try writer.run("PRAGMA secure_delete = \(random.pick(["OFF", "OFF", "FAST", "ON"]))")
    try writer.run("PRAGMA synchronous = OFF")
    if random.chance(15) {
      hasLog = true
      features.insert("write-ahead log")
      try writer.run("PRAGMA journal_mode = WAL")
      try writer.run("PRAGMA wal_autocheckpoint = \(random.pick([0, 0, 5]))")
    } else {
      try writer.run("PRAGMA journal_mode = MEMORY")
    }
    if random.chance(20) { try writer.run("PRAGMA cache_size = 10") }
  }

  private mutating func change() throws {
    switch random.int(0...99) {
    case 0...24: try insertSome()
    case 25...41: try insertMany()
    case 42...53: try update()
    case 54...65: try delete()
    case 66...76: try addIndex()
    case 77...79: try addColumn()
    case 80: try dropColumn()
    case 81: try renameSomething()
    case 82...83: try addTable()
    case 84: try dropSomething()
    case 85: try addTrigger()
    case 86: try addView()
    case 87...95: try turnTransaction()
    case 96: try outside("VACUUM", "VACUUM")
    case 97: try outside("ANALYZE", "ANALYZE")
    case 98: try outside("PRAGMA incremental_vacuum(\(random.int(1...5)))", "incremental vacuum")
    default: try outside("REINDEX", "REINDEX")
    }
  }

  /// Ends the transaction, one way or the other, and begins the next one.
  private mutating func turnTransaction() throws {
    if random.chance(10) {
      try writer.run("COMMIT")
      try writer.run("BEGIN")
      try insertMany()
      try writer.run("ROLLBACK")
    } else {
      try writer.run("COMMIT")
    }
    if hasLog, random.chance(20) {
      try writer.run("PRAGMA wal_checkpoint(\(random.pick(["PASSIVE", "RESTART", "FULL"])))")
    }
    try writer.run("BEGIN")
  }

  private mutating func outside(_ sql: String, _ feature: String) throws {
    features.insert(feature)
    try writer.run("COMMIT")
    try writer.attempt(sql)
    try writer.run("BEGIN")
  }

  private mutating func leave() throws {
    if random.chance(12) { try writer.attempt("VACUUM") }
    if random.chance(8) { try writer.attempt("ANALYZE") }
    if random.chance(20), let table = random.pickAny(tables) {
      features.insert("free pages")
      try writer.attempt("DELETE FROM \(table.name)")
    }
    if random.chance(10) { try writer.run("PRAGMA user_version = \(random.int(-5...1_000_000))") }
    if random.chance(10) { try writer.run("PRAGMA application_id = \(random.int(0...1_000_000))") }
    if hasLog, try writer.column("PRAGMA journal_mode").first != "wal" { hasLog = false }
  }
}
