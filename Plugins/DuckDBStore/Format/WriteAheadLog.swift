import MendKit

/// The log beside a database file, entry by entry: what was committed since the last checkpoint.
struct WriteAheadLog {
  /// How the reading of the entries ended.
  enum Ending: Equatable {
    /// With the last entry of a transaction.
    case whole
    /// In the midst of an entry or of a transaction, as a crash leaves it: what follows the last commit never happened.
    case torn
    /// At an entry whose checksum is wrong, at this offset.
    case damaged(Int)
    /// Nothing is known of the entries: they are encrypted, or of a version without checksums.
    case unknown
  }

  /// Whether nothing of its own speaks against its replay.
  var isWhole: Bool { ending == .whole || ending == .torn }

  /// The size of the log in bytes.
  let size: Int
  /// How the reading ended.
  private(set) var ending = Ending.whole
  /// The end of the last whole transaction.
  private(set) var committed = 0
  /// The transactions that are whole.
  private(set) var transactions = 0
  /// What the whole transactions hold.
  private(set) var content = LogContent()
  /// What follows the last whole transaction, as far as its entries can be read.
  private(set) var rest = LogContent()
  /// The database that the log says it belongs to; nil where it does not say.
  private(set) var identifier: [UInt8]?
  /// The checkpoint that the log follows; nil where it does not say.
  private(set) var iteration: UInt64?
  /// Whether the log says that its content was written to the file.
  private(set) var checkpoint: UInt64?

  /// A log larger than this is left to the engine.
  static let mostBytes = 4 << 30

  init(_ bytes: [UInt8]) {
    size = bytes.count
    guard !bytes.isEmpty else { return }
    var fields = LogFields(bytes[...])
    guard fields.kind() == LogEntry.version, fields.begins(101), let version = fields.number() else {
      ending = .damaged(0)
      return
    }
    if fields.begins(102), let count = fields.number(), count == 16 {
      identifier = (0..<16).compactMap { _ in fields.number().map { UInt8(truncatingIfNeeded: $0) } }
    }
    if fields.begins(103) { iteration = fields.number() }
    guard fields.ends() else {
      ending = .damaged(0)
      return
    }
    committed = fields.position
    guard version == 2 else {
      ending = .unknown
      return
    }
    read(bytes, from: fields.position)
  }

  private mutating func read(_ bytes: [UInt8], from start: Int) {
    var at = start
    var pending = LogContent()
    var current: String?
    while at < bytes.count {
      guard let length = bytes.uint64(at), let sum = bytes.uint64(at + 8), length <= UInt64(bytes.count - at - 16)
      else {
        ending = .torn
        rest = pending
        return
      }
      let entry = bytes[(at + 16)..<(at + 16 + Int(length))]
      guard Checksum.of(entry) == sum else {
        ending = .damaged(at)
        rest = pending
        readRest(bytes, from: at, table: current)
        return
      }
      at += 16 + Int(length)
      switch LogEntry(entry) {
      case .commit:
        content.add(pending)
        pending = LogContent()
        transactions += 1
        committed = at
      case .table(let name): current = name
      case .checkpoint(let block): checkpoint = block
      case let other: pending.note(other, table: current)
      }
    }
    if committed < bytes.count {
      ending = .torn
      rest = pending
    }
  }

  /// What the entries behind a damaged one hold, where the lengths still lead from one to the next.
  private mutating func readRest(_ bytes: [UInt8], from start: Int, table: String?) {
    var at = start
    var current = table
    while let length = bytes.uint64(at), let sum = bytes.uint64(at + 8), length <= UInt64(max(0, bytes.count - at - 16))
    {
      let entry = bytes[(at + 16)..<(at + 16 + Int(length))]
      at += 16 + Int(length)
      guard Checksum.of(entry) == sum else {
        rest.unreadable += 1
        // Rows behind an entry that cannot be read may be another table's.
        current = nil
        continue
      }
      switch LogEntry(entry) {
      case .table(let name): current = name
      case .commit, .checkpoint: continue
      case let other: rest.note(other, table: current)
      }
    }
    if at < bytes.count { rest.unreadable += 1 }
  }

  /// Reads the log beside a file; nil where there is none or an empty one.
  static func beside(_ path: String) throws(Problem) -> WriteAheadLog? {
    guard let file = try Sidecars.open(path + Sidecars.log) else { return nil }
    let bytes = try file.readAll(limit: mostBytes)
    return bytes.isEmpty ? nil : WriteAheadLog(bytes)
  }

  /// The first `length` bytes of the log with an entry behind them that says: this was written to the file by the checkpoint whose
  /// catalog begins at `metaBlock`. The engine itself ends a log so. Over a file of that very catalog it is not replayed, over
  /// any other it is.
  static func closed(_ bytes: [UInt8], length: Int, metaBlock: UInt64) -> [UInt8] {
    var result = Array(bytes.prefix(length))
    for entry in [LogEntry.checkpointBytes(metaBlock), LogEntry.commitBytes] {
      var head = [UInt8](repeating: 0, count: 16)
      head.set(UInt64(entry.count), at: 0)
      head.set(Checksum.of(entry[...]), at: 8)
      result += head + entry
    }
    return result
  }
}
