import MendKit

/// Tables with pages that miscount their free bytes and of which every row was read all the same: the fault is in the
/// account of what is free, not in what is stored.
struct WholeTables {
  let plan: VerificationPlan
  let result: FileWalk.Result
  /// Whether rows and entries were summed, so that an index can vouch for its table.
  let hasContent: Bool

  /// The smallest room that a cell takes on a page (SQLite's file format, section 1.6): fewer bytes hide none.
  private static let smallestCell: Int64 = 4

  /// The names of the tables.
  var names: Set<String> {
    var causes: [Int: [TroubleBook.Cause]] = [:]
    for cause in result.troubles.entries.keys where cause.kind.isStructural {
      causes[cause.tree, default: []].append(cause)
    }
    return Set(
      plan.tableTrees.compactMap { table, tree in
        guard let own = causes[tree], own.allSatisfy({ [.fragments, .freeblock].contains($0.kind) }) else { return nil }
        return own.allSatisfy(hidesNothing) || isVouchedFor(tree, causes) ? table : nil
      })
  }

  /// Whether the bytes that a page cannot account for are too few for a cell that its header does not count any more.
  private func hidesNothing(_ cause: TroubleBook.Cause) -> Bool {
    guard cause.kind == .fragments, let entry = result.troubles.entries[cause], entry.count == entry.kept.count else {
      return false
    }
    return entry.kept.allSatisfy { (0..<Self.smallestCell).contains($0.second) }
  }

  /// Whether a sound index over all rows has exactly the rows that were read.
  private func isVouchedFor(_ tree: Int, _ causes: [Int: [TroubleBook.Cause]]) -> Bool {
    hasContent
      && plan.comparisons.contains {
        $0.tableTree == tree && !$0.index.isPartial && causes[$0.indexTree] == nil
          && !result.unread.contains($0.indexTree) && !result.unread.contains(tree)
          && result.ofIndexes[$0.fingerprint] == result.ofRows[$0.fingerprint]
      }
  }
}
