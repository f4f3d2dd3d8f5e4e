import MendKit

/// Brings an index in line with its table by changing the pages on which the two disagree: entries that no row makes go, and
/// those that rows lack come in. All other leaves stay as they are; the pages above them are arranged anew.
final class IndexPatch {
  private let file: SalvageFile
  private let target: IndexTarget
  private let reader: PayloadReader
  /// Whether what is written does not stay in memory, and pages that are let go of are free only when all is done.
  private let streams: Bool
  private let sequence: LeafSequence
  /// The entries that go, by page.
  private var extra: [UInt32: Set<Int>] = [:]
  /// Whether the entry that came last is a new one.
  private var isLastNew = false
  private var lastRecord: UnsafeRawPointer?

  private var kept: [UnsafeMutableRawPointer] = []
  private var cell: [UInt8] = []
  private var isUnique: Bool { target.key.uniqueCount > 0 }

  /// Bytes of changed pages that are held in memory at most.
  private static let memory = 24 << 20

  init(_ file: SalvageFile, _ target: IndexTarget, changes: Int) {
    self.file = file
    self.target = target
    reader = PayloadReader(file)
    streams = changes * file.pageSize > Self.memory
    sequence = LeafSequence(file, root: target.root, streams: streams)
  }

  deinit {
    for bytes in kept { bytes.deallocate() }
  }

