import MendKit

/// Brings entries of an index into their order with bounded memory: what does not fit is sorted in parts, which stand in files
/// without a name until they are merged. One for each worker.
final class EntrySorter {
  /// An entry in memory, with what tells most entries apart without a look at it.
  struct Item {
    let prefix: UInt64
    let offset: Int
  }

  /// Bytes before an entry in the arena: its size.
  static let sizeBytes = 8
  /// Bytes before the first entry and behind the last one that may be read.
  private static let slack = 16

  private let tree: TreePlan
  private let key: KeyPlan
  private let encoding: TextEncoding
  private let memory: Int
  private let folder: String
  private var arena: UnsafeMutableRawBufferPointer
  private var used = EntrySorter.slack
  private var items: [Item] = []
  private var runs: [SortedRun] = []

  /// `tree` is the index's; files are made in `folder`. nil where nobody knows the index's order.
  init?(_ tree: TreePlan, encoding: TextEncoding, memory: Int, folder: String) {
    guard let key = tree.key else { return nil }
    self.tree = tree
    self.key = key
    self.encoding = encoding
    self.memory = memory
    self.folder = folder
    arena = .allocate(byteCount: memory, alignment: 16)
    arena.baseAddress?.initializeMemory(as: UInt8.self, repeating: 0, count: Self.slack)
  }

  deinit { arena.deallocate() }

  /// Takes an entry's record.
  func add(_ entry: [UInt8]) throws(Problem) {
    let needed = (entry.count + 7) / 8 * 8 + Self.sizeBytes
    if used + needed + Self.slack + (items.count + 1) * MemoryLayout<Item>.stride > memory { try spill() }
    if used + needed + Self.slack > arena.count {
      arena.deallocate()
      arena = .allocate(byteCount: 2 * needed + 4 * Self.slack, alignment: 16)
      arena.baseAddress?.initializeMemory(as: UInt8.self, repeating: 0, count: Self.slack)
    }
    guard let base = arena.baseAddress else { return }
    (base + used).storeBytes(of: entry.count, as: Int.self)
    let start = used + Self.sizeBytes
    UnsafeMutableRawBufferPointer(start: base + start, count: entry.count).copyBytes(from: entry)
    (base + start + entry.count).initializeMemory(as: UInt8.self, repeating: 0, count: Self.slack)
    items.append(Item(prefix: KeyPrefix.of(UnsafeRawPointer(base + start), key, encoding), offset: start))
    used += needed
  }

  /// The parts, each in order. Nothing can be added any more.
  func finish() throws(Problem) -> [SortedRun] {
    sort()
    var all = runs
    if !items.isEmpty, let base = arena.baseAddress {
      all.append(SortedRun(inMemory: items, at: UnsafeRawPointer(base), keeping: self))
    }
    return all
  }

  private func sort() {
    guard let base = arena.baseAddress else { return }
    let key = key
    let encoding = encoding
    items.sort { one, other in
      if one.prefix != other.prefix { return one.prefix < other.prefix }
      return one.offset != other.offset
        && EntryKernel.difference(base + one.offset, base + other.offset, key, encoding).isAscending
    }
  }

  /// Writes what is in memory to a file.
  private func spill() throws(Problem) {
    guard !items.isEmpty, let base = arena.baseAddress else { return }
    sort()
    runs.append(try SortedRun(writing: items, at: UnsafeRawPointer(base), into: folder))
    items.removeAll(keepingCapacity: true)
    used = Self.slack
  }
}

/// The beginning of an entry as a number: where those of two entries differ, they say which one comes first.
enum KeyPrefix {
  static func of(_ record: UnsafeRawPointer, _ key: KeyPlan, _ encoding: TextEncoding) -> UInt64 {
    guard let term = key.terms.first else { return 0 }
    var cursor = ValueCursor(record)
    let value = cursor.next().value
    let prefix: UInt64 =
      switch value.type {
      case .null: 0
      case .integer: 1 << 62 | number(Double(value.bits))
      case .real: 1 << 62 | number(Double(bitPattern: UInt64(bitPattern: value.bits)))
      case .text: 2 << 62 | text(value.bytes, term.collation, encoding)
      case .blob: 3 << 62 | bytes(value.bytes)
      }
    return term.isDescending ? ~prefix : prefix
  }

  /// Rounding keeps the order.
  private static func number(_ number: Double) -> UInt64 {
    let bits = number.bitPattern
    return (bits >> 63 != 0 ? ~bits : bits | 1 << 63) >> 2
  }

  private static func bytes(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var prefix: UInt64 = 0
    for index in 0..<7 { prefix = prefix << 8 | (index < bytes.count ? UInt64(bytes[index]) : 0) }
    return prefix << 6
  }

  private static func text(
    _ text: UnsafeRawBufferPointer, _ collation: Collation, _ encoding: TextEncoding
  ) -> UInt64 {
    if collation == .binary { return bytes(text) }
    // The others look at characters, not at bytes.
    guard encoding == .utf8, collation != .custom else { return 0 }
    var count = text.count
    if collation == .rtrim { while count > 0, text[count - 1] == 32 { count -= 1 } }
    var prefix: UInt64 = 0
    var isOver = false
    for index in 0..<7 {
      var byte: UInt8 = 0
      if index < count, !isOver { byte = collation == .nocase ? ASCII.lowered(text[index]) : text[index] }
      // For NOCASE a NUL ends the comparison.
      if byte == 0, collation == .nocase { isOver = true }
      prefix = prefix << 8 | UInt64(byte)
    }
    return prefix << 6
  }
}
