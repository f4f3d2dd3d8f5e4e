import CXXHash
import MendKit

/// Notes sums and owners of pages as they are read, front to back, on their way into an archive.
final class PageNotesWriter {
  private let size: Int
  private var pageSize = 0
  private var geometry = PayloadGeometry(usableSize: 4096)
  /// Where the next bytes should begin; -1 when the reading was not front to back.
  private var next = 0
  private var sums: [UInt64] = []
  /// Of each page: the one that points to it, when it was read.
  private var parents: [UInt32] = []
  /// Of each page that is no b-tree page: the next one in its chain, if it is one of a chain.
  private var links: [UInt32] = []
  private var isTree: [Bool] = []
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
    sums = []
    links = []
    isTree = []
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
    let count = size / pageSize
    parents = Array(repeating: 0, count: count + 1)
    sums.reserveCapacity(count)
    links.reserveCapacity(count)
    isTree.reserveCapacity(count)
  }

  private func note(_ page: UnsafeRawPointer) {
    let number = UInt32(sums.count + 1)
    sums.append(XXH3_64bits(page, pageSize))
    guard let header = BTreePage(page, number: number), header.cellPointersEnd <= geometry.usableSize else {
      isTree.append(false)
      links.append(page.big32(0))
      noteTrunk(page, number)
      return
    }
    isTree.append(true)
    links.append(0)
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
    guard pageSize > 0, next == size, sums.count == size / pageSize else { return nil }
    return PageNotes.bytes(pageSize: pageSize, sums: sums, owners: owners())
  }

  private func owners() -> [UInt32] {
    for chain in chains {
      var page = chain.first
      var before = chain.owner
      while page > 0, Int(page) < parents.count, parents[Int(page)] == 0, !isTree[Int(page) - 1] {
        parents[Int(page)] = before
        before = page
        page = links[Int(page) - 1]
      }
    }
    let free = freePages()
    var owners = [UInt32](repeating: 0, count: sums.count)
    for number in 1...UInt32(sums.count) {
      // Up to the page that nothing points to, or one whose owner is known; a circle ends when it is longer than the file.
      var path: [UInt32] = []
      var page = number
      while owners[Int(page) - 1] == 0, parents[Int(page)] != 0, path.count < sums.count {
        path.append(page)
        page = parents[Int(page)]
      }
      let known = owners[Int(page) - 1]
      let root =
        known != 0 ? known : isTree[Int(page) - 1] && !free.contains(page) && parents[Int(page)] == 0 ? page : 0
      guard root != 0 else { continue }
      owners[Int(page) - 1] = root
      for page in path { owners[Int(page) - 1] = root }
    }
    return owners
  }

  /// The pages of the freelist: those that were leaves keep their content.
  private func freePages() -> Set<UInt32> {
    var free: Set<UInt32> = []
    var trunk = firstTrunk
    while trunk > 0, Int(trunk) <= sums.count, free.insert(trunk).inserted {
      free.formUnion(trunks[trunk] ?? [])
      trunk = isTree[Int(trunk) - 1] ? 0 : links[Int(trunk) - 1]
    }
    return free
  }
}
