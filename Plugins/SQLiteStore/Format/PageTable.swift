/// Where pages stand in a log or journal, by page number.
///
/// A hash table with open addressing: its memory follows the pages that it has, however large their numbers are.
struct PageTable: Sendable {
  private struct Slot {
    /// 0, which is no page's number, in a free slot.
    var page: UInt32 = 0
    var offset = 0
  }

  /// Differs from run to run, so that no file can be made whose pages all want the same slot.
  private static let seed = UInt64.random(in: .min ... .max)

  private var slots = [Slot](repeating: Slot(), count: 16)
  private var shift: UInt64 = 60
  /// The number of pages.
  private(set) var count = 0
  /// The least page number; nil of an empty table.
  private(set) var smallest: UInt32?
  /// The largest page number; nil of an empty table.
  private(set) var largest: UInt32?

  /// The offset of a page; nil when the table does not have it.
  @inline(__always) subscript(_ page: UInt32) -> Int? {
    let slot = slots[place(of: page)]
    return slot.page == page && page != 0 ? slot.offset : nil
  }

  /// Enters a page, from 1 on, or gives it another offset.
  mutating func set(_ page: UInt32, to offset: Int) {
    guard page > 0 else { return }
    let place = place(of: page)
    if slots[place].page == 0 {
      count += 1
      smallest = min(smallest ?? page, page)
      largest = max(largest ?? page, page)
    }
    slots[place] = Slot(page: page, offset: offset)
    if count > slots.count / 4 * 3 { grow() }
  }

  /// Every page with its offset, in the order of their numbers.
  func sorted() -> [(page: UInt32, offset: Int)] {
    slots.lazy.filter { $0.page != 0 }.map { ($0.page, $0.offset) }.sorted { $0.0 < $1.0 }
  }

  /// The slot that a page is in, or the free one that it belongs in.
  @inline(__always) private func place(of page: UInt32) -> Int {
    // Two rounds of multiplying spread numbers that follow one another as well as any others.
    var mixed = (UInt64(page) ^ Self.seed) &* 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ mixed >> 32) &* 0xD6E8_FEB8_6659_FD93
    var place = Int(truncatingIfNeeded: mixed &>> shift)
    while slots[place].page != page, slots[place].page != 0 { place = (place &+ 1) & (slots.count &- 1) }
    return place
  }

  private mutating func grow() {
    let old = slots
    slots = [Slot](repeating: Slot(), count: 2 * old.count)
    shift -= 1
    for slot in old where slot.page != 0 { slots[place(of: slot.page)] = slot }
  }
}
