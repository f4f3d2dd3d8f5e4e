import MendKit
import SQLiteStore
import TestSupport

/// What can be tried, each case of it following from one number.
enum Mode: String, CaseIterable {
  /// Sound databases, which nobody may call damaged.
  case healthy
  /// Small mutated databases, as many as possible: the parser's trial.
  case inputs
  /// Mutated databases of more than a megabyte: what only large files meet.
  case large
  /// Every kind of damage to databases of all page sizes.
  case damage
  /// The kinds of the damage tool beside the repository, to databases of all sizes.
  case tool
  /// Small mutated databases that are repaired: what says that it worked is sound to both.
  case repair
}

/// How a case came out.
enum Outcome: String, CaseIterable {
  case bothSound = "both say sound"
  case bothDamaged = "both say damaged"
  case onlyNative = "damaged only by dbmend"
  case missed = "missed by dbmend"
  case falseAlarm = "sound, but called damaged"
  case schema = "the schema is not understood"
  case refused = "refused by dbmend, sound to SQLite"
  case engineRefused = "refused by SQLite"
  case engineLate = "SQLite came to no end"
  case engineBug = "called damaged by SQLite that made it"
  case traces = "left traces"
  case memory = "took too much memory"
  case slow = "took too long"
  case nothing = "nothing to damage"
  case mended = "repaired"
  case unmended = "not repaired, and said so"
  case unsound = "called repaired, but not sound"

  /// Whether it speaks against dbmend.
  var isFailure: Bool { [.missed, .falseAlarm, .traces, .memory, .slow, .unsound].contains(self) }
}

/// Runs cases in this process.
struct Trial {
  let mode: Mode
  let folder: String
  /// Called with what is done now, for a watchdog: 0 making, 1 verifying, 2 asking SQLite.
  let phase: (Int) -> Void
  private let pool: DatabasePool
  private let driver = SQLiteDriver()

  /// Different databases that are damaged.
  private static let tinyBases: UInt64 = 400
  private static let bases: UInt64 = 60
  private static let largeBases: UInt64 = 40
  /// What the verification of one small file may add to this process, in bytes, and how long it may compute, in seconds.
  private static let memory = 64 << 20
  private static let patience = 3.0

  init(_ mode: Mode, folder: String, phase: @escaping (Int) -> Void = { _ in }) throws {
    self.mode = mode
    self.folder = folder
    self.phase = phase
    pool = try DatabasePool(
      size: mode == .inputs || mode == .large || mode == .repair ? .tiny : .small, isFilled: mode == .large)
  }

  /// The file of the case at hand.
  var path: String { Paths.join(folder, "case.db") }

  /// How a case came out, and what is to be said of it.
  struct Result {
    var outcome: Outcome
    var words: String
    var native = 0.0
    var engine = 0.0
    var bytes = 0
    var kinds: [String] = []
    /// The codes of what dbmend found.
    var codes = ""
  }

  func run(_ number: UInt64) throws -> Result {
    phase(0)
    guard let made = try make(number) else { return Result(outcome: .nothing, words: "") }
    if mode == .repair { return try repair(made.words, made.kinds) }
    let before = try FileStatus.of(path)
    let (memory, time) = Self.usage()
    phase(1)
    let native = Opinion.of(driver, path)
    let (memoryAfter, timeAfter) = Self.usage()
    let after = try FileStatus.of(path)
    let hasTraces = before.modified != after.modified || FileStatus.exists(path + "-shm")
    phase(2)
    let engine = Opinion.ofEngine(path)
    var outcome = compare(native, engine)
    if timeAfter - time > Self.patience { outcome = .slow }
    if memoryAfter - memory > Self.memory { outcome = .memory }
    if hasTraces { outcome = .traces }
    return Result(
      outcome: outcome, words: "\(made.words)\n    dbmend: \(native)\n    SQLite: \(engine)", native: native.seconds,
      engine: engine.seconds, bytes: before.size, kinds: made.kinds, codes: native.codes.sorted().joined(separator: " ")
    )
  }

  /// One sound database of fifty is large.
  static func size(_ number: UInt64) -> RandomDatabase.Size { number % 50 == 49 ? .large : .small }