  /// A copy for as long as the patch lasts. The bytes before and behind it may be read.
  private func keep(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let copy = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + 32, alignment: 16)
    copy.initializeMemory(as: UInt8.self, repeating: 0, count: 16)
    (copy + 16 + bytes.count).initializeMemory(as: UInt8.self, repeating: 0, count: 16)
    UnsafeMutableRawBufferPointer(start: copy + 16, count: bytes.count).copyBytes(from: bytes)
    kept.append(copy)
    return UnsafeRawBufferPointer(start: copy + 16, count: bytes.count)
  }

  /// `missing` are the places of rows without an entry, `extra` those of entries without a row.
  func apply(missing: [EntryCollector.Entry], extra: [EntryCollector.Entry]) throws(BuildObstacle) {
    let entries = try entries(of: missing)
    for entry in extra { self.extra[entry.page, default: []].insert(Int(entry.cell)) }
    do throws(Problem) {
      let merged = try MergedRuns(entries, key: target.key, encoding: target.encoding)
      var incoming = Incoming(merged: merged)
      try incoming.advance()
      guard try visit(target.root, level: 1, &incoming), try take(&incoming, before: nil) else {
        throw Problem.leftToLibrary
      }
      try sequence.finish()
      if !streams { try file.writeChanges() }
    } catch {
      throw error.isLeftToLibrary ? .leftToLibrary : .failed(error)
    }
    file.free += sequence.released
  }

  /// The new entries, in order, as they come.
  private struct Incoming {
    var merged: MergedRuns
    var record: UnsafeRawPointer?
    var count = 0

    mutating func advance() throws(Problem) {
      let next = try merged.next()
      record = next?.record
      count = next?.count ?? 0
    }
  }

  private func entries(of missing: [EntryCollector.Entry]) throws(BuildObstacle) -> [SortedRun] {
    guard let encoder = target.encoder(),
      let sorter = EntrySorter(
        target.tree, encoding: target.encoding, memory: IndexBuild.memory / 2, folder: Paths.folder(of: file.path))
    else { throw .leftToLibrary }
    // In the order of the table's pages, so that each is read once.
    for row in missing.sorted(by: { $0.page < $1.page }) {
      guard let record = reader.record(row.page, at: Int(row.cell)),
        encoder.encode(record.start, available: record.available, rowid: row.rowid) == .entry
      else { throw .leftToLibrary }
      reader.release()
      do throws(Problem) {
        try sorter.add(encoder.entry)
      } catch {
        throw .failed(error)
      }
    }
    do throws(Problem) {
      return try sorter.finish()
    } catch {
      throw .failed(error)
    }
  }

  // MARK: The old tree

  /// Goes through a part of the old tree. false where two entries have a key that only one may have, or a page is not as it was
  /// found before.
  private func visit(_ number: UInt32, level: Int, _ incoming: inout Incoming) throws(Problem) -> Bool {
    guard level <= TreeWalker.deepest, let page = file.original(number), let header = BTreePage(page, number: number),
      header.cellPointersEnd <= file.usableSize
    else { return false }
    if header.kind.isLeaf, number != target.root, extra[number] == nil, header.cellCount > 0 {
      guard let last = reader.cell(header.cellCount - 1, of: number) else { return false }
      if isBefore(incoming, number, last) {
        // What comes before the whole leaf leaves it as it is.
        guard let first = reader.cell(0, of: number), let start = reader.record(number, first)?.start,
          try take(&incoming, before: start)
        else { return false }
      }
      guard isBefore(incoming, number, last) else { return try keep(number, last) }
    }
    let cells = reader.cells(of: number)
    guard cells.count == header.cellCount else { return false }
    for cell in cells {
      if !header.kind.isLeaf {
        guard try visit(page.big32(cell.offset), level: level + 1, &incoming) else { return false }
      }
      guard try keepOrDrop(number, page, cell, &incoming) else { return false }
    }
    if !header.kind.isLeaf {
      guard try visit(header.rightChild(page), level: level + 1, &incoming) else { return false }
    }
    if number != target.root { sequence.release(number) }
    return true
  }

  /// Keeps a leaf as it is. false where the new entry before it has a key that only one may have.
  private func keep(_ number: UInt32, _ last: FoundCell) throws(Problem) -> Bool {
    if isLastNew, let first = reader.cell(0, of: number), !isDistinct(number, first) { return false }
    try sequence.keep(number)
    isLastNew = false
    lastRecord = nil
    reader.release()
    if isUnique, sequence.open != number { lastRecord = reader.record(number, last)?.start }
    return true
  }

  /// Whether the next new entry belongs before a cell.
  private func isBefore(_ incoming: Incoming, _ number: UInt32, _ cell: FoundCell) -> Bool {
    guard let record = incoming.record, let old = reader.record(number, cell) else { return false }
    return EntryKernel.difference(record, old.start, target.key, target.encoding).isAscending
  }

  private func keepOrDrop(
    _ number: UInt32, _ page: UnsafeRawPointer, _ cell: FoundCell, _ incoming: inout Incoming
  ) throws(Problem) -> Bool {
    if extra[number]?.contains(cell.offset) == true {
      for link in reader.chain(of: cell) { sequence.release(link) }
      return true
    }
    guard let old = reader.record(number, cell) else { return false }
    guard try take(&incoming, before: old.start) else { return false }
    if isLastNew, let lastRecord, target.isDuplicate(lastRecord, old.start) { return false }
    isLastNew = false
    if isUnique { lastRecord = old.start } else { reader.release() }
    sequence.add(LeafSequence.bytes(of: cell, on: page, number))
    return true
  }

  /// Takes the new entries that belong before an old one, or all that are left.
  private func take(_ incoming: inout Incoming, before old: UnsafeRawPointer?) throws(Problem) -> Bool {
    while let record = incoming.record {
      if let old, !EntryKernel.difference(record, old, target.key, target.encoding).isAscending { return true }
      if isUnique, lastRecord == nil, let open = sequence.open { lastRecord = lastEntry(of: open) }
      if let lastRecord, target.isDuplicate(lastRecord, record) { return false }
      let source = UnsafeRawBufferPointer(start: record, count: incoming.count)
      try file.indexCell(source, streams: streams, into: &cell)
      sequence.add(cell.withUnsafeBytes { keep($0) })
      if isUnique {
        // What comes next is held against a copy: the entry itself is read over.
        lastRecord = keep(source).baseAddress
        isLastNew = true
      }
      try incoming.advance()
    }
    return true
  }

  private func lastEntry(of number: UInt32) -> UnsafeRawPointer? {
    reader.cells(of: number).last.flatMap { reader.record(number, $0)?.start }
  }

  private func isDistinct(_ number: UInt32, _ first: FoundCell) -> Bool {
    guard let lastRecord, let record = reader.record(number, first) else { return true }
    return !target.isDuplicate(lastRecord, record.start)
  }
}
