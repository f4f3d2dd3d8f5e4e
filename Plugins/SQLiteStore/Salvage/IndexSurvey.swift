import MendKit

/// Walks an index's b-tree down from its root.
struct IndexSurvey {
  let file: SalvageFile
  let survey: FileSurvey

  /// Claims the pages of a tree, with their overflow chains; false where one is not in order, and then none is claimed.
  func claim(root: UInt32, number: Int32, _ claims: inout PageClaimTable) -> Bool {
    var pages: [UInt32] = []
    if visit(root, number: number, level: 1, &pages, &claims) { return true }
    for page in pages { claims.release(page) }
    return false
  }

  /// The largest rowid behind an entry of a whole index; nil where an entry does not end with one.
  func largestRowid(_ number: Int32, _ claims: PageClaimTable) -> Int64? {
    var largest: Int64?
    for page in claims.pages(of: number) {
      let form = survey[page].form
      guard form == .indexLeaf || form == .indexInterior, let content = file.original(page),
        let header = BTreePage(content, number: page)
      else { continue }
      for index in 0..<header.cellCount {
        let at = content.big16(header.cellPointers + 2 * index)
        guard let cell = FoundCell.read(content, at: at, kind: header.kind, geometry: file.geometry) else { return nil }
        guard !cell.isSpilled else { continue }
        var cursor = ValueCursor(content + cell.payloadOffset)
        var last = cursor.next()
        while !cursor.isAtEnd { last = cursor.next() }
        guard last.value.type == .integer else { return nil }
        largest = max(largest ?? last.value.bits, last.value.bits)
      }
    }
    return largest
  }

  private func visit(
    _ page: UInt32, number: Int32, level: Int, _ pages: inout [UInt32], _ claims: inout PageClaimTable
  ) -> Bool {
    let facts = survey[page]
    // A page whose cells do not fill it may have lost some.
    guard level <= 20, facts.isTidy, facts.form == .indexLeaf || facts.form == .indexInterior,
      claims.claim(page, for: number), let content = file.original(page),
      let header = BTreePage(content, number: page)
    else { return false }
    pages.append(page)
    guard facts.overflows || !header.kind.isLeaf else { return true }
    for index in 0..<header.cellCount {
      let at = content.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(content, at: at, kind: header.kind, geometry: file.geometry) else {
        return false
      }
      if cell.isSpilled {
        guard let chain = OverflowChain(file, cell).pages(claims) else { return false }
        for link in chain {
          _ = claims.claim(link, for: number)
          pages.append(link)
        }
      }
      if !header.kind.isLeaf, !visit(content.big32(at), number: number, level: level + 1, &pages, &claims) {
        return false
      }
    }
    return header.kind.isLeaf
      || visit(header.rightChild(content), number: number, level: level + 1, &pages, &claims)
  }
}

/// The overflow pages of one payload.
struct OverflowChain {
  let file: SalvageFile
  let cell: FoundCell

  init(_ file: SalvageFile, _ cell: FoundCell) {
    self.file = file
    self.cell = cell
  }

  /// The pages in their order; nil where the chain is not whole: a page that the file does not have or that belongs to something
  /// else, an end that comes too early, or one that comes too late. Where the last page points to what can be no further one,
  /// the pointer is taken away.
  ///
  /// Pages that belong to `owner` count as if they belonged to nothing.
  func pages(_ claims: PageClaimTable, owner: Int32 = PageClaimTable.Special.nobody) -> [UInt32]? {
    let count = file.geometry.overflowPages(cell.payloadSize, local: cell.localSize)
    guard count <= Int(file.filePages) else { return nil }
    var result: [UInt32] = []
    var next = cell.overflowPage
    var met: Set<UInt32> = []
    for _ in 0..<count {
      guard next != 0, let page = file.original(next), claims.isFree(next) || claims[next] == owner && owner > 0,
        met.insert(next).inserted
      else {
        return nil
      }
      result.append(next)
      next = page.big32(0)
    }
    guard next != 0 else { return result }
    // The payload is whole, and what would follow it is no page of a chain: the pointer alone was damaged.
    guard let last = result.last, next > file.filePages || !claims.isFree(next) && claims[next] != owner else {
      return nil
    }
    file.edit(last).set32(0, 0)
    return result
  }

  /// The payload, put together from the cell and the chain.
  func payload(_ page: UnsafeRawPointer, _ chain: [UInt32]) -> [UInt8] {
    var bytes = [UInt8](UnsafeRawBufferPointer(start: page + cell.payloadOffset, count: cell.localSize))
    for number in chain {
      guard let content = file.original(number) else { break }
      let count = min(file.geometry.overflowCapacity, cell.payloadSize - bytes.count)
      bytes += UnsafeRawBufferPointer(start: content + 4, count: count)
    }
    return bytes
  }
}
