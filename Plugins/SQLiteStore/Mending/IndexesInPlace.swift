import MendKit

/// What the indexes of a table and the table disagree on, read natively of a working copy.
struct TableDifferences {
  let table: String
  let rowCount: Int
  /// By the index's name: those that could be read.
  var indexes: [String: EntryDifferences.Difference] = [:]
  fileprivate var targets: [String: IndexTarget] = [:]
}

/// Reads a working copy past the library, and mends indexes on it: only while the library has it closed.
struct IndexesInPlace {
  let path: String
  let header: DatabaseHeader
  private let walk: FileWalk
  private let plan: VerificationPlan

  /// nil where the file is not one that is read here: it has a log, or pages of it are claimed twice.
  init?(_ path: String, plan: VerificationPlan) throws(Problem) {
    let view = try StoreView(path, locking: .none)
    guard let header = view.header, !view.hasOverlay, view.status.size % header.pageSize == 0 else { return nil }
    self.path = path
    self.header = header
    self.plan = plan
    walk = FileWalk(
      pages: try PageMap(view, header: header), header: header, trees: plan.trees,
      fingerprints: plan.comparisons.count,
      setting: WalkSetting(
        hasPointerMaps: header.largestRootPage != 0, encoding: header.encodingOfTexts, readsContent: true, perCause: 1),
      workers: Workers.processors, progress: { _ in })
  }

  /// Whether every page of the file is in one place only, and nothing is wrong with how trees other than these indexes' and
  /// the freelist are built.
  func isSoundBut(_ indexes: Set<String>) -> Bool {
    let setting = WalkSetting(
      hasPointerMaps: walk.setting.hasPointerMaps, encoding: walk.setting.encoding, readsContent: false, perCause: 1)
    let structure = FileWalk(
      pages: walk.pages, header: header, trees: plan.trees, fingerprints: walk.fingerprints, setting: setting,
      workers: walk.workers, progress: { _ in }
    ).run()
    guard let freelist = structure.freelist, freelist.faults.isEmpty, freelist.inUse.isEmpty,
      structure.unused.count == 0
    else { return false }
    return structure.troubles.entries.keys.allSatisfy { cause in
      cause.kind != .pageTwice && cause.tree >= 0
        && (cause.kind == .keyOrder && indexes.contains(plan.trees[cause.tree].name) || cause.kind == .pointerMap)
    }
  }

  /// The differences of a table and some of its indexes; nil where rows of it cannot be read here.
  func differences(of table: String, _ indexes: [String]) -> TableDifferences? {
    let comparisons = plan.comparisons.filter { $0.table.name == table && indexes.contains($0.index.name) }
    guard let first = comparisons.first, first.table.hasRowid else { return nil }
    let most = min(1 << 19, (1 << 21) / comparisons.count)
    let found = EntryDifferences(walk: walk, comparisons: comparisons, most: most).run()
    guard found.isTableSound else { return nil }
    var result = TableDifferences(table: table, rowCount: found.rowCount)
    for (comparison, difference) in zip(comparisons, found.differences) where difference.isWhole {
      guard
        let target = IndexTarget(
          comparison, trees: plan.trees, encoding: header.encodingOfTexts, schemaFormat: header.schemaFormat)
      else { continue }
      result.indexes[comparison.index.name] = difference
      result.targets[comparison.index.name] = target
    }
    return result
  }

  /// The values of entries of an index, each in the index's order of columns.
  func values(of entries: [EntryCollector.Entry]) -> [[SQLValue]] {
    let reader = CellReader(pages: walk.pages, encoding: header.encodingOfTexts)
    return entries.map { reader.values(page: $0.page, cell: Int($0.cell)) }
  }

  /// Mends indexes; the names of those that are as they are to be then. `roots` are those of all trees but the schema's.
  func mend(_ tables: [TableDifferences], roots: [UInt32]) throws(Problem) -> Set<String> {
    var sound: Set<String> = []
    var work: [IndexMending.Work] = []
    for table in tables {
      for (name, target) in table.targets.sorted(by: { $0.key < $1.key }) {
        guard let difference = table.indexes[name] else { continue }
        if difference.isOrdered, !difference.isFull, difference.missing.isEmpty, difference.extra.isEmpty {
          sound.insert(name)
        } else {
          work.append(IndexMending.Work(target: target, difference: difference))
        }
      }
    }
    // The header has changed when the library wrote to the copy since.
    let view = try StoreView(path, locking: .none)
    guard let header = view.header, !view.hasOverlay else { return sound }
    return sound.union(
      try IndexMending(path: path, header: header, workers: Workers.processors).run(work, roots: roots))
  }
}
