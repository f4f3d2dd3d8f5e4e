import MendKit

/// Why a page of a live file is not as the backup has it.
enum PageDifference {
  /// What stood there is gone: the page cannot be read as what it was.
  case lost
  /// A few bits have another value, or whole sectors hold nothing.
  case rotten
  /// A page in order that holds something else. Where it is another page of the backup, a write went astray.
  case other
}

/// Tells pages that were damaged from pages that were written.
struct PageDifferences {
  let pageSize: Int
  let usableSize: Int
  /// Pages of the backup.
  let pageCount: UInt32
  /// Whether the live file's header says that nothing was committed since. Then what damage alone leaves behind counts as
  /// damage, also on a page that is in order; else such a page survives, and must be as it was.
  let isHeaderSame: Bool
  private let audit: PageAudit
  private let places: CellPlaces

  /// Bits that rot flips on one page, at most: a commit changes more of it.
  static let fewBits = 16
  private static let sector = 512

  init(pageSize: Int, usableSize: Int, pageCount: UInt32, isHeaderSame: Bool) {
    self.pageSize = pageSize
    self.usableSize = usableSize
    self.pageCount = pageCount
    self.isHeaderSame = isHeaderSame
    audit = PageAudit(usableSize: usableSize)
    places = CellPlaces(pageSize: pageSize)
  }

  /// How a page differs. Sixteen bytes behind `live` are readable.
  func difference(_ number: UInt32, live: UnsafeRawPointer, backup: UnsafeRawPointer) -> PageDifference {
    if isHeaderSame, isRot(live, backup) { return .rotten }
    if isInOrder(live, number) { return .other }
    guard BTreePage(backup, number: number) == nil else { return .lost }
    // An overflow page, or one of the freelist, has a next page and bytes of any kind: one whose next page still makes sense
    // may have been written.
    let next = live.big32(0)
    if isHeaderSame { return next == backup.big32(0) ? .other : .lost }
    return next > pageCount || isUniform(live, 0..<pageSize) ? .lost : .other
  }

  /// Whether a page is a b-tree page of which every byte is accounted for.
  func isInOrder(_ page: UnsafeRawPointer, _ number: UInt32) -> Bool {
    // Only page one has the file's header before its own.
    let reader = PageReader(
      start: UInt(bitPattern: page) &- (number == 1 ? 0 : UInt(pageSize)), pageSize: pageSize, usableSize: usableSize)
    return reader.facts(number == 1 ? 1 : 2, audit, places).isTidy
  }

  /// Whether two pages differ by no more than bits that rot flips, or by sectors that hold one byte over and over.
  private func isRot(_ live: UnsafeRawPointer, _ backup: UnsafeRawPointer) -> Bool {
    var bits = 0
    var isOfSectors = true
    for start in stride(from: 0, to: pageSize, by: Self.sector) {
      var flipped = 0
      for at in stride(from: start, to: start + Self.sector, by: 8) {
        let one = live.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        flipped += (one ^ backup.loadUnaligned(fromByteOffset: at, as: UInt64.self)).nonzeroBitCount
      }
      bits += flipped
      if flipped > 0, !isUniform(live, start..<start + Self.sector) { isOfSectors = false }
      guard isOfSectors || bits <= Self.fewBits else { return false }
    }
    return true
  }

  private func isUniform(_ page: UnsafeRawPointer, _ range: Range<Int>) -> Bool {
    memcmp(page + range.lowerBound, page + range.lowerBound + 1, range.count - 1) == 0
  }
}
