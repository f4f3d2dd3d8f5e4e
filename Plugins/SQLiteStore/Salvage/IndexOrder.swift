/// Whether the pages of an index stand where their entries belong: a page of something else that found its way into the tree
/// is in order by itself, but not between the entries around it.
struct IndexOrder {
  private let reader: EntryReader
  private let plan: KeyPlan
  private let encoding: TextEncoding
  private let memory = PlanMemory()

  /// Bytes before and behind a record that comparing may read.
  private static let slack = 16

  init(_ reader: EntryReader, _ terms: [KeyPlan.Term], _ encoding: TextEncoding) {
    self.reader = reader
    self.encoding = encoding
    plan = KeyPlan(
      terms: terms, fieldCount: terms.count, isExact: true, uniqueCount: 0, fingerprint: -1, memory: memory)
  }

  /// Whether the first and the last entry of each child of a page stand between those of the page itself. True of a leaf. Where
  /// the index is not whole, children may be lost.
  func isKept(at number: UInt32, isWhole: Bool = true) -> Bool {
    guard let page = reader.page(number), let header = BTreePage(page, number: number), header.kind == .indexInterior,
      header.cellPointersEnd <= reader.usableSize
    else { return true }
    var above: [UInt8]?
    for index in 0...header.cellCount {
      let isLast = index == header.cellCount
      let below = isLast ? nil : entry(page, header, index)
      guard isLast || below != nil else { return false }
      let child = isLast ? header.rightChild(page) : page.big32(page.big16(header.cellPointers + 2 * index))
      guard let content = reader.page(child), let inner = BTreePage(content, number: child), !inner.kind.isTable,
        inner.cellPointersEnd <= reader.usableSize, inner.cellCount > 0,
        let first = entry(content, inner, 0), let last = entry(content, inner, inner.cellCount - 1)
      else {
        guard !isWhole else { return false }
        above = below
        continue
      }
      if let above, !isBefore(above, first) { return false }
      if let below, !isBefore(last, below) { return false }
      above = below
    }
    return true
  }

  /// A whole record, with room around it.
  private func entry(_ page: UnsafeRawPointer, _ header: BTreePage, _ index: Int) -> [UInt8]? {
    let at = page.big16(header.cellPointers + 2 * index)
    let geometry = PayloadGeometry(usableSize: reader.usableSize)
    return FoundCell.read(page, at: at, kind: header.kind, geometry: geometry).flatMap { record(page, $0) }
  }

  /// Likewise, of a cell that was read already.
  func record(_ number: UInt32, _ cell: FoundCell) -> [UInt8]? { reader.page(number).flatMap { record($0, cell) } }

  private func record(_ page: UnsafeRawPointer, _ cell: FoundCell) -> [UInt8]? {
    guard let record = reader.payload(page, cell), record.withUnsafeBytes(isSound) else { return nil }
    let room = [UInt8](repeating: 0, count: Self.slack)
    return room + record + room
  }

  private func isSound(_ record: UnsafeRawBufferPointer) -> Bool {
    guard let start = record.baseAddress else { return false }
    let count = RecordHeader.read(start, available: record.count, payload: record.count) { _, _, _ in true }
    return count == plan.terms.count
  }

  /// Whether a record, with the room around it, is that of an earlier entry than another.
  func isBefore(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    one.withUnsafeBytes { one in
      other.withUnsafeBytes { other in
        guard let before = one.baseAddress, let record = other.baseAddress else { return false }
        return EntryKernel.difference(before + Self.slack, record + Self.slack, plan, encoding).isAscending
      }
    }
  }
}
