/// Tells which entries indexes and their table disagree on, in two passes over the trees: first sums for each of many groups of
/// entries, then the entries of the groups whose sums differ. Each worker has a collector of its own.
final class EntryCollector {
  /// An entry that is on one side only.
  struct Entry: Hashable {
    let hash: Hash128
    /// The row that it is of; meaningless for a table without rowid.
    let rowid: Int64
    let page: UInt32
    /// Where the entry's or the row's cell stands in the page.
    let cell: Int32
  }

  /// What one side has more of than the other, over a group of entries.
  private struct Group {
    /// The sum of the hashes of rows, less those of index entries.
    var sum: UInt64 = 0
    /// Entries on both sides.
    var count: UInt32 = 0
  }

  /// The groups whose sums differ, a bit for each. Unchecked, since it is only read by those that it is handed to.
  final class Narrowing: @unchecked Sendable {
    fileprivate let bits: UnsafeMutablePointer<UInt64>
    /// Whether entries of an index differ in more groups than are looked into.
    fileprivate(set) var isFull: [Bool]
    private(set) var isDiffering: [Bool]

    /// Whether anything of an index is looked into.
    func differs(_ slot: Int) -> Bool { isDiffering[slot] }

    fileprivate func take(_ group: Int, ofSlot slot: Int) {
      bits[group >> 6] |= 1 << UInt64(group & 63)
      isDiffering[slot] = true
    }

    fileprivate init(words: Int, slots: Int) {
      bits = .allocate(capacity: words)
      bits.initialize(repeating: 0, count: words)
      isFull = Array(repeating: false, count: slots)
      isDiffering = isFull
    }

    deinit { bits.deallocate() }
  }

  /// What is looked into, and into how many groups its entries are put.
  struct Scope {
    /// The fingerprints of the indexes, the number of each being its slot here.
    let fingerprints: [Int]
    /// The logarithm of the number of groups.
    let groupBits: Int

    /// The sums of all workers' groups take no more than this: 64 MiB.
    private static let mostGroups = 1 << 22

    /// `entries` are those of the largest index.
    init(fingerprints: [Int], entries: Int, workers: Int) {
      self.fingerprints = fingerprints
      let most = Self.mostGroups / max(1, workers) / max(1, fingerprints.count)
      var bits = 6
      while bits < 19, 2 << bits <= most, entries >> bits > 8 { bits += 1 }
      groupBits = bits
    }

    fileprivate var groups: Int { 1 << groupBits }
  }

  private let scope: Scope
  private let slots: UnsafeMutablePointer<Int32>
  private let sums: UnsafeMutablePointer<Group>?
  private let narrowing: Narrowing?
  private let mask: UInt64
  private var ofRows: [[Entry]]
  private var ofIndexes: [[Entry]]

  /// A collector for the first pass, or, with what that found, for the second.
  init(_ scope: Scope, fingerprintCount: Int, narrowing: Narrowing? = nil) {
    self.scope = scope
    self.narrowing = narrowing
    mask = UInt64(scope.groups - 1)
    slots = .allocate(capacity: max(1, fingerprintCount))
    slots.initialize(repeating: -1, count: max(1, fingerprintCount))
    for (slot, fingerprint) in scope.fingerprints.enumerated() { slots[fingerprint] = Int32(slot) }
    if narrowing == nil {
      let sums = UnsafeMutablePointer<Group>.allocate(capacity: scope.groups * scope.fingerprints.count)
      sums.initialize(repeating: Group(), count: scope.groups * scope.fingerprints.count)
      self.sums = sums
    } else {
      sums = nil
    }
    ofRows = Array(repeating: [], count: scope.fingerprints.count)
    ofIndexes = ofRows
  }

  deinit {
    slots.deallocate()
    sums?.deallocate()
  }

  /// Takes up an entry; whether it is to be kept.
  @inline(__always) func take(_ hash: Hash128, ofRow: Bool, _ fingerprint: Int) -> Bool {
    let slot = Int(slots[fingerprint])
    guard slot >= 0 else { return false }
    let group = slot << scope.groupBits + Int(truncatingIfNeeded: hash.first & mask)
    if let sums {
      sums[group].sum &+= ofRow ? hash.second : 0 &- hash.second
      sums[group].count &+= 1
      return false
    }
    guard let narrowing else { return false }
    return narrowing.bits[group >> 6] >> UInt64(group & 63) & 1 != 0
  }

  func keep(_ entry: Entry, ofRow: Bool, _ fingerprint: Int) {
    let slot = Int(slots[fingerprint])
    if ofRow { ofRows[slot].append(entry) } else { ofIndexes[slot].append(entry) }
  }

  /// How many entries are kept.
  enum Limit {
    /// Of each index so many at most: the others are not listed.
    case ofEach(Int)
    /// Of all indexes together; of an index all or none.
    case ofAll(Int)
  }

  /// Ends the first pass: the groups that differ, so many of each index as the limit allows.
  static func narrow(_ collectors: [EntryCollector], _ limit: Limit) -> Narrowing {
    let scope = collectors[0].scope
    let narrowing = Narrowing(
      words: (scope.fingerprints.count << scope.groupBits + 63) / 64, slots: scope.fingerprints.count)
    switch limit {
    case .ofEach(let most):
      for slot in scope.fingerprints.indices {
        var room = most
        for (group, count) in differing(collectors, scope, slot) {
          guard count <= room else {
            narrowing.isFull[slot] = true
            continue
          }
          room -= count
          narrowing.take(group, ofSlot: slot)
        }
      }
    case .ofAll(var room):
      for slot in scope.fingerprints.indices {
        let groups = differing(collectors, scope, slot)
        let count = groups.reduce(0) { $0 + $1.count }
        narrowing.isFull[slot] = count > room
        guard count <= room else { continue }
        room -= count
        for (group, _) in groups { narrowing.take(group, ofSlot: slot) }
      }
    }
    return narrowing
  }

  /// The groups of an index whose sums differ, and how many entries each has.
  private static func differing(
    _ collectors: [EntryCollector], _ scope: Scope, _ slot: Int
  ) -> [(group: Int, count: Int)] {
    (slot << scope.groupBits..<(slot + 1) << scope.groupBits).compactMap { group in
      var whole = Group()
      for collector in collectors {
        guard let sums = collector.sums else { continue }
        whole.sum &+= sums[group].sum
        whole.count &+= sums[group].count
      }
      return whole.sum == 0 ? nil : (group, Int(whole.count))
    }
  }

  /// What only the table or only the index has, after the second pass.
  static func differences(_ collectors: [EntryCollector], slot: Int) -> (missing: [Entry], extra: [Entry]) {
    let ofIndex = collectors.flatMap { $0.ofIndexes[slot] }
    var indexed: [Hash128: Int] = [:]
    indexed.reserveCapacity(ofIndex.count)
    for entry in ofIndex { indexed[entry.hash, default: 0] += 1 }
    var missing: [Entry] = []
    for collector in collectors {
      for entry in collector.ofRows[slot] {
        if let count = indexed[entry.hash], count > 0 {
          indexed[entry.hash] = count - 1
        } else {
          missing.append(entry)
        }
      }
    }
    let extra = ofIndex.filter { entry in
      guard let count = indexed[entry.hash], count > 0 else { return false }
      indexed[entry.hash] = count - 1
      return true
    }
    return (missing, extra)
  }
}
