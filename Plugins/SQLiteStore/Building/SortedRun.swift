import MendKit

/// Entries in their order, in memory or in a file without a name, read from the first to the last.
///
/// Unchecked, since it is made by one thread and read by another one only after that has ended.
final class SortedRun: @unchecked Sendable {
  private static let window = 1 << 18
  private static let head = 2 * MemoryLayout<UInt64>.size
  private static let slack = 16

  /// The entry at hand: its record, of which eight bytes before and behind may be read, and its prefix.
  private(set) var record: UnsafeRawPointer
  private(set) var count = 0
  private(set) var prefix: UInt64 = 0

  private let items: [EntrySorter.Item]
  private var next = 0
  private let arena: UnsafeRawPointer?
  private let keeper: AnyObject?

  private let file: FileHandle?
  private var buffer: UnsafeMutableRawBufferPointer
  /// Where the next entry begins in the buffer, where what was read ends, and where in the file to read on.
  private var at = SortedRun.slack
  private var end = SortedRun.slack
  private var position = 0

  /// Entries that stand at their items' offsets from `arena`, behind their sizes.
  init(inMemory items: [EntrySorter.Item], at arena: UnsafeRawPointer, keeping keeper: AnyObject) {
    self.items = items
    self.arena = arena
    self.keeper = keeper
    record = arena
    file = nil
    buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  }

  /// Likewise, written to a file first.
  init(writing items: [EntrySorter.Item], at arena: UnsafeRawPointer, into folder: String) throws(Problem) {
    let place = try Paths.makeTemporaryFolder(Paths.join(folder, "run-"))
    defer { try? Paths.removeTree(place) }
    let file = try FileHandle.create(Paths.join(place, "entries"), mode: 0o600)
    buffer = .allocate(byteCount: Self.window, alignment: 16)
    self.file = file
    self.items = []
    self.arena = nil
    keeper = nil
    record = arena
    var filled = 0
    for item in items {
      let size = (arena + item.offset).loadUnaligned(fromByteOffset: -EntrySorter.sizeBytes, as: Int.self)
      let whole = Self.head + size
      if filled + whole > buffer.count {
        try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<filled]), at: position)
        position += filled
        filled = 0
      }
      if whole > buffer.count { grow(whole) }
      guard let base = buffer.baseAddress else { continue }
      (base + filled).storeBytes(of: item.prefix, as: UInt64.self)
      (base + filled + 8).storeBytes(of: UInt64(size), as: UInt64.self)
      (base + filled + Self.head).copyMemory(from: arena + item.offset, byteCount: size)
      filled += whole
    }
    try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<filled]), at: position)
    position = 0
  }

  deinit { buffer.deallocate() }

  private func grow(_ size: Int) {
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * size + 4 * Self.slack, alignment: 16)
    larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
    buffer.deallocate()
    buffer = larger
  }

  /// Goes on to the next entry; false behind the last.
  func advance() throws(Problem) -> Bool {
    guard file != nil else {
      guard next < items.count, let arena else { return false }
      record = arena + items[next].offset
      count = record.loadUnaligned(fromByteOffset: -EntrySorter.sizeBytes, as: Int.self)
      prefix = items[next].prefix
      next += 1
      return true
    }
    guard try hold(Self.head), let base = buffer.baseAddress else { return false }
    count = Int((base + at + 8).loadUnaligned(as: UInt64.self))
    guard try hold(Self.head + count), let base = buffer.baseAddress else { return false }
    prefix = (base + at).loadUnaligned(as: UInt64.self)
    record = UnsafeRawPointer(base + at + Self.head)
    at += Self.head + count
    return true
  }

  /// Sees to it that so many bytes from `at` on are in the buffer; false where the file has no more.
  private func hold(_ size: Int) throws(Problem) -> Bool {
    guard end - at < size, let file else { return true }
    if Self.slack + size + Self.slack > buffer.count { grow(size) }
    guard let base = buffer.baseAddress else { return false }
    // The bytes before the entry stay readable.
    let kept = end - at
    (base + Self.slack).copyMemory(from: base + at, byteCount: kept)
    at = Self.slack
    end = at + kept
    let room = UnsafeMutableRawBufferPointer(rebasing: buffer[end..<(buffer.count - Self.slack)])
    let read = try file.read(into: room, at: position)
    position += read
    end += read
    return end - at >= size
  }
}

/// Several runs read as one, in order.
struct MergedRuns {
  private var runs: [SortedRun] = []
  private var current: Int?
  private let key: KeyPlan
  private let encoding: TextEncoding

  init(_ all: [SortedRun], key: KeyPlan, encoding: TextEncoding) throws(Problem) {
    self.key = key
    self.encoding = encoding
    for run in all where try run.advance() { runs.append(run) }
  }

  /// The next entry; nil behind the last. It stays until the next one is asked for.
  mutating func next() throws(Problem) -> (record: UnsafeRawPointer, count: Int)? {
    if let current, try !runs[current].advance() { runs.remove(at: current) }
    guard var first = runs.indices.first else { return nil }
    for index in runs.indices.dropFirst() where isBefore(runs[index], runs[first]) { first = index }
    current = first
    return (runs[first].record, runs[first].count)
  }

  private func isBefore(_ one: SortedRun, _ other: SortedRun) -> Bool {
    if one.prefix != other.prefix { return one.prefix < other.prefix }
    return EntryKernel.difference(one.record, other.record, key, encoding).isAscending
  }
}
