import MendKit

/// What pages above a leaf, and the pointer maps of a database with auto-vacuum, still say of where it was, though no tree leads
/// to it any more.
struct OrphanOrigins {
  /// The table that a leaf is of: its pointer map leads to that table's root, or a damaged page of the table names it.
  private(set) var tables: [UInt32: Int] = [:]
  /// For a leaf under an interior page that nothing points to, the topmost such page: those under one are of one table.
  private(set) var families: [UInt32: UInt32] = [:]

  /// The owner of the nearest leaf before and behind each page that belongs to a table.
  private var nearest: [(before: Int32, behind: Int32)] = []

  private let file: SalvageFile
  private let survey: FileSurvey
  private static let deepest = 20

  init(_ file: SalvageFile, _ survey: FileSurvey, _ tables: [SalvagedTable], _ claims: PageClaimTable) {
    self.file = file
    self.survey = survey
    var parents: [UInt32: UInt32] = [:]
    for page in 1...file.filePages where claims.isFree(page) && survey[page].form == .tableInterior {
      for child in children(page) where claims.isFree(child) && child != page { parents[child] = page }
    }
    var named: [UInt32: Int] = [:]
    for place in tables.indices {
      for page in tables[place].interior where !survey[page].isSound {
        for child in children(page) where claims.isFree(child) { named[child] = place }
      }
    }
    noteNearest(claims)
    let roots = Dictionary(tables.indices.map { (tables[$0].root, $0) }) { first, _ in first }
    for leaf in 1...file.filePages where claims.isFree(leaf) && survey[leaf].form == .tableLeaf {
      var top = leaf
      var steps = 0
      while named[top] == nil, let above = parents[top], steps < Self.deepest {
        top = above
        steps += 1
      }
      if top != leaf { families[leaf] = top }
      if let table = named[top] ?? mappedRoot(leaf).flatMap({ roots[$0] }) { self.tables[leaf] = table }
    }
  }

  /// Whether the pages around a leaf are a table's.
  func isAmid(_ page: UInt32, _ table: Int32) -> Bool {
    let around = nearest[Int(page)]
    return around.before == table && around.behind == table
  }

  private mutating func noteNearest(_ claims: PageClaimTable) {
    nearest = Array(repeating: (0, 0), count: Int(file.filePages) + 1)
    var last: Int32 = 0
    for page in 1...file.filePages {
      nearest[Int(page)].before = last
      if claims[page] > 0, survey[page].form == .tableLeaf { last = claims[page] }
    }
    last = 0
    for page in stride(from: file.filePages, through: 1, by: -1) {
      nearest[Int(page)].behind = last
      if claims[page] > 0, survey[page].form == .tableLeaf { last = claims[page] }
    }
  }

  /// The pages that an interior page names and that can stand there by their rowids.
  private func children(_ number: UInt32) -> [UInt32] {
    guard let page = file.original(number), let header = BTreePage(page, number: number), header.kind == .tableInterior,
      header.cellPointersEnd <= file.usableSize
    else { return [] }
    var above: Int64?
    var found: [UInt32] = []
    func add(_ child: UInt32, through last: Int64?) {
      let facts = survey[child]
      guard facts.form == .tableLeaf || facts.form == .tableInterior, facts.isSound, facts.cells > 0,
        above.map({ facts.first > $0 }) ?? true, last.map({ facts.last <= $0 }) ?? true
      else { return }
      found.append(child)
    }
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(page, at: at, kind: .tableInterior, geometry: file.geometry) else { continue }
      add(page.big32(at), through: cell.rowid)
      above = cell.rowid
    }
    add(header.rightChild(page), through: nil)
    return found
  }

  // MARK: Pointer maps

  /// The root of the tree that the pointer maps say a page is of.
  private func mappedRoot(_ page: UInt32) -> UInt32? {
    guard file.hasPointerMaps else { return nil }
    var number = page
    for _ in 0..<Self.deepest {
      switch file.mapEntry(of: number) {
      case (.root, _)?: return number
      case (.child, let parent)?: number = parent
      default: return nil
      }
    }
    return nil
  }
}

extension SalvageFile {
  /// What the pointer map says of a page: what it is, and which page points to it. nil where the map has no entry of it.
  func mapEntry(of number: UInt32) -> (kind: PointerMap.Entry, parent: UInt32)? {
    guard hasPointerMaps, number > 2, number <= filePages else { return nil }
    let map = PointerMap(pageSize: pageSize, usableSize: usableSize)
    let offset = map.offset(of: number)
    guard !map.isMap(number), offset >= 0, offset + 5 <= usableSize, let page = original(map.mapPage(of: number)),
      let kind = PointerMap.Entry(rawValue: UInt8(truncatingIfNeeded: page.byte(offset)))
    else { return nil }
    let parent = page.big32(offset + 1)
    switch kind {
    case .root, .free: return parent == 0 ? (kind, 0) : nil
    case .firstOverflow, .laterOverflow, .child: return parent > 0 && parent <= filePages ? (kind, parent) : nil
    }
  }
}
