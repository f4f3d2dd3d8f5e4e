/// A leaf of an index b-tree as the loops over its cells see it.
struct EntryLeaf {
  let page: UnsafeRawPointer
  let number: UInt32
  let pointers: UnsafeRawPointer
  let count: Int
  let contentStart: Int
  let usable: Int

  init(_ page: UnsafeRawPointer, _ header: BTreePage, _ number: UInt32, usable: Int) {
    self.page = page
    self.number = number
    self.usable = usable
    pointers = page + header.cellPointers
    count = header.cellCount
    contentStart = header.contentStart
  }

  /// Where a cell stands in the page.
  @inline(__always) func offset(_ cell: Int) -> Int { pointers.big16(2 &* cell) }
}
