import MendKit

/// Arranges a table's b-tree anew over its leaves: those that are in order stay where and as they are.
struct TableRebuild {
  let file: SalvageFile

  /// A child of an interior page.
  private struct Child {
    let page: UInt32
    let last: Int64
  }

  /// A cell to be written to a new leaf: its bytes, and its rowid.
  struct LeafCell {
    let bytes: UnsafeRawBufferPointer
    let rowid: Int64
  }

  /// One part of a table in the order of its rowids.
  enum Part {
    case page(UInt32, last: Int64)
    case cells([LeafCell])
  }

  /// Builds the tree. Pages that are not leaves any more are to be in `file.free` already, the root excepted.
  func build(root: UInt32, _ parts: [Part]) {
    var level: [Child] = []
    var pending: [LeafCell] = []
    for part in parts {
      switch part {
      case .cells(let cells): pending += cells
      case .page(let page, let last):
        if !pending.isEmpty { level += leaves(pending) }
        pending = []
        level.append(Child(page: page, last: last))
      }
    }
    // What fits into the root alone needs no other page.
    if level.isEmpty, fits(pending, root: root) { return write(pending, to: root) }
    if !pending.isEmpty { level += leaves(pending) }
    guard level.count > 1 || root == 1 else { return move(level, to: root) }
    while !fits(level, root: root) { level = interior(level) }
    write(level, to: root)
  }

  private func start(of page: UInt32) -> Int { page == 1 ? DatabaseHeader.size : 0 }

  // MARK: Leaves

  private func fits(_ cells: [LeafCell], root: UInt32) -> Bool {
    cells.reduce(start(of: root) + 8) { $0 + $1.bytes.count + 2 } <= file.usableSize
  }

  private func leaves(_ cells: [LeafCell]) -> [Child] {
    var result: [Child] = []
    var first = cells.startIndex
    while first < cells.endIndex {
      var room = file.usableSize - 8
      var end = first
      while end < cells.endIndex, cells[end].bytes.count + 2 <= room {
        room -= cells[end].bytes.count + 2
        end += 1
      }
      // A cell is at most as large as a page's room for one.
      if end == first { end += 1 }
      let page = file.allocate()
      write(Array(cells[first..<end]), to: page)
      result.append(Child(page: page, last: cells[end - 1].rowid))
      first = end
    }
    return result
  }

  private func write(_ cells: [LeafCell], to number: UInt32) {
    // The bytes may stand on the page that is written.
    let copies = cells.map { [UInt8]($0.bytes) }
    let page = page(number)
    let start = start(of: number)
    var content = file.usableSize
    for (index, bytes) in copies.enumerated() {
      content -= bytes.count
      UnsafeMutableRawBufferPointer(start: page + content, count: bytes.count).copyBytes(from: bytes)
      page.set16(start + 8 + 2 * index, content)
    }
    page.set8(start, BTreePage.Kind.tableLeaf.rawValue)
    page.set16(start + 3, copies.count)
    page.set16(start + 5, content)
  }

  /// A page to be written from the start; of page one the file's header stays.
  private func page(_ number: UInt32) -> UnsafeMutableRawPointer {
    guard number == 1 else { return file.blank(number) }
    let page = file.edit(1)
    (page + DatabaseHeader.size).initializeMemory(
      as: UInt8.self, repeating: 0, count: file.pageSize - DatabaseHeader.size)
    return page
  }

  /// Makes a root of a tree's only leaf.
  private func move(_ level: [Child], to root: UInt32) {
    guard let only = level.first else { return write([LeafCell](), to: root) }
    guard only.page != root, let content = file.page(only.page) else { return }
    file.blank(root).copyMemory(from: content, byteCount: file.pageSize)
    file.free.append(only.page)
  }

  // MARK: Interior pages

  private func size(_ child: Child) -> Int { 4 + Varint.size(UInt64(bitPattern: child.last)) + 2 }

  private func fits(_ level: [Child], root: UInt32) -> Bool {
    level.dropLast().reduce(start(of: root) + 12) { $0 + size($1) } <= file.usableSize
  }

  private func interior(_ level: [Child]) -> [Child] {
    var result: [Child] = []
    var first = 0
    while first < level.count {
      var room = file.usableSize - 12
      var end = first
      while end < level.count, size(level[end]) <= room {
        room -= size(level[end])
        end += 1
      }
      // The last child of a page has no cell there. No page is left with one child alone.
      end = min(max(end + 1, first + 2), level.count)
      if level.count - end == 1 { end -= 1 }
      let page = file.allocate()
      write(Array(level[first..<end]), to: page)
      result.append(Child(page: page, last: level[end - 1].last))
      first = end
    }
    return result
  }

  private func write(_ level: [Child], to number: UInt32) {
    let page = page(number)
    let start = start(of: number)
    var content = file.usableSize
    for (index, child) in level.dropLast().enumerated() {
      let key = Varint.bytes(UInt64(bitPattern: child.last))
      content -= 4 + key.count
      page.set32(content, child.page)
      for (at, byte) in key.enumerated() { page.set8(content + 4 + at, byte) }
      page.set16(start + 12 + 2 * index, content)
    }
    page.set8(start, BTreePage.Kind.tableInterior.rawValue)
    page.set16(start + 3, max(0, level.count - 1))
    page.set16(start + 5, content)
    page.set32(start + 8, level.last?.page ?? 0)
  }
}
