import MendKit

/// Which large objects are there to their last byte. Of each, the map `lobMap` has a list of blocks, which are in `lobData`
/// (`StreamStore`): a 0 before bytes, a 1 before a block's length and number, a 2 before the length and the block of another list.
struct LargeObjects {
  private let leaves: [LeafChain.Leaf]
  private let map: Int
  private let reader: PageReader
  private var blocks: Set<Int64> = []
  /// The numbers of the objects that are whole.
  private(set) var whole: Set<Int64> = []

  /// Lists the blocks that are there, in the leaves of `lobData`.
  init(_ leaves: [LeafChain.Leaf], map: Int, _ reader: PageReader) throws(Problem) {
    self.leaves = leaves
    self.map = map
    self.reader = reader
    for leaf in leaves {
      guard let (_, entries) = try entries(leaf) else { continue }
      for place in leaf.entries where place < entries.numbers.count { blocks.insert(entries.numbers[place]) }
    }
  }

  private func entries(_ leaf: LeafChain.Leaf) throws(Problem) -> (Page, TableLeaf)? {
    guard case .success(let page) = try reader.page(leaf.position, of: map, whole: true),
      let entries = TableLeaf(page, .bytes)
    else { return nil }
    return (page, entries)
  }

  /// Whether the object of an entry of `lobMap`, whose bytes are given, is whole; it is noted if so.
  mutating func take(_ number: Int64, _ value: ArraySlice<UInt8>) throws(Problem) -> Bool {
    var reader = ByteReader(Array(value))
    guard let length = reader.count(upTo: reader.left), case let start = value.startIndex + reader.offset,
      try isWhole(Array(value[start..<start + length]), depth: 0)
    else { return false }
    whole.insert(number)
    return true
  }

  private static let deepest = 8

  private func isWhole(_ list: [UInt8], depth: Int) throws(Problem) -> Bool {
    guard depth < Self.deepest else { return false }
    var reader = ByteReader(list)
    while let sort = reader.byte() {
      switch sort {
      case 0:
        guard let length = reader.count(upTo: reader.left) else { return false }
        reader = ByteReader(list, from: reader.offset + length)
      case 1:
        guard reader.variable() != nil, let block = reader.variable(), blocks.contains(Int64(bitPattern: block)) else {
          return false
        }
      case 2:
        guard reader.variable() != nil, let block = reader.variable(),
          let inner = try bytes(of: Int64(bitPattern: block)), try isWhole(inner, depth: depth + 1)
        else { return false }
      default: return false
      }
    }
    return true
  }

  /// A block of `lobData`.
  private func bytes(of block: Int64) throws(Problem) -> [UInt8]? {
    guard blocks.contains(block), let leaf = leaves.first(where: { $0.first <= block && block <= $0.last }),
      let (page, entries) = try entries(leaf), let place = entries.numbers.firstIndex(of: block),
      let range = entries.rows[place]
    else { return nil }
    var reader = ByteReader(page.body, from: range.lowerBound, to: range.upperBound)
    return reader.variable() == nil ? nil : Array(reader.rest())
  }

  /// A row with NULL in the place of each large object that is not whole; nil of one that has none such.
  func withoutLost(_ row: Range<Int>, of body: [UInt8]) -> [UInt8]? {
    body[row].withUnsafeBytes { bytes in
      var cursor = ValueCursor(bytes)
      var changed: [UInt8] = []
      var isChanged = false
      while cursor.left > 0 {
        let start = cursor
        guard StoredValue.skip(&cursor) else { return nil }
        if let object = StoredValue.reference(start), !whole.contains(object) {
          changed.append(0)
          isChanged = true
        } else {
          changed += start.slice(to: cursor)
        }
      }
      return isChanged ? changed : nil
    }
  }
}
