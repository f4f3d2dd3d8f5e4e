/// Tells which entries an index and its table disagree on, in passes over the two trees: first sums for each of many groups
/// of entries, then the entries of the groups whose sums differ.
struct EntryCollector {
  /// An entry that is on one side only.
  struct Entry: Hashable {
    let hash: Hash128
    /// The row that it is of; meaningless for a table without rowid.
    let rowid: Int64
    let page: UInt32
    let cell: Int
  }

  static let groups = 1 << 16
  /// Entries kept at most.
  static let most = 200_000

  /// Which fingerprint is looked into.
  let fingerprint: Int
  private var sums: [Fingerprint]
  private var rowSums: [Fingerprint]
  private var differing: [Bool]?
  private(set) var ofRows: [Entry] = []
  private(set) var ofIndex: [Entry] = []
  private(set) var isFull = false

  init(fingerprint: Int) {
    self.fingerprint = fingerprint
    sums = Array(repeating: Fingerprint(), count: Self.groups)
    rowSums = sums
  }

  mutating func take(_ hash: Hash128, ofRow: Bool, _ fingerprint: Int, rowid: Int64, page: UInt32, cell: Int) {
    guard fingerprint == self.fingerprint else { return }
    let group = Int(truncatingIfNeeded: hash.first) & (Self.groups - 1)
    guard let differing else {
      if ofRow { rowSums[group].add(hash) } else { sums[group].add(hash) }
      return
    }
    guard differing[group] else { return }
    guard ofRows.count + ofIndex.count < Self.most else {
      isFull = true
      return
    }
    let entry = Entry(hash: hash, rowid: rowid, page: page, cell: cell)
    if ofRow { ofRows.append(entry) } else { ofIndex.append(entry) }
  }

  /// Begins the second pass: only groups that differ are kept, and so many of them that the entries fit.
  mutating func narrow() {
    var room = Self.most
    differing = zip(sums, rowSums).map { own, rows in
      guard own != rows, own.count + rows.count <= room else { return false }
      room -= own.count + rows.count
      return true
    }
    isFull = zip(sums, rowSums).enumerated().contains { index, pair in
      pair.0 != pair.1 && !(differing?[index] ?? false)
    }
    sums = []
    rowSums = []
  }

  /// The entries that only one side has.
  func differences() -> (missing: [Entry], extra: [Entry]) {
    var indexed: [Hash128: Int] = [:]
    for entry in ofIndex { indexed[entry.hash, default: 0] += 1 }
    var missing: [Entry] = []
    for entry in ofRows {
      if let count = indexed[entry.hash], count > 0 { indexed[entry.hash] = count - 1 } else { missing.append(entry) }
    }
    let extra = ofIndex.filter { entry in
      guard let count = indexed[entry.hash], count > 0 else { return false }
      indexed[entry.hash] = count - 1
      return true
    }
    return (missing, extra)
  }
}
