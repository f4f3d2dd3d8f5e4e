/// Whether the cells of a page fill its content area without a gap, told on the way through them.
///
/// They do when the places where one starts, and the area's end, are those where one ends, and the area's start: then as many
/// cells have started as have ended up to each byte, but for one. Where a cell ends at the place where the one before it
/// starts, as in a page that was filled in order, the two need no look.
struct CellTiling {
  private var sum: UInt64 = 0
  private var edge: Int

  /// `end` is where the content area ends.
  @inline(__always) init(end: Int) { edge = end }

  /// Takes the next cell.
  @inline(__always) mutating func take(_ start: Int, _ end: Int) {
    if end != edge { sum &+= Self.mixed(edge) &- Self.mixed(end) }
    edge = start
  }

  /// Whether the cells fill the area from `start` on.
  @inline(__always) func fills(from start: Int) -> Bool {
    sum &+ Self.mixed(edge) &- Self.mixed(start) == 0
  }

  /// A number whose sums tell sets of places apart.
  @inline(__always) private static func mixed(_ place: Int) -> UInt64 {
    let product = UInt64(truncatingIfNeeded: place) &* 0x9E37_79B9_7F4A_7C15
    return (product ^ product &>> 29) &* product
  }
}

/// Whether the cells, the free blocks and the fragments of a b-tree page fill its content area exactly, and none overlaps
/// another.
final class PageAudit {
  enum Fault {
    case freeblock(at: Int)
    case overlap(at: Int)
    case fragments(found: Int)
  }

  private let words: UnsafeMutableBufferPointer<UInt64>
  private let usableSize: Int

  init(usableSize: Int) {
    self.usableSize = usableSize
    words = .allocate(capacity: (usableSize + 63) / 64 + 1)
    words.initialize(repeating: 0)
  }

  deinit { words.deallocate() }

  /// Audits a page whose cells stand at `starts`, up to `ends`; all of them are within the page.
  func audit(
    _ page: UnsafeRawPointer, _ header: BTreePage, starts: UnsafePointer<Int32>, ends: UnsafePointer<Int32>
  ) -> Fault? {
    for index in 0..<((usableSize + 63) / 64) { words[index] = 0 }
    var used = 0
    for cell in 0..<header.cellCount {
      guard mark(Int(starts[cell]), Int(ends[cell])) else { return .overlap(at: Int(starts[cell])) }
      used += Int(ends[cell] - starts[cell])
    }
    // Free blocks stand in ascending order, at least four bytes apart (section 1.6).
    var block = header.firstFreeblock
    var previousEnd = 0
    while block != 0 {
      guard block >= header.contentStart, block + 4 <= usableSize, block >= previousEnd else {
        return .freeblock(at: block)
      }
      let size = page.big16(block + 2)
      guard size >= 4, block + size <= usableSize else { return .freeblock(at: block) }
      guard mark(block, block + size) else { return .overlap(at: block) }
      used += size
      previousEnd = block + size
      let next = page.big16(block)
      guard next == 0 || next > block + size + 3 else { return .freeblock(at: block) }
      block = next
    }
    let fragments = usableSize - header.contentStart - used
    return fragments == header.fragmentedBytes ? nil : .fragments(found: fragments)
  }

  /// Marks bytes as taken; false when one of them was.
  private func mark(_ start: Int, _ end: Int) -> Bool {
    var word = start >> 6
    let last = (end - 1) >> 6
    var mask = ~UInt64(0) << UInt64(start & 63)
    let lastMask = ~UInt64(0) >> UInt64(63 - (end - 1) & 63)
    while true {
      if word == last { mask &= lastMask }
      guard words[word] & mask == 0 else { return false }
      words[word] |= mask
      if word == last { return true }
      word += 1
      mask = ~0
    }
  }
}
