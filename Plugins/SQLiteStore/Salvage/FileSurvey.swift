import MendKit

/// What one page looks like by itself, whatever points to it.
struct PageFacts {
  enum Form: UInt8 {
    /// No b-tree page: overflow, free, noise or zeros.
    case other = 0
    case zeros = 1
    case tableLeaf = 2
    case tableInterior = 3
    case indexLeaf = 4
    case indexInterior = 5
  }

  var form = Form.other
  /// Whether every cell is in order, and for tables the keys ascend.
  var isSound = false
  /// Whether the cells and free blocks fill the page as its header says.
  var isTidy = false
  /// Whether a cell goes on in overflow pages.
  var overflows = false
  var cells: UInt16 = 0
  /// Whether a sector is of zeros, of those that hold cells with records, or something that is no b-tree.
  var hasZeroSector = false
  /// The smallest and the largest key of a sound table page.
  var first: Int64 = 0
  var last: Int64 = 0
}

/// Looks at every page of a file once, on all processors.
struct FileSurvey {
  let file: SalvageFile
  private(set) var facts: [PageFacts] = []

  private static let chunk = 1024

  init(_ file: SalvageFile) {
    self.file = file
    let count = Int(file.filePages)
    let reader = PageReader(
      start: UInt(bitPattern: file.mapping.start), pageSize: file.pageSize, usableSize: file.usableSize)
    let chunks = (count + Self.chunk - 1) / Self.chunk
    let parts = Workers.map(chunks, workers: Workers.processors) { chunk in
      let first = chunk * Self.chunk
      let last = min(first + Self.chunk, count)
      let audit = PageAudit(usableSize: reader.usableSize)
      let places = CellPlaces(pageSize: reader.pageSize)
      return (first..<last).map { reader.facts(UInt32($0 + 1), audit, places) }
    }
    facts.reserveCapacity(count + 1)
    facts.append(PageFacts())
    for part in parts { facts += part }
  }

  /// What a page looks like; nothing for one that the file does not have.
  subscript(_ page: UInt32) -> PageFacts { page < facts.count ? facts[Int(page)] : PageFacts() }
}

/// Room for the places of one page's cells.
final class CellPlaces {
  let starts: UnsafeMutablePointer<Int32>
  let ends: UnsafeMutablePointer<Int32>

  init(pageSize: Int) {
    starts = .allocate(capacity: pageSize / 4 + 1)
    ends = .allocate(capacity: pageSize / 4 + 1)
  }

  deinit {
    starts.deallocate()
    ends.deallocate()
  }
}

/// Reads single pages of a mapped file.
struct PageReader: Sendable {
  let start: UInt
  let pageSize: Int
  let usableSize: Int

  func facts(_ number: UInt32, _ audit: PageAudit, _ places: CellPlaces) -> PageFacts {
    var facts = PageFacts()
    guard let page = UnsafeRawPointer(bitPattern: start + UInt(number - 1) * UInt(pageSize)) else { return facts }
    guard let header = BTreePage(page, number: number) else {
      if Self.isZero(page, count: pageSize) {
        facts.form = .zeros
      } else {
        facts.hasZeroSector = hasZeroSector(page, from: 0)
      }
      return facts
    }
    switch header.kind {
    case .tableLeaf: facts.form = .tableLeaf
    case .tableInterior: facts.form = .tableInterior
    case .indexLeaf: facts.form = .indexLeaf
    case .indexInterior: facts.form = .indexInterior
    }
    guard header.cellPointersEnd <= usableSize, header.contentStart <= usableSize,
      header.contentStart >= header.cellPointersEnd
    else {
      facts.hasZeroSector = true
      return facts
    }
    if header.kind != .tableInterior { facts.hasZeroSector = hasZeroSector(page, from: header.contentStart) }
    facts.cells = UInt16(clamping: header.cellCount)
    facts.isSound = cells(page, header, places, &facts)
    facts.isTidy = facts.isSound && audit.audit(page, header, starts: places.starts, ends: places.ends) == nil
    return facts
  }

  /// Whether bytes, of which there are a multiple of eight, are all zero.
  static func isZero(_ bytes: UnsafeRawPointer, count: Int) -> Bool {
    for at in stride(from: 0, to: count, by: 8) where bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self) != 0 {
      return false
    }
    return true
  }

  /// Whether a sector that reaches behind an offset is of zeros.
  private func hasZeroSector(_ page: UnsafeRawPointer, from offset: Int) -> Bool {
    stride(from: offset / TornRow.sector * TornRow.sector, to: pageSize, by: TornRow.sector).contains {
      Self.isZero(page + $0, count: TornRow.sector)
    }
  }

  private func cells(
    _ page: UnsafeRawPointer, _ header: BTreePage, _ places: CellPlaces, _ facts: inout PageFacts
  ) -> Bool {
    let geometry = PayloadGeometry(usableSize: usableSize)
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard at >= header.contentStart,
        let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: geometry)
      else { return false }
      if header.kind != .tableInterior {
        guard RecordHeader.isSound(page + cell.payloadOffset, size: cell.payloadSize, local: cell.localSize) else {
          return false
        }
      }
      if cell.isSpilled { facts.overflows = true }
      places.starts[index] = Int32(truncatingIfNeeded: at)
      places.ends[index] = Int32(truncatingIfNeeded: cell.end)
      if header.kind.isTable {
        guard index == 0 || cell.rowid > facts.last || !header.kind.isLeaf && cell.rowid == facts.last else {
          return false
        }
        if index == 0 { facts.first = cell.rowid }
        facts.last = cell.rowid
      }
    }
    return true
  }
}

extension RecordHeader {
  /// Whether a record's header is in order and says how long the record is.
  static func isSound(_ record: UnsafeRawPointer, size: Int, local: Int) -> Bool {
    guard size > 0, let header = Varint.read(record, at: 0, end: local), header.value <= UInt64(size),
      header.value >= UInt64(header.next)
    else { return false }
    let headerEnd = Int(header.value)
    // The types of a record with thousands of columns may go on in overflow pages: then only the chain can tell.
    guard headerEnd <= local else { return headerEnd <= size }
    return read(record, available: local, payload: size) { _, _, _ in true } != nil
  }
}
