import MendKit

/// The children of an interior page of a table that is not in order: those keys that stand in line with most others are
/// believed, and for the others the leaves themselves tell where one ends and the next begins.
struct DamagedInterior {
  struct Child {
    let page: UInt32
    let above: Int64?
    let atMost: Int64?
  }

  let file: SalvageFile
  let survey: FileSurvey

  /// The children in their order, within the rowids that the page itself stands for; nil where too few are left to tell.
  func children(_ number: UInt32, above: Int64?, atMost: Int64?) -> [Child]? {
    guard let page = file.original(number), let header = BTreePage(page, number: number), header.kind == .tableInterior,
      header.cellCount > 0, header.cellPointersEnd <= file.usableSize
    else { return nil }
    let cells = (0..<header.cellCount).map { index in
      FoundCell.read(
        page, at: page.big16(header.cellPointers + 2 * index), kind: .tableInterior, geometry: file.geometry)
    }
    let pages = cells.map { $0.map { page.big32($0.offset) } ?? 0 } + [header.rightChild(page)]
    guard Set(pages).count == pages.count, 2 * pages.count(where: isTablePage) > pages.count else { return nil }
    let keys = inLine(cells.map { cell in cell?.rowid }, above, atMost)
    guard 2 * keys.count(where: { $0 != nil }) > keys.count else { return nil }
    var children: [Child] = []
    var last = above
    for (index, child) in pages.enumerated() {
      let next = keys[min(index, keys.count)...].lazy.compactMap(\.self).first ?? atMost
      let end = index < keys.count ? keys[index] ?? boundary(child, pages[index + 1], last, next) ?? next : atMost
      children.append(Child(page: child, above: last, atMost: end))
      last = end
    }
    return children
  }

  private func isTablePage(_ page: UInt32) -> Bool {
    survey[page].form == .tableLeaf || survey[page].form == .tableInterior
  }

  /// The keys that ascend, as many as can be; nil in place of the others.
  private func inLine(_ keys: [Int64?], _ above: Int64?, _ atMost: Int64?) -> [Int64?] {
    // The place of the last key of the best line of each length, and which one goes before each.
    var ends: [Int] = []
    var before = [Int?](repeating: nil, count: keys.count)
    for (place, key) in keys.enumerated() {
      guard let key, above.map({ key > $0 }) ?? true, atMost.map({ key < $0 }) ?? true else { continue }
      let length = ends.partitioningIndex { keys[$0].map { $0 >= key } ?? false }
      before[place] = length > 0 ? ends[length - 1] : nil
      if length < ends.count { ends[length] = place } else { ends.append(place) }
    }
    var result = [Int64?](repeating: nil, count: keys.count)
    var place = ends.last
    while let current = place {
      result[current] = keys[current]
      place = before[current]
    }
    return result
  }

  /// Where the rowids of a leaf end, by itself or by the one behind it.
  private func boundary(_ leaf: UInt32, _ next: UInt32, _ above: Int64?, _ atMost: Int64?) -> Int64? {
    func isWithin(_ rowid: Int64) -> Bool { (above.map { rowid > $0 } ?? true) && (atMost.map { rowid <= $0 } ?? true) }
    let (own, other) = (survey[leaf], survey[next])
    if own.form == .tableLeaf, own.isSound, own.cells > 0, isWithin(own.first), isWithin(own.last) { return own.last }
    if other.form == .tableLeaf, other.isSound, other.cells > 0, isWithin(other.first), other.first > Int64.min {
      return other.first - 1
    }
    return first(on: next, above, atMost).map { $0 - 1 }
  }

  /// The first rowid of a damaged leaf, of those that are in line.
  private func first(on leaf: UInt32, _ above: Int64?, _ atMost: Int64?) -> Int64? {
    guard survey[leaf].form == .tableLeaf, let page = file.original(leaf), let header = BTreePage(page, number: leaf),
      header.cellPointersEnd <= file.usableSize
    else { return nil }
    let rowids = (0..<header.cellCount).map { index in
      FoundCell.read(page, at: page.big16(header.cellPointers + 2 * index), kind: .tableLeaf, geometry: file.geometry)?
        .rowid
    }
    let line = inLine(rowids, above, atMost.flatMap { $0 < Int64.max ? $0 + 1 : nil }).compactMap(\.self)
    return 2 * line.count > rowids.count ? line.first.flatMap { $0 > Int64.min ? $0 : nil } : nil
  }
}
