import MendKit

/// Arranges an index b-tree anew over leaves that stay as they are and entries between them, given in order.
final class LeafSequence {
  /// A leaf that stays as it is and waits for what follows it.
  private(set) var open: UInt32?
  /// Pages that were let go of and are free when all is done: only where pages are written at once.
  private(set) var released: [UInt32] = []

  private let file: SalvageFile
  private let root: UInt32
  private let streams: Bool
  private let leafLevel: TreeLevel
  /// The cells since the leaf that waits, as they stand in a leaf.
  private var run: [UnsafeRawBufferPointer] = []

  /// `streams` says whether pages are written at once, rather than with all that changes.
  init(_ file: SalvageFile, root: UInt32, streams: Bool) {
    self.file = file
    self.root = root
    self.streams = streams
    leafLevel = TreeLevel(file, isLeaf: true, streams: streams)
  }

  /// The bytes of a cell of an index page as they stand in a leaf.
  static func bytes(of cell: FoundCell, on page: UnsafeRawPointer, _ number: UInt32) -> UnsafeRawBufferPointer {
    let start = cell.offset + (BTreePage(page, number: number)?.kind == .indexInterior ? 4 : 0)
    let end = cell.payloadOffset + cell.localSize + (cell.isSpilled ? 4 : 0)
    return UnsafeRawBufferPointer(start: page + start, count: end - start)
  }

  /// Takes the next entry's cell, whose bytes stay where they are until the end.
  func add(_ cell: UnsafeRawBufferPointer) { run.append(cell) }

  /// Takes the next leaf, which has an entry. Between two leaves stands one entry at least, and a leaf between these has one.
  func keep(_ number: UInt32) throws(Problem) {
    if number == root || (open == nil ? run.count == 1 : run.isEmpty || run.count == 2) { return dissolve(number) }
    try flush(before: number)
    open = number
  }

  /// Lets go of a page of the old tree.
  func release(_ page: UInt32) {
    if streams { released.append(page) } else { file.free.append(page) }
  }

  /// Ends the tree.
  func finish() throws(Problem) {
    // A leaf is needed behind the last entry, and a root needs two pages below it.
    if let open, run.count == 1 || run.isEmpty && !leafLevel.hasUpper {
      self.open = nil
      let behind = run
      run = []
      dissolve(open)
      run += behind
    }
    guard open == nil || !run.isEmpty else { return try leafLevel.above().finish(root: root, right: open ?? 0) }
    try flush(before: nil)
    try leafLevel.finish(root: root)
  }

  /// Takes a leaf's cells for the run.
  private func dissolve(_ number: UInt32) {
    guard let page = file.original(number) else { return }
    for cell in PayloadReader(file).cells(of: number) { run.append(Self.bytes(of: cell, on: page, number)) }
    if number != root { release(number) }
  }

  /// Writes what stands between the leaf that waits and the next one that is kept.
  private func flush(before number: UInt32?) throws(Problem) {
    var cells = run[...]
    run = []
    if let open {
      guard let first = cells.popFirst() else { return }
      try leafLevel.above().add(first, child: open)
      self.open = nil
    }
    guard number != nil else {
      for cell in cells { try leafLevel.add(cell) }
      return
    }
    guard let last = cells.popLast() else { return }
    for cell in cells { try leafLevel.add(cell) }
    try leafLevel.finishRun(before: last)
  }
}
