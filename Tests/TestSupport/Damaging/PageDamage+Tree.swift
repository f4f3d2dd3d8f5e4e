/// Damage to the header, the pointers and the free space of a b-tree page.
extension PageDamage {
  func damageTree(_ image: inout DatabaseImage, _ random: inout SeededRandom) {
    let trees = image.pages(.interiorTable, .leafTable, .interiorIndex, .leafIndex)
    guard let page = random.pickAny(trees) else { return }
    let head = image.head(page)
    let cells = image.cells(page)
    switch self {
    case .pageType: image.setByte(head, random.pick([0, 2, 5, 10, 13, random.int(0...255)]))
    case .cellCount: image.setWord(head + 3, changed(image.word(head + 3), &random))
    case .cellPointer:
      guard let cell = random.pickAny(cells) else { return }
      image.setWord(cell.pointerAt, changed(image.word(cell.pointerAt), &random))
    case .cellsSwapped:
      guard cells.count > 1 else { return }
      let first = random.int(0...cells.count - 2)
      let second = random.chance(60) ? first + 1 : random.int(first + 1...cells.count - 1)
      swapWords(&image, cells[first].pointerAt, cells[second].pointerAt)
    case .cellRemoved: remove(cells, page, &image, &random)
    case .cellDuplicated:
      guard cells.count > 1 else { return }
      let target = random.int(0...cells.count - 1)
      image.setWord(cells[target].pointerAt, image.word(random.pick(cells).pointerAt))
    case .contentStart: image.setWord(head + 5, changed(image.word(head + 5), &random))
    case .freeblock: image.setWord(head + 1, changed(image.word(head + 1), &random))
    case .freeblockChain:
      let block = image.word(head + 1)
      guard block > 0 else { return }
      let at = image.start(page) + block + random.pick([0, 2])
      image.setWord(at, changed(image.word(at), &random))
    case .fragmentCount: image.setByte(head + 7, changed(image.byte(head + 7), &random))
    default: damageInner(&image, &random)
    }
  }

  private func damageInner(_ image: inout DatabaseImage, _ random: inout SeededRandom) {
    guard let page = random.pickAny(image.pages(.interiorTable, .interiorIndex)) else { return }
    let at: Int
    switch self {
    case .rightPointer: at = image.head(page) + 8
    case .interiorKey:
      guard let key = random.pickAny(image.cells(page).compactMap(\.rowidAt)) else { return }
      return image.setByte(key, image.byte(key) ^ 1 << random.int(0...7))
    default:
      guard let child = random.pickAny(image.cells(page).compactMap(\.childAt)) else { return }
      at = child
    }
    image.setLong(at, anotherPage(image.long(at), image, &random))
  }

  /// Takes a cell's pointer out, as if the cell had never been, and leaves the page well formed but for its free space.
  func remove(_ cells: [DatabaseImage.Cell], _ page: Int, _ image: inout DatabaseImage, _ random: inout SeededRandom) {
    guard !cells.isEmpty else { return }
    let gone = random.int(0...cells.count - 1)
    for position in gone..<cells.count - 1 {
      image.setWord(cells[position].pointerAt, image.word(cells[position + 1].pointerAt))
    }
    image.setWord(image.head(page) + 3, cells.count - 1)
  }

  /// A number near another one, or one at the ends of its range.
  func changed(_ value: Int, _ random: inout SeededRandom) -> Int {
    random.pick([
      value + 1, value - 1, value + random.int(-8...8), 0, 1, 0xFFFF, 0x7FFF, random.int(0...0xFFFF), value ^ 0x80,
    ])
  }

  /// The number of a page: one that there is, or one beyond the ends.
  func anotherPage(_ value: Int, _ image: DatabaseImage, _ random: inout SeededRandom) -> Int {
    let count = image.pageCount
    return random.pick([
      0, 1, 2, count, count + 1, value + 1, value - 1, random.int(1...max(1, count)), 0xFFFF_FFFF, 0x7FFF_FFFF,
    ])
  }

  private func swapWords(_ image: inout DatabaseImage, _ one: Int, _ other: Int) {
    let kept = image.word(one)
    image.setWord(one, image.word(other))
    image.setWord(other, kept)
  }
}
