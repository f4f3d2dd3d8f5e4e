import MendKit

/// Reads a working copy past the library, and mends indexes on it: only while the library has it closed.
final class IndexesInPlace {
  let path: String
  let header: DatabaseHeader
  private let walk: FileWalk
  private let plan: VerificationPlan
  /// The indexes that are looked into.
  private let comparisons: [VerificationPlan.Comparison]
  private let result: FileWalk.Result
  /// Entries that may yet be listed.
  private var room: Int

  /// Entries of all indexes together that are listed at most: 64 MiB. What differs more is built anew.
  static let most = 1 << 21

  /// Reads the file; nil where it is not one that is mended here: it has a log, pages that are claimed twice, or anything
  /// else that is wrong with how its trees and its freelist are built.
  init?(_ path: String, plan: VerificationPlan, indexes: Set<String>, most: Int = IndexesInPlace.most) throws(Problem) {
    let view = try StoreView(path, locking: .none)
    guard let header = view.header, !view.hasOverlay, view.status.size % header.pageSize == 0 else { return nil }
    self.path = path
    self.header = header
    self.plan = plan
    room = most
    walk = FileWalk(
      pages: try PageMap(view, header: header), header: header, trees: plan.trees,
      fingerprints: plan.comparisons.count,
      setting: WalkSetting(header, readsContent: true, perCause: 1), workers: Workers.processors, progress: { _ in })
    comparisons = plan.comparisons.filter { indexes.contains($0.index.name) }
    result = walk.run(Array(plan.trees.indices), walk.walkers(walk.workers))
    guard Self.isSound(result) else { return nil }
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
    let broken = result.troubles.brokenTrees.union(result.unread)
    guard !broken.contains(tree) else { return nil }
    let isUnsure = result.unsure.contains(tree)
    let unordered = result.troubles.unorderedTrees
    var differences = TableDifferences(table: table, rowCount: result.entryCounts[tree])
    var differing: [VerificationPlan.Comparison] = []
    for comparison in comparisons where comparison.tableTree == tree {
      guard !broken.contains(comparison.indexTree), !(isUnsure && comparison.isComputed),
        let target = IndexTarget(
          comparison, trees: plan.trees, encoding: header.encodingOfTexts, schemaFormat: header.schemaFormat)
      else { continue }
      differences.targets[comparison.index.name] = target
      guard result.ofIndexes[comparison.fingerprint] == result.ofRows[comparison.fingerprint] else {
        differing.append(comparison)
        continue
      }
      differences.indexes[comparison.index.name] = IndexDifference(
        entries: result.ofIndexes[comparison.fingerprint].count,
        isOrdered: !unordered.contains(comparison.indexTree))
    }
    readByRowids(differing, unordered, &differences)
    readByHashes(differing.filter { differences.indexes[$0.index.name] == nil }, tree, unordered, &differences)
    for difference in differences.indexes.values { room -= difference.missing.count + difference.extra.count }
    return differences
  }

  /// What rowids tell: of a partial index they do not say which rows it should have.
  private func readByRowids(
    _ differing: [VerificationPlan.Comparison], _ unordered: Set<Int>, _ differences: inout TableDifferences
  ) {
    let subjects = differing.compactMap { comparison -> RowidDifferences.Subject? in
      guard !comparison.index.isPartial, let target = differences.targets[comparison.index.name] else { return nil }
      return RowidDifferences.Subject(
        target: target, ofIndex: result.ofIndexes[comparison.fingerprint],
        ofRows: result.ofRows[comparison.fingerprint], isOrdered: !unordered.contains(comparison.indexTree))
    }
    guard let root = subjects.first?.target.tableRoot,
      let byRowids = RowidDifferences(
        walk.pages, table: root, rowCount: differences.rowCount, indexes: subjects.count, workers: walk.workers)
    else { return }
    differences.rowids = byRowids.rowids
    for (subject, difference) in zip(subjects, byRowids.differences(subjects, most: room)) {
      differences.indexes[subject.target.comparison.index.name] = difference
    }
  }

  /// What only the hashes of entries tell: those that have other values than their rows.
  private func readByHashes(
    _ differing: [VerificationPlan.Comparison], _ tree: Int, _ unordered: Set<Int>,
    _ differences: inout TableDifferences
  ) {
    guard !differing.isEmpty else { return }
    let found = EntryDifferences(
      walk, differing, trees: [tree] + differing.map(\.indexTree), limit: .ofAll(max(0, room)))
    for (comparison, difference) in zip(differing, found.differences(ofTable: tree)) {
      guard let difference else { continue }
      differences.indexes[comparison.index.name] = IndexDifference(
        difference, isOrdered: !unordered.contains(comparison.indexTree))
    }
  }

  /// The values of entries of an index, each in the index's order of columns.
  func values(of entries: some Collection<EntryCollector.Entry>) -> [[SQLValue]] {
    let reader = CellReader(pages: walk.pages, encoding: header.encodingOfTexts)
    return entries.map { reader.values(page: $0.page, cell: Int($0.cell)) }
  }

  /// Puts bits of a table's rows back to what its indexes prove that they were, and takes what they agree on then off the
  /// differences; how many rows had one. `close` is called before anything is written.
  func correctBits(
    _ differences: inout TableDifferences, close: () throws(Problem) -> Void
  ) throws(Problem) -> Int {
    let file = try SalvageFile(
      path, pageSize: header.pageSize, reservedBytes: header.reservedBytes, encoding: header.encodingOfTexts,
      hasPointerMaps: header.largestRootPage != 0)
    defer { file.close() }
    let found = FlippedBits(file).find(&differences)
    guard found.rows > 0 else { return 0 }
    try close()
    for byte in found.bytes { file.edit(byte.page).set8(byte.offset, byte.byte) }
    try file.write()
    return found.rows
  }

  /// Mends indexes; the names of those that are as they are to be then. `roots` are those of all trees but the schema's.
  func mend(_ tables: [TableDifferences], roots: [UInt32]) throws(Problem) -> Set<String> {
    var sound: Set<String> = []
    var work: [IndexMending.Work] = []
    for table in tables {
      for (name, target) in table.targets.sorted(by: { $0.key < $1.key }) {
        guard let difference = table.indexes[name] else { continue }
        if difference.isNone {
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
