import MendKit

/// One level of an index b-tree that is written from its first entry to its last: pages are filled one after another, and what
/// stands between two of them goes up to the next level. Two pages of each level are in memory at most.
final class TreeLevel {
  /// The cells of a page that is being filled.
  private struct Draft {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    /// The page below and before each cell; of a leaf's cells, nothing.
    var children: [UInt32] = []
    var used = 0

    var count: Int { ends.count }

    mutating func append(_ cell: UnsafeRawBufferPointer, child: UInt32, size: Int) {
      bytes += cell
      ends.append(bytes.count)
      children.append(child)
      used += size
    }

    func cell(_ index: Int) -> ArraySlice<UInt8> { bytes[(index > 0 ? ends[index - 1] : 0)..<ends[index]] }

    mutating func removeLast() -> (cell: [UInt8], child: UInt32) {
      let cell = Array(self.cell(count - 1))
      bytes.removeLast(cell.count)
      ends.removeLast()
      return (cell, children.removeLast())
    }
  }

  private let file: SalvageFile
  private let isLeaf: Bool
  /// Whether pages are written to the file at once, rather than with all that changes.
  private let streams: Bool
  private var draft = Draft()
  /// A page that is full, its right-most child, and the cell behind it: as long as nothing follows, that one may yet have to
  /// stand on a page of its own.
  private var full: (draft: Draft, right: UInt32, between: [UInt8])?
  private var upper: TreeLevel?

  init(_ file: SalvageFile, isLeaf: Bool, streams: Bool) {
    self.file = file
    self.isLeaf = isLeaf
    self.streams = streams
  }

  /// The level above.
  func above() -> TreeLevel {
    if let upper { return upper }
    let level = TreeLevel(file, isLeaf: false, streams: streams)
    upper = level
    return level
  }

  /// Whether there is a level above.
  var hasUpper: Bool { upper != nil }

  /// Takes the next cell, as it stands in a leaf, and on a level that is not of leaves the page before it.
  func add(_ cell: UnsafeRawBufferPointer, child: UInt32 = 0) throws(Problem) {
    let size = (isLeaf ? max(cell.count, 4) : cell.count + 4) + 2
    if draft.used + size <= file.usableSize - (isLeaf ? 8 : 12) {
      draft.append(cell, child: child, size: size)
      try writeFull()
    } else {
      full = (draft, child, Array(cell))
      draft = Draft()
    }
  }

  /// Ends the level: as the root where there is nothing above it. `right` is the last page below.
  func finish(root: UInt32, right: UInt32 = 0) throws(Problem) {
    try settle()
    guard let upper else { return try write(draft, right: right, to: root) }
    let page = file.allocate()
    try write(draft, right: right, to: page)
    try upper.finish(root: root, right: page)
  }

  /// Ends a run of leaves that another page follows, with the cell between.
  func finishRun(before between: UnsafeRawBufferPointer) throws(Problem) {
    try settle()
    let page = file.allocate()
    try write(draft, right: 0, to: page)
    draft = Draft()
    try above().add(between, child: page)
  }

  /// Sees to it that the last page is not empty.
  private func settle() throws(Problem) {
    guard draft.count == 0, var (page, right, between) = full else { return }
    let last = page.removeLast()
    between.withUnsafeBytes { draft.append($0, child: right, size: 0) }
    right = last.child
    between = last.cell
    full = (page, right, between)
    try writeFull()
  }

  private func writeFull() throws(Problem) {
    guard let (page, right, between) = full else { return }
    full = nil
    let number = file.allocate()
    try write(page, right: right, to: number)
    let upper = above()
    var problem: Problem?
    between.withUnsafeBytes { bytes in
      do throws(Problem) {
        try upper.add(bytes, child: number)
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
  }

  private func write(_ draft: Draft, right: UInt32, to number: UInt32) throws(Problem) {
    let page = file.blank(number)
    let pointers = isLeaf ? 8 : 12
    var content = file.usableSize
    for index in 0..<draft.count {
      let cell = draft.cell(index)
      content -= isLeaf ? max(cell.count, 4) : cell.count + 4
      if !isLeaf { page.set32(content, draft.children[index]) }
      UnsafeMutableRawBufferPointer(start: page + content + (isLeaf ? 0 : 4), count: cell.count).copyBytes(from: cell)
      page.set16(pointers + 2 * index, content)
    }
    page.set8(0, (isLeaf ? BTreePage.Kind.indexLeaf : .indexInterior).rawValue)
    page.set16(3, draft.count)
    page.set16(5, content)
    if !isLeaf { page.set32(8, right) }
    if streams { try file.writeNow(number) }
  }
}
