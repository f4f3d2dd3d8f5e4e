/// A set of pages, one bit each.
final class PageSet {
  private let words: UnsafeMutableBufferPointer<UInt64>
  let pageCount: UInt32

  init(pageCount: UInt32) {
    self.pageCount = pageCount
    words = .allocate(capacity: Int(pageCount) / 64 + 1)
    words.initialize(repeating: 0)
  }

  deinit { words.deallocate() }

  /// Adds a page of 1 to `pageCount`; false when it is there already.
  @inline(__always) func insert(_ page: UInt32) -> Bool {
    let word = Int(page) >> 6
    let bit = UInt64(1) << UInt64(page & 63)
    guard words[word] & bit == 0 else { return false }
    words[word] |= bit
    return true
  }

  /// How many pages are in it.
  var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  func contains(_ page: UInt32) -> Bool { words[Int(page) >> 6] & UInt64(1) << UInt64(page & 63) != 0 }

  /// Takes up another set; the pages that both have.
  func formUnion(_ other: PageSet) -> [UInt32] {
    var both: [UInt32] = []
    for index in words.indices {
      if words[index] & other.words[index] != 0 {
        for bit in 0..<64 where words[index] & other.words[index] & UInt64(1) << UInt64(bit) != 0 {
          both.append(UInt32(index * 64 + bit))
        }
      }
      words[index] |= other.words[index]
    }
    return both
  }

  /// The pages of the file that are not in the set, in ascending order.
  func missing(limit: Int) -> (first: [UInt32], count: Int) {
    var first: [UInt32] = []
    var count = 0
    for index in words.indices where ~words[index] != 0 {
      for bit in 0..<64 where words[index] & UInt64(1) << UInt64(bit) == 0 {
        let page = index * 64 + bit
        guard page > 0, page <= Int(pageCount) else { continue }
        count += 1
        if first.count < limit { first.append(UInt32(page)) }
      }
    }
    return (first, count)
  }
}
