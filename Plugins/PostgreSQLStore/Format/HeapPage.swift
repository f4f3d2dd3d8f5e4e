/// A page of a table: a head of 24 bytes, line pointers of four bytes each behind it, and the rows from the end backwards.
/// https://www.postgresql.org/docs/current/storage-page-layout.html
struct HeapPage {
  /// A line pointer.
  struct Pointer {
    /// Where the row begins.
    var offset: Int
    /// 0 unused, 1 of a row, 2 leads to another item, 3 of a row that is gone.
    var state: Int
    var length: Int
  }

  /// Where the bytes of a row may be.
  struct Place {
    var offset: Int
    /// Nil where no line pointer tells.
    var length: Int?
    /// Where at the latest it ends.
    var limit: Int
  }

  let bytes: PageBytes
  let block: Int
  /// By the number of the item, the first of which is 1.
  let pointers: [Pointer]

  private static let headSize = 24
  private static let rowAlignment = 8
  /// `SizeofHeapTupleHeader`, and the least that a row takes.
  static let rowHeadSize = 23

  init(_ page: [UInt8], block: Int) {
    bytes = PageBytes(page)
    self.block = block
    pointers = Self.pointers(bytes)
  }

  /// As many as the head of the page says; where that cannot be, as many as are possible ones.
  private static func pointers(_ bytes: PageBytes) -> [Pointer] {
    guard bytes.all.contains(where: { $0 != 0 }), let lower = try? Int(bytes.number(UInt16.self, at: 12)) else {
      return []
    }
    let isTold = lower >= headSize && lower <= bytes.count && (lower - headSize) % 4 == 0
    let most = isTold ? (lower - headSize) / 4 : (bytes.count - headSize) / (rowHeadSize + 1 + 4)
    var pointers: [Pointer] = []
    for number in 0..<max(0, most) {
      guard let raw = try? bytes.number(UInt32.self, at: headSize + 4 * number) else { break }
      let pointer = Pointer(offset: Int(raw & 0x7FFF), state: Int(raw >> 15 & 3), length: Int(raw >> 17))
      // Behind the last one there are zeros, or rows.
      if !isTold, raw == 0 || pointer.state == 1 && !isPossible(pointer, bytes.count) { break }
      pointers.append(pointer)
    }
    return pointers
  }

  private static func isPossible(_ pointer: Pointer, _ size: Int) -> Bool {
    pointer.state == 1 && pointer.offset % rowAlignment == 0 && pointer.offset >= headSize
      && pointer.length > rowHeadSize && pointer.offset + pointer.length <= size
  }

  /// Whether the page says of itself that all its rows are visible to everybody (`PD_ALL_VISIBLE`).
  var isAllVisible: Bool { (try? bytes.number(UInt16.self, at: 10)).map { $0 & 4 != 0 } ?? false }

  /// Where the bytes of an item may be: where its line pointer says, and, since that may be damaged, between the rows of all others.
  /// `suspects` are items whose line pointers are not to be trusted.
  func places(of item: Int, besides suspects: Set<Int>) -> [Place] {
    var taken: [Range<Int>] = []
    for (index, pointer) in pointers.enumerated()
    where index + 1 != item && !suspects.contains(index + 1) && Self.isPossible(pointer, bytes.count) {
      taken.append(pointer.offset..<pointer.offset + PageBytes.aligned(pointer.length, to: Self.rowAlignment))
    }
    taken.sort { $0.lowerBound < $1.lowerBound }
    var places: [Place] = []
    if item >= 1, item <= pointers.count, Self.isPossible(pointers[item - 1], bytes.count) {
      let own = pointers[item - 1]
      let end = own.offset + own.length
      let isApart = !taken.contains { $0.lowerBound < end && own.offset < $0.upperBound }
      if isApart || isOwn(own.offset, item) {
        places.append(Place(offset: own.offset, length: own.length, limit: end))
      }
    }
    var start = firstRow(taken)
    let special = (try? bytes.number(UInt16.self, at: 16)).map(Int.init) ?? bytes.count
    let last = special > start && special <= bytes.count ? special : bytes.count
    for range in taken + [last..<last] {
      if start < range.lowerBound {
        for offset in stride(from: start, to: range.lowerBound - Self.rowHeadSize, by: Self.rowAlignment)
        where isOwn(offset, item) {
          places.append(Place(offset: offset, length: nil, limit: range.lowerBound))
        }
      }
      start = max(start, range.upperBound)
    }
    return places
  }

  /// Where the rows begin. What stands before, in the free space, are rows that were moved or are gone.
  private func firstRow(_ taken: [Range<Int>]) -> Int {
    let pointersEnd = PageBytes.aligned(Self.headSize + 4 * pointers.count, to: Self.rowAlignment)
    let upper = (try? bytes.number(UInt16.self, at: 14)).map(Int.init) ?? 0
    let first = taken.first?.lowerBound ?? bytes.count
    return upper >= pointersEnd && upper <= first && upper % Self.rowAlignment == 0 ? upper : min(pointersEnd, first)
  }

  /// Items whose line pointers lead to no row, and whose rows are there all the same: there are no gaps between rows. `suspects` are
  /// others whose line pointers are not to be trusted.
  func hiddenItems(besides suspects: Set<Int>) -> Set<Int> {
    let empty = pointers.indices.filter { pointers[$0].state != 1 }.map { $0 + 1 }
    guard !empty.isEmpty else { return [] }
    return Set(empty.filter { !places(of: $0, besides: suspects).isEmpty })
  }

  /// Whether a row says of itself that it is this item and has not been followed by another version (`t_ctid`).
  func isOwn(_ offset: Int, _ item: Int) -> Bool {
    guard let high = try? bytes.number(UInt16.self, at: offset + 12),
      let low = try? bytes.number(UInt16.self, at: offset + 14),
      let number = try? bytes.number(UInt16.self, at: offset + 16)
    else { return false }
    return Int(high) << 16 | Int(low) == block && Int(number) == item
  }
}
