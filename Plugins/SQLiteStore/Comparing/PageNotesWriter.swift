import CXXHash
import MendKit

/// Notes sums and owners of pages as they are read, front to back, on their way into an archive.
final class PageNotesWriter {
  private let size: Int
  private var pageSize = 0
  private var geometry = PayloadGeometry(usableSize: 4096)
  /// Where the next bytes should begin; -1 when the reading was not front to back.
  private var next = 0
  /// The notes so far: all but the owners.
  private var notes: [UInt8] = []
  private var pageCount = 0
  private var noted = 0
  /// Of each page: the one that points to it, when it was read.
  private var parents: [UInt32] = []
  /// Of each page that is no b-tree page: the next one in its chain, if it is one of a chain. In the end, the owners.
  private var links: [UInt32] = []
  private var trees = PageSet(pageCount: 0)
  /// The first overflow pages of each page's cells.
  private var chains: [(owner: UInt32, first: UInt32)] = []
  private var trunks: [UInt32: [UInt32]] = [:]
  private var firstTrunk: UInt32 = 0

  init(size: Int) { self.size = size }

  /// Notes the first `count` bytes of a buffer, which were read at an offset, and passes their count on.
  func noting(_ count: Int, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
    guard count > 0 else { return count }
    if offset == 0 { start(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
    guard next == offset, pageSize > 0, count % pageSize == 0, let base = buffer.baseAddress else {
      next = -1
      return count
    }
    next = offset + count
    for at in stride(from: 0, to: count, by: pageSize) { note(UnsafeRawPointer(base) + at) }
    return count
  }

  private func start(_ bytes: UnsafeRawBufferPointer) {
    next = 0
    notes = []
    noted = 0
    parents = []
    links = []
    chains = []
    trunks = [:]
    guard let header = DatabaseHeader(Array(bytes.prefix(DatabaseHeader.size))), size % header.pageSize == 0,
      size / header.pageSize < Int(UInt32.max)
    else {
      pageSize = 0
      return
    }
    pageSize = header.pageSize
    geometry = PayloadGeometry(usableSize: header.pageSize - header.reservedBytes)
    firstTrunk = header.firstFreelistTrunk
    pageCount = size / pageSize
    notes.reserveCapacity(PageNotes.size(pageCount: pageCount))
    notes += PageNotes.header(pageSize: pageSize, pageCount: pageCount)
    parents = Array(repeating: 0, count: pageCount + 1)
    links = Array(repeating: 0, count: pageCount)
    trees = PageSet(pageCount: UInt32(pageCount))
  }

  private func note(_ page: UnsafeRawPointer) {
    guard noted < pageCount else { return }
    noted += 1
    let number = UInt32(noted)
    withUnsafeBytes(of: XXH3_64bits(page, pageSize).bigEndian) { notes.append(contentsOf: $0) }
    guard let header = BTreePage(page, number: number), header.cellPointersEnd <= geometry.usableSize else {
      links[noted - 1] = page.big32(0)
      noteTrunk(page, number)
      return
    }
    _ = trees.insert(number)
    if !header.kind.isLeaf { point(number, to: header.rightChild(page)) }
    guard header.kind != .tableInterior else {
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        if at + 4 <= geometry.usableSize { point(number, to: page.big32(at)) }
      }
      return
    }
    let most = header.kind.isTable ? geometry.tableMaximum : geometry.indexMaximum
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard at + 4 <= geometry.usableSize else { continue }
      let start = header.kind.isLeaf ? at : at + 4
      if !header.kind.isLeaf { point(number, to: page.big32(at)) }
      // Most payloads are so short that a look at the size's first byte is enough.
      guard page.byte(start) > 0x7F || page.byte(start) > most,
        let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: geometry), cell.overflowPage != 0
      else { continue }
      chains.append((number, cell.overflowPage))
    }
  }

  /// What a trunk of the freelist would name, where the page is one.
  private func noteTrunk(_ page: UnsafeRawPointer, _ number: UInt32) {
    let count = Int(page.big32(4))
    guard firstTrunk != 0, count > 0, count <= geometry.usableSize / 4 - 2,
      number == firstTrunk || page.big32(0) <= parents.count
    else { return }
    trunks[number] = (0..<count).map { page.big32(8 + 4 * $0) }
  }

  private func point(_ page: UInt32, to child: UInt32) {
    if child > 0, Int(child) < parents.count, parents[Int(child)] == 0 { parents[Int(child)] = page }
  }

  /// The notes; nil where the content was not read from one end to the other, or is no database.
  func bytes() -> [UInt8]? {
    guard pageSize > 0, next == size, noted == pageCount else { return nil }
    followChains()
    nameOwners(freePages())
    parents = []
    // What is handed over is not held here too.
    defer { (notes, noted) = ([], 0) }
    for owner in links { withUnsafeBytes(of: owner.bigEndian) { notes.append(contentsOf: $0) } }
    return notes
  }

  /// Gives each page of an overflow chain the one before it as its parent.
  private func followChains() {
    for chain in chains {
      var page = chain.first
      var before = chain.owner
      while page > 0, Int(page) < parents.count, parents[Int(page)] == 0, !trees.contains(page) {
        parents[Int(page)] = before
        before = page
        page = links[Int(page) - 1]
      }
    }
  }

  /// Puts the owner of each page in the place of its link, which is not needed any more.
  private func nameOwners(_ free: Set<UInt32>) {
    for index in links.indices { links[index] = 0 }
    for number in 1...UInt32(pageCount) {
      // Up to the page that nothing points to, or one whose owner is known; a circle ends when it is longer than the file.
      var path: [UInt32] = []
      var page = number
      while links[Int(page) - 1] == 0, parents[Int(page)] != 0, path.count < pageCount {
        path.append(page)
        page = parents[Int(page)]
      }
      let known = links[Int(page) - 1]
      let root =
        known != 0 ? known : trees.contains(page) && !free.contains(page) && parents[Int(page)] == 0 ? page : 0
      guard root != 0 else { continue }
      links[Int(page) - 1] = root
      for page in path { links[Int(page) - 1] = root }
    }
  }

  /// The pages of the freelist: those that were leaves keep their content.
  private func freePages() -> Set<UInt32> {
    var free: Set<UInt32> = []
    var trunk = firstTrunk
    while trunk > 0, Int(trunk) <= pageCount, free.insert(trunk).inserted {
      free.formUnion(trunks[trunk] ?? [])
      trunk = trees.contains(trunk) ? 0 : links[Int(trunk) - 1]
    }
    return free
  }
}
