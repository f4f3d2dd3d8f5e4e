/// One kind of damage to a database file. The same seed does the same damage to the same bytes.
public enum PageDamage: String, CaseIterable, Sendable {
  // Whole pages and sectors.
  case zeroPage = "zero-page"
  case garbagePage = "garbage-page"
  case zeroSector = "zero-sector"
  case zeroInterior = "zero-interior"
  case swappedPages = "swapped-pages"
  case duplicatedPage = "duplicated-page"
  case stalePage = "stale-page"
  case truncated = "truncated"
  case partialPage = "partial-page"
  case foreignTail = "foreign-tail"
  case shiftedBytes = "shifted-bytes"
  // Bits and bytes anywhere.
  case bitFlip = "bit-flip"
  case byteChange = "byte-change"
  case byteRun = "byte-run"
  // The b-tree page.
  case pageType = "page-type"
  case cellCount = "cell-count"
  case cellPointer = "cell-pointer"
  case cellsSwapped = "cells-swapped"
  case cellRemoved = "cell-removed"
  case cellDuplicated = "cell-duplicated"
  case contentStart = "content-start"
  case freeblock = "freeblock"
  case freeblockChain = "freeblock-chain"
  case fragmentCount = "fragment-count"
  case childPointer = "child-pointer"
  case rightPointer = "right-pointer"
  case interiorKey = "interior-key"
  // The cell and its record.
  case rowid
  case payloadLength = "payload-length"
  case overflowPointer = "overflow-pointer"
  case overflowChain = "overflow-chain"
  case recordHeaderLength = "record-header-length"
  case serialType = "serial-type"
  case nullValue = "null-value"
  case valueByte = "value-byte"
  case indexEntryRemoved = "index-entry-removed"
  case indexValueByte = "index-value-byte"
  case rowRemoved = "row-removed"
  // What keeps account of the pages.
  case freelistTrunk = "freelist-trunk"
  case freelistEntry = "freelist-entry"
  case freelistCount = "freelist-count"
  case pointerMapEntry = "pointer-map-entry"
  case headerField = "header-field"
  case fileSizeField = "file-size-field"
  // The schema.
  case schemaByte = "schema-byte"
  case schemaRoot = "schema-root"

  /// Damages an image; false where it has nothing that could be damaged this way.
  public func apply(to image: inout DatabaseImage, _ random: inout SeededRandom) -> Bool {
    let before = image.bytes
    switch self {
    case .zeroPage, .garbagePage, .zeroSector, .zeroInterior, .swappedPages, .duplicatedPage, .stalePage, .truncated,
      .partialPage,
      .foreignTail, .shiftedBytes, .bitFlip, .byteChange, .byteRun:
      damagePages(&image, &random)
    case .pageType, .cellCount, .cellPointer, .cellsSwapped, .cellRemoved, .cellDuplicated, .contentStart, .freeblock,
      .freeblockChain, .fragmentCount, .childPointer, .rightPointer, .interiorKey:
      damageTree(&image, &random)
    case .rowid, .payloadLength, .overflowPointer, .overflowChain, .recordHeaderLength, .serialType, .nullValue,
      .valueByte,
      .indexEntryRemoved, .indexValueByte, .rowRemoved, .schemaByte, .schemaRoot:
      damageRecord(&image, &random)
    case .freelistTrunk, .freelistEntry, .freelistCount, .pointerMapEntry, .headerField, .fileSizeField:
      damageAccounts(&image, &random)
    }
    return image.bytes != before
  }

  private func damagePages(_ image: inout DatabaseImage, _ random: inout SeededRandom) {
    let size = image.pageSize
    let count = image.pageCount
    let page = count > 1 ? random.int(2...count) : 1
    let other = random.int(1...max(1, count))
    let anywhere = random.int(100...image.bytes.count - 1)
    switch self {
    case .zeroPage: image.set(image.start(page), [UInt8](repeating: 0, count: size))
    case .garbagePage: image.set(image.start(page), random.bytes(size))
    case .zeroSector: image.set(anywhere / 512 * 512, [UInt8](repeating: 0, count: 512))
    case .zeroInterior:
      guard let page = random.pickAny(image.pages(.interiorTable, .interiorIndex)) else { return }
      image.set(image.start(page), [UInt8](repeating: 0, count: size))
    case .swappedPages:
      let (one, two) = (image.page(page), image.page(other))
      image.set(image.start(page), two)
      image.set(image.start(other), one)
    case .duplicatedPage: image.set(image.start(page), image.page(other))
    case .stalePage:
      let old = image.earlier
      let pages = (0..<min(old.count / size, count)).map { $0 + 1 }.filter { page in
        !image.page(page).elementsEqual(old[min(old.count, (page - 1) * size)..<min(old.count, page * size)])
      }
      guard let page = random.pickAny(pages) else { return }
      image.set(image.start(page), Array(old[(page - 1) * size..<page * size]))
    case .truncated: image.bytes.removeLast(size * random.int(0...max(0, count - 1)))
    case .partialPage: image.bytes.removeLast(random.int(1...size - 1))
    case .foreignTail: image.bytes += random.bytes(random.chance(50) ? size : random.int(1...3 * size))
    case .shiftedBytes:
      let taken = random.int(1...min(20, image.bytes.count - anywhere))
      image.bytes.removeSubrange(anywhere..<anywhere + taken)
      image.bytes += random.bytes(taken)
    case .bitFlip: image.setByte(anywhere, image.byte(anywhere) ^ 1 << random.int(0...7))
    case .byteChange: image.setByte(anywhere, random.pick([0, 1, 0x7F, 0x80, 0xFF, random.int(0...255)]))
    default: image.set(anywhere, random.bytes(random.int(2...16)))
    }
  }
}
