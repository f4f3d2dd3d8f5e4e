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
  /// The indexes that are looked into.
  private let comparisons: [VerificationPlan.Comparison]
  private let found: EntryDifferences

  /// Entries of all indexes together that are held in memory at most: 64 MiB. What differs more is built anew.
  private static let most = 1 << 21

  /// Reads the file; nil where it is not one that is mended here: it has a log, pages that are claimed twice, or anything
  /// else that is wrong with how its trees and its freelist are built.
  init?(_ path: String, plan: VerificationPlan, indexes: Set<String>) throws(Problem) {
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
    comparisons = plan.comparisons.filter { indexes.contains($0.index.name) }
    found = EntryDifferences(walk, comparisons, trees: Array(plan.trees.indices), limit: .ofAll(Self.most))
    guard Self.isSound(found.result) else { return nil }
  }

  /// Whether every page is in one place only, and all trees and the freelist are built as they should be; what they hold may be
  /// anything.
  private static func isSound(_ result: FileWalk.Result) -> Bool {
    guard let freelist = result.freelist, freelist.faults.isEmpty, freelist.inUse.isEmpty, result.unused.count == 0,
      !result.isAmbiguous
    else { return false }
    return result.troubles.entries.keys.allSatisfy { cause in
      switch cause.kind {
      case .keyOrder, .record, .fieldCount, .pointerMap: cause.tree >= 0
      default: !cause.kind.isStructural
      }
    }
  }

  /// The differences of a table and its indexes; nil where rows of it cannot be read here.
  func differences(of table: String) -> TableDifferences? {
    guard let first = comparisons.first(where: { $0.table.name == table }), first.table.hasRowid else { return nil }
    let tree = first.tableTree
    let result = found.result
    let isUnsure = result.unsure.contains(tree)
    guard !result.troubles.brokenTrees.contains(tree), !result.unread.contains(tree) else { return nil }
    var differences = TableDifferences(table: table, rowCount: result.entryCounts[tree])
    for (comparison, difference) in zip(comparisons, found.differences(ofTable: tree)) {
      guard let difference, difference.isWhole, !(isUnsure && comparison.isComputed),
        let target = IndexTarget(
          comparison, trees: plan.trees, encoding: header.encodingOfTexts, schemaFormat: header.schemaFormat)
      else { continue }
      differences.indexes[comparison.index.name] = difference
      differences.targets[comparison.index.name] = target
    }
    return differences
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
