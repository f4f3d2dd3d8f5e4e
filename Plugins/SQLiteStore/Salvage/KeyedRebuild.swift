/// Builds an index b-tree of rows in the order of their keys.
struct KeyedRebuild {
  let file: SalvageFile

  /// A run of pages of one level, with the rows between them.
  private struct Level {
    var pages: [UInt32] = []
    var between: [UnsafeRawBufferPointer] = []
  }

  func build(root: UInt32, _ rows: [KeyedEntry]) {
    let cells = rows.map(\.cell)
    guard !fits(cells[...], extra: 0) else { return write(cells[...], children: [], to: root) }
    var level = leaves(cells)
    while !fits(level.between[...], extra: 4) { level = interior(level) }
    write(level.between[...], children: level.pages[...], to: root)
  }

  private func size(_ cell: UnsafeRawBufferPointer, _ extra: Int) -> Int {
    max(cell.count, extra == 0 ? 4 : 0) + extra + 2
  }

  private func fits(_ cells: ArraySlice<UnsafeRawBufferPointer>, extra: Int) -> Bool {
    cells.reduce(extra == 0 ? 8 : 12) { $0 + size($1, extra) } <= file.usableSize
  }

  /// How many cells from `first` on fill a page, so that the one behind them goes up and something follows it.
  private func count(_ cells: [UnsafeRawBufferPointer], from first: Int, extra: Int) -> Int {
    var room = file.usableSize - (extra == 0 ? 8 : 12)
    var end = first
    while end < cells.count, size(cells[end], extra) <= room {
      room -= size(cells[end], extra)
      end += 1
    }
    if end < cells.count, cells.count - end < 2 { end -= 1 }
    return max(1, end - first)
  }

  private func leaves(_ cells: [UnsafeRawBufferPointer]) -> Level {
    var level = Level()
    var first = 0
    while first < cells.count {
      let end = first + count(cells, from: first, extra: 0)
      let page = file.allocate()
      write(cells[first..<min(end, cells.count)], children: [], to: page)
      level.pages.append(page)
      if end < cells.count { level.between.append(cells[end]) }
      first = end + 1
    }
    return level
  }

  private func interior(_ below: Level) -> Level {
    var level = Level()
    var first = 0
    while first < below.pages.count {
      let end = first + count(below.between, from: first, extra: 4)
      let last = min(end, below.between.count)
      let page = file.allocate()
      write(below.between[first..<last], children: below.pages[first...last], to: page)
      level.pages.append(page)
      if last < below.between.count { level.between.append(below.between[last]) }
      first = last + 1
    }
    return level
  }

  private func write(
    _ cells: ArraySlice<UnsafeRawBufferPointer>, children: ArraySlice<UInt32>, to number: UInt32
  ) {
    let copies = cells.map { [UInt8]($0) }
    let page = file.blank(number)
    let isLeaf = children.isEmpty
    var content = file.usableSize
    for (index, bytes) in copies.enumerated() {
      content -= isLeaf ? max(bytes.count, 4) : bytes.count + 4
      if !isLeaf { page.set32(content, children[children.startIndex + index]) }
      UnsafeMutableRawBufferPointer(start: page + content + (isLeaf ? 0 : 4), count: bytes.count).copyBytes(from: bytes)
      page.set16((isLeaf ? 8 : 12) + 2 * index, content)
    }
    page.set8(0, (isLeaf ? BTreePage.Kind.indexLeaf : .indexInterior).rawValue)
    page.set16(3, copies.count)
    page.set16(5, content)
    if let right = children.last { page.set32(8, right) }
  }
}
