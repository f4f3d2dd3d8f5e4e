import MendKit
import SQLiteStore
import TestSupport

/// What can be tried, each case of it following from one number.
enum Mode: String, CaseIterable {
  /// Sound databases, which nobody may call damaged.
  case healthy
  /// Small mutated databases, as many as possible: the parser's trial.
  case inputs
  /// Every kind of damage to databases of all page sizes.
  case damage
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

  /// Whether it speaks against dbmend.
  var isFailure: Bool { [.missed, .falseAlarm, .traces, .memory, .slow].contains(self) }
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
  /// What the verification of one small file may add to this process, in bytes, and how long it may take, in seconds.
  private static let memory = 64 << 20
  private static let patience = 3.0

  init(_ mode: Mode, folder: String, phase: @escaping (Int) -> Void = { _ in }) throws {
    self.mode = mode
    self.folder = folder
    self.phase = phase
    pool = try DatabasePool(size: mode == .inputs ? .tiny : .small)
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
    let made: String
    var kinds: [String] = []
    if mode == .healthy {
      for leftover in ["", "-wal", "-shm", "-journal"] { try Paths.removeFile(path + leftover) }
      made = try RandomDatabase(seed: number, size: .small).make(at: path).features.joined(separator: ", ")
    } else {
      let kind = mode == .damage ? PageDamage.allCases[Int(number % UInt64(PageDamage.allCases.count))] : nil
      let damaged = DamagedDatabase(number: number, bases: mode == .inputs ? Self.tinyBases : Self.bases, kind: kind)
      guard let done = try damaged.write(to: path, from: pool) else { return Result(outcome: .nothing, words: "") }
      made = done.description
      kinds = done.kinds.map(\.rawValue)
    }
    let before = try FileStatus.of(path)
    let memory = Self.mostMemory()
    phase(1)
    let native = Opinion.of(driver, path)
    let grown = Self.mostMemory() - memory
    let after = try FileStatus.of(path)
    let hasTraces = before.modified != after.modified || FileStatus.exists(path + "-shm")
    phase(2)
    let engine = Opinion.ofEngine(path)
    var outcome = compare(native, engine)
    if native.seconds > Self.patience { outcome = .slow }
    if grown > Self.memory { outcome = .memory }
    if hasTraces { outcome = .traces }
    return Result(
      outcome: outcome, words: "\(made)\n    dbmend: \(native)\n    SQLite: \(engine)", native: native.seconds,
      engine: engine.seconds, bytes: before.size, kinds: kinds, codes: native.codes.sorted().joined(separator: " "))
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

  /// The most memory that this process had so far, in bytes.
  private static func mostMemory() -> Int {
    var usage = rusage()
    #if canImport(Darwin)
      getrusage(RUSAGE_SELF, &usage)
      return Int(usage.ru_maxrss)
    #else
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return Int(usage.ru_maxrss) * 1024
    #endif
  }
}
