/// Damage to cells and their records, and to what keeps account of the pages.
extension PageDamage {
  func damageRecord(_ image: inout DatabaseImage, _ random: inout SeededRandom) {
    switch self {
    case .indexEntryRemoved:
      guard let page = random.pickAny(image.pages(.leafIndex)) else { return }
      return removeCleanly(page, &image, &random)
    case .rowRemoved:
      guard let page = random.pickAny(image.pages(.leafTable)) else { return }
      return removeCleanly(page, &image, &random)
    case .indexValueByte: return damageValue(random.pickAny(image.pages(.leafIndex, .interiorIndex)), &image, &random)
    case .schemaByte: return damageValue(1, &image, &random)
    case .schemaRoot:
      guard let cell = random.pickAny(image.cells(1)), image.values(cell).count > 3 else { return }
      let root = image.values(cell)[3]
      guard root.length > 0 else { return }
      let at = root.at + root.length - 1
      return image.setByte(at, random.chance(50) ? image.byte(at) + random.pick([1, -1]) : random.int(0...255))
    default: break
    }
    let pages = image.pages(.leafTable, .leafIndex, .interiorIndex)
    guard let page = random.pickAny(pages), let cell = random.pickAny(image.cells(page)) else { return }
    switch self {
    case .rowid:
      guard let at = cell.rowidAt else { return }
      image.setByte(at, random.pick([image.byte(at) + 1, image.byte(at) - 1, random.int(0...255)]))
    case .payloadLength:
      guard let at = cell.payloadAt else { return }
      image.setByte(at, random.pick([image.byte(at) + 1, image.byte(at) - 1, 0, 0xFF, random.int(0...255)]))
    case .overflowPointer: damageOverflow(&image, &random)
    case .overflowChain:
      guard let page = random.pickAny(image.pages(.overflow)) else { return }
      image.setLong(image.start(page), anotherPage(image.long(image.start(page)), image, &random))
    case .recordHeaderLength:
      guard let at = cell.recordAt else { return }
      image.setByte(at, random.pick([image.byte(at) + 1, image.byte(at) - 1, 0, 1, 0x81, 0xFF, random.int(0...255)]))
    case .serialType:
      guard let value = random.pickAny(image.values(cell)) else { return }
      image.setByte(
        value.typeAt,
        random.pick([0, 7, 8, 9, 10, 11, value.type ^ 1, value.type + 2, value.type - 2, 0xFF, random.int(0...255)]))
    case .nullValue:
      // Only a value without bytes can become NULL and leave the rest in place.
      guard let value = random.pickAny(image.values(cell).filter { [8, 9, 12, 13].contains($0.type) }) else { return }
      image.setByte(value.typeAt, 0)
    default: damageValue(page, &image, &random)
    }
  }

  /// Writes a leaf page anew without one of its cells: a page as well formed as any, so that only its content can tell.
  private func removeCleanly(_ page: Int, _ image: inout DatabaseImage, _ random: inout SeededRandom) {
    let cells = image.cells(page)
    guard let gone = cells.indices.randomElement(using: &random), cells.allSatisfy({ $0.overflowAt == nil }) else {
      return
    }
    let head = image.head(page)
    var end = image.start(page) + image.usable
    var content: [(pointer: Int, bytes: [UInt8])] = []
    for (position, cell) in cells.enumerated() where position != gone {
      guard let record = cell.recordAt, image.bytes.indices.contains(record + cell.local - 1) else { return }
      let length = max(4, record + cell.local - cell.at)
      end -= length
      content.append((end - image.start(page), Array(image.bytes[cell.at..<min(image.bytes.count, cell.at + length)])))
    }
    guard end >= head + 8 + 2 * cells.count else { return }
    image.set(head + 8, [UInt8](repeating: 0, count: image.start(page) + image.usable - head - 8))
    image.setWord(head + 1, 0)
    image.setWord(head + 3, content.count)
    image.setWord(head + 5, end - image.start(page))
    image.setByte(head + 7, 0)
    for (position, cell) in content.enumerated() {
      image.setWord(head + 8 + 2 * position, cell.pointer)
      image.set(image.start(page) + cell.pointer, cell.bytes)
    }
  }

  private func damageValue(_ page: Int?, _ image: inout DatabaseImage, _ random: inout SeededRandom) {
    guard let page, let cell = random.pickAny(image.cells(page)),
      let value = random.pickAny(image.values(cell).filter { $0.length > 0 })
    else { return }
    let at = value.at + random.int(0...value.length - 1)
    image.setByte(at, random.chance(50) ? image.byte(at) ^ 1 << random.int(0...7) : random.int(0...255))
  }

  private func damageOverflow(_ image: inout DatabaseImage, _ random: inout SeededRandom) {
    let pages = image.pages(.leafTable, .leafIndex, .interiorIndex)
    guard let at = random.pickAny(pages.flatMap { image.cells($0).compactMap(\.overflowAt) }) else { return }
    image.setLong(at, anotherPage(image.long(at), image, &random))
  }

  func damageAccounts(_ image: inout DatabaseImage, _ random: inout SeededRandom) {
    switch self {
    case .freelistTrunk:
      guard let page = random.pickAny(image.pages(.trunk)) else { return }
      image.set(image.start(page), random.bytes(random.pick([4, 8, image.pageSize])))
    case .freelistEntry:
      guard let page = random.pickAny(image.pages(.trunk)) else { return }
      let entries = image.long(image.start(page) + 4)
      let at =
        image.start(page) + random.pick([0, 4, 8, 8 + 4 * random.int(0...max(0, min(entries, image.usable / 4 - 3)))])
      image.setLong(at, anotherPage(image.long(at), image, &random))
    case .freelistCount:
      let at = random.pick([32, 36])
      image.setLong(at, anotherPage(image.long(at), image, &random))
    case .pointerMapEntry:
      guard let page = random.pickAny(image.pages(.pointerMap)) else { return }
      let mapped = max(1, min(image.usable / 5, image.pageCount - page))
      let entry = image.start(page) + 5 * random.int(0...mapped - 1)
      if random.chance(50) {
        image.setByte(entry, random.pick([0, 1, 2, 3, 4, 5, 6, random.int(0...255)]))
      } else {
        image.setLong(entry + 1, anotherPage(image.long(entry + 1), image, &random))
      }
    case .fileSizeField:
      let at = random.pick([24, 28, 92])
      image.setLong(at, anotherPage(image.long(at), image, &random))
    default:
      // From the magic bytes to the version number; what is meant to be any number hurts nobody.
      let at = random.int(0...99)
      image.setByte(
        at, random.pick([image.byte(at) + 1, image.byte(at) ^ 1 << random.int(0...7), 0, random.int(0...255)]))
    }
  }
}
