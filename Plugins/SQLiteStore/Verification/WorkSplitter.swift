/// Cuts b-trees into parts that workers read side by side, reading the pages above the parts itself.
struct WorkSplitter {
  /// A root with fewer children than this has its children cut too.
  static let fewChildren = 16

  let walker: TreeWalker

  /// The parts of a tree, in the order of its keys; nil where it is best read in one go.
  func parts(of unit: WalkUnit) -> [WalkUnit]? {
    guard isWorthCutting(unit.page) else { return nil }
    var units: [WalkUnit] = []
    cut(unit, depth: 0, &units)
    return units
  }

  private func cut(_ unit: WalkUnit, depth: Int, _ units: inout [WalkUnit]) {
    guard depth < 2, isWorthCutting(unit.page) else { return units.append(unit) }
    walker.begin(unit.tree)
    guard let (page, header) = walker.enter(unit.page, parent: unit.parent, level: unit.level),
      let children = header.kind.isTable ? tableParts(page, header, unit) : indexParts(page, header, unit)
    else { return }
    if children.count >= Self.fewChildren {
      units += children
    } else {
      for child in children { cut(child, depth: depth + 1, &units) }
    }
  }

  /// Whether a page is an interior one over interior ones.
  private func isWorthCutting(_ number: UInt32) -> Bool {
    guard let page = walker.pages[number], let header = BTreePage(page, number: number), !header.kind.isLeaf,
      let child = walker.pages[header.rightChild(page)], header.rightChild(page) != 1,
      let below = BTreePage(child, number: header.rightChild(page))
    else { return false }
    return !below.kind.isLeaf
  }

  private func tableParts(_ page: UnsafeRawPointer, _ header: BTreePage, _ unit: WalkUnit) -> [WalkUnit]? {
    let usable = walker.pages.usableSize
    var parts: [WalkUnit] = []
    var above = unit.above
    for cell in 0..<header.cellCount {
      let pointer = header.cellPointers + 2 * cell
      let at = page.big16(pointer)
      guard at >= header.contentStart, at + 5 <= usable, let key = Varint.read(page, at: at + 4, end: usable) else {
        walker.note(.cellOutside, unit.page, at: pointer, first: Int64(at))
        return nil
      }
      walker.starts[cell] = Int32(at)
      walker.ends[cell] = Int32(key.next)
      let rowid = Int64(bitPattern: key.value)
      if above.map({ rowid <= $0 }) ?? false || unit.atMost.map({ rowid > $0 }) ?? false {
        walker.note(.rowidOrder, unit.page, at: at, row: rowid)
      }
      parts.append(
        WalkUnit(
          tree: unit.tree, page: page.big32(at), parent: unit.page, level: unit.level + 1, above: above, atMost: rowid))
      above = rowid
    }
    walker.auditPage(page, header, unit.page)
    parts.append(
      WalkUnit(
        tree: unit.tree, page: header.rightChild(page), parent: unit.page, level: unit.level + 1, above: above,
        atMost: unit.atMost))
    return parts
  }

  private func indexParts(_ page: UnsafeRawPointer, _ header: BTreePage, _ unit: WalkUnit) -> [WalkUnit]? {
    guard walker.noteCells(page, header, unit.page) else { return nil }
    walker.auditPage(page, header, unit.page)
    var parts: [WalkUnit] = []
    var before = unit.before
    for cell in 0..<header.cellCount {
      let separator = WalkUnit.Separator(page: unit.page, cell: cell)
      let child = page.big32(page.big16(header.cellPointers + 2 * cell))
      parts.append(
        WalkUnit(
          tree: unit.tree, page: child, parent: unit.page, level: unit.level + 1, before: before, after: separator))
      before = separator
    }
    parts.append(
      WalkUnit(
        tree: unit.tree, page: header.rightChild(page), parent: unit.page, level: unit.level + 1, before: before,
        after: unit.after))
    return parts
  }
}