  /// The sound database that a case is damaged from; nil where it has none of its own.
  func source(_ number: UInt64) throws -> [UInt8]? {
    switch mode {
    case .inputs, .repair: try pool.image(number % Self.tinyBases).bytes
    case .large: try pool.image(number % Self.largeBases).bytes
    case .damage: try pool.image(number % Self.bases).bytes
    case .healthy, .tool: nil
    }
  }

  private struct Made {
    var words: String
    var kinds: [String] = []
  }

  /// Makes the file of a case; nil where there was nothing to damage.
  private func make(_ number: UInt64) throws -> Made? {
    switch mode {
    case .healthy:
      try clear(path)
      return Made(
        words: try RandomDatabase(seed: number, size: Self.size(number)).make(at: path).features.joined(separator: ", ")
      )
    case .inputs, .large, .repair:
      let damaged = DamagedDatabase(number: number, bases: mode == .large ? Self.largeBases : Self.tinyBases)
      return try damaged.write(to: path, from: pool).map { Made(words: "\($0)", kinds: $0.kinds.map(\.rawValue)) }
    case .damage:
      let kind = PageDamage.allCases[Int(number % UInt64(PageDamage.allCases.count))]
      let damaged = DamagedDatabase(number: number, bases: Self.bases, kind: kind)
      return try damaged.write(to: path, from: pool).map { Made(words: "\($0)", kinds: $0.kinds.map(\.rawValue)) }
    case .tool: return try useTool(number)
    }
  }

  private static let tools = [
    "zero-pages", "garbage-pages", "bitflips", "sectors", "interior", "truncate", "header", "page-one", "swap",
    "duplicate",
    "index-entries", "freelist", "stale-pages", "null-key",
  ]
  private static let projections = "/usr/share/proj/proj.db"

  private func useTool(_ number: UInt64) throws -> Made? {
    var random = SeededRandom(number, "tool")
    let kind = Self.tools[Int(number % UInt64(Self.tools.count))]
    let seed = random.int(1...100_000)
    let count = random.pick([1, 1, 2, 5, 20])
    let base = random.int(1...16)
    var source = Self.projections
    if random.chance(90) || !FileStatus.exists(source) {
      source = Paths.join(folder, "base-\(base).db")
      if !FileStatus.exists(source) {
        _ = try RandomDatabase(seed: UInt64(base), size: base % 8 == 0 ? .large : .small).make(at: source)
        try SQLiteFile.make(source, "PRAGMA journal_mode = DELETE")
        // What SQLite itself calls damaged as soon as it was made cannot show anything.
        if Opinion.ofEngine(source).verdict != .sound { try FileHandle.update(source).truncate(to: 0) }
      }
    }
    try clear(path)
    guard (try? DamageTool.damage(kind, source, to: path, seed: seed, count: count)) == true else { return nil }
    return Made(words: "damage.py \(kind) \(source) --seed \(seed) --count \(count), database \(base)", kinds: [kind])
  }

  private func clear(_ path: String) throws {
    for leftover in ["", "-wal", "-shm", "-journal"] { try Paths.removeFile(path + leftover) }
  }

  private func compare(_ native: Opinion, _ engine: Opinion) -> Outcome {
    if mode == .healthy {
      if engine.verdict != .sound { return .engineBug }
      return native.verdict == .sound ? .bothSound : .falseAlarm
    }
    if native.misses(engine) { return .missed }
    switch (engine.verdict, native.verdict) {
    case (.late, _): return .engineLate
    case (.refused, _): return .engineRefused
    case (.damaged, .damaged): return .bothDamaged
    case (.damaged, _): return .schema
    case (.sound, .sound): return .bothSound
    case (.sound, .damaged): return .onlyNative
    case (.sound, _): return .refused
    }
  }

  /// The most memory that this process had so far, in bytes, and how long it computed, in seconds.
  private static func usage() -> (memory: Int, time: Double) {
    var usage = rusage()
    #if canImport(Darwin)
      getrusage(RUSAGE_SELF, &usage)
      let memory = Int(usage.ru_maxrss)
    #else
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      let memory = Int(usage.ru_maxrss) * 1024
    #endif
    let time = [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    return (memory, time)
  }
}
