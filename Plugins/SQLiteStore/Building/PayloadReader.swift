import MendKit

/// Reads the records of single cells of a sound file, wherever they go on.
final class PayloadReader {
  /// The record of a cell.
  struct Record {
    let start: UnsafeRawPointer
    let size: Int
    /// The bytes of it that are there: all, but for very large ones.
    let available: Int
    let cell: FoundCell
  }

  private let file: SalvageFile
  private var kept: [UnsafeMutableRawPointer] = []

  init(_ file: SalvageFile) { self.file = file }

  deinit { release() }

  /// Lets go of what was put together of several pages.
  func release() {
    for bytes in kept { bytes.deallocate() }
    kept.removeAll(keepingCapacity: true)
  }

  /// The cells of a page in their order; nothing for a page that is no b-tree's.
  func cells(of number: UInt32) -> [FoundCell] {
    guard let page = file.original(number), let header = BTreePage(page, number: number),
      header.cellPointersEnd <= file.usableSize
    else { return [] }
    return (0..<header.cellCount).compactMap { index in
      FoundCell.read(
        page, at: page.big16(header.cellPointers + 2 * index), kind: header.kind, geometry: file.geometry)
    }
  }

  /// One cell of a page, by its place.
  func cell(_ index: Int, of number: UInt32) -> FoundCell? {
    guard let page = file.original(number), let header = BTreePage(page, number: number), index < header.cellCount,
      header.cellPointersEnd <= file.usableSize
    else { return nil }
    return FoundCell.read(
      page, at: page.big16(header.cellPointers + 2 * index), kind: header.kind, geometry: file.geometry)
  }

  /// The record of the cell at an offset of a page; it stays until `release`.
  func record(_ number: UInt32, at offset: Int) -> Record? {
    guard let page = file.original(number), let header = BTreePage(page, number: number),
      let cell = FoundCell.read(page, at: offset, kind: header.kind, geometry: file.geometry)
    else { return nil }
    return record(page, cell)
  }

  /// Likewise, of a cell that was read already.
  func record(_ number: UInt32, _ cell: FoundCell) -> Record? {
    guard let page = file.original(number) else { return nil }
    return record(page, cell)
  }

  private func record(_ page: UnsafeRawPointer, _ cell: FoundCell) -> Record? {
    let local = page + cell.payloadOffset
    guard cell.isSpilled else {
      return Record(start: local, size: cell.payloadSize, available: cell.payloadSize, cell: cell)
    }
    let available = min(cell.payloadSize, max(cell.localSize, PayloadAssembly.largest))
    // Loops may read whole words before and behind it.
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: available + 32, alignment: 16)
    bytes.initializeMemory(as: UInt8.self, repeating: 0, count: 16)
    kept.append(bytes)
    (bytes + 16).copyMemory(from: local, byteCount: cell.localSize)
    var done = cell.localSize
    var next = cell.overflowPage
    while done < available {
      guard let content = file.original(next) else { return nil }
      let count = min(file.geometry.overflowCapacity, available - done)
      (bytes + 16 + done).copyMemory(from: content + 4, byteCount: count)
      done += count
      next = content.big32(0)
    }
    return Record(start: UnsafeRawPointer(bytes + 16), size: cell.payloadSize, available: available, cell: cell)
  }

  /// The overflow pages of a cell.
  func chain(of cell: FoundCell) -> [UInt32] {
    var pages: [UInt32] = []
    var next = cell.overflowPage
    let count = file.geometry.overflowPages(cell.payloadSize, local: cell.localSize)
    while next != 0, pages.count < count, let content = file.original(next) {
      pages.append(next)
      next = content.big32(0)
    }
    return pages
  }
}
