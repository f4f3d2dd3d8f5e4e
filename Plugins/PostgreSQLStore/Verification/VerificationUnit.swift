import MendKit
import Synchronization

/// A piece of verification, small enough that several connections share the work evenly.
struct VerificationUnit: Sendable {
  /// What is looked at.
  enum Work: Sendable {
    /// Blocks of a table, from the first to the last.
    case blocks(DatabaseCatalog.Relation, Int, Int)
    /// The texts in blocks of a table, from the first to the last.
    case texts(DatabaseCatalog.Relation, Int, Int)
    /// A b-tree, held against its table.
    case tree(DatabaseCatalog.IndexRelation, DatabaseCatalog.Relation)
    /// An index of another kind, in which rows are looked up.
    case lookups(DatabaseCatalog.IndexRelation, DatabaseCatalog.Relation)
    /// The rows of a table, by the table and by an index.
    case rows(DatabaseCatalog.Relation)
    /// Every row of a table, where no page can be verified.
    case reading(DatabaseCatalog.Relation)
    /// What the server keeps beside the tables.
    case kept([EngineRelations.Relation])
  }

  var work: Work
  /// About how long it takes, in pages.
  var cost: Int

  /// Whether it looks at the pages of a table, for which others wait.
  var isOfPages: Bool {
    if case .blocks = work { return true }
    return false
  }

  /// What is said of it in a message.
  var shown: String {
    switch work {
    case .blocks(let relation, _, _), .texts(let relation, _, _), .rows(let relation), .reading(let relation):
      relation.table.name
    case .tree(let index, _), .lookups(let index, _): index.shown
    case .kept(let relations): relations.first?.shown ?? "the catalogs"
    }
  }

  /// Where a finding is that concerns all of it.
  var location: Finding.Location {
    switch work {
    case .blocks(let relation, _, _), .texts(let relation, _, _), .rows(let relation), .reading(let relation):
      Finding.Location(table: relation.table.name)
    case .tree(let index, let relation), .lookups(let index, let relation):
      Finding.Location(table: relation.table.name, index: index.shown)
    case .kept(let relations): Finding.Location(table: relations.first?.place)
    }
  }

  /// The same work in smaller pieces; itself where it cannot be divided.
  var parts: [VerificationUnit] {
    guard case .kept(let relations) = work, relations.count > 1 else { return [self] }
    return relations.map { VerificationUnit(work: .kept([$0]), cost: $0.pages) }
  }
}

/// Pieces that several connections take one after another, the longest first; where others wait for the pages of tables, these come
/// before all else.
final class UnitQueue: Sendable {
  /// How many there are.
  let count: Int
  private let units: [VerificationUnit]
  private let next = Atomic(0)
  private let progress: @Sendable (Double) -> Void

  /// `progress` is told how far the work is, from 0 to 1.
  init(_ units: [VerificationUnit], pagesFirst: Bool, _ progress: @escaping @Sendable (Double) -> Void) {
    count = units.count
    self.units = units.sorted { one, other in
      !pagesFirst || one.isOfPages == other.isOfPages ? one.cost > other.cost : one.isOfPages
    }
    self.progress = progress
  }

  /// The next piece; nil when there is none.
  func take() -> VerificationUnit? {
    let number = next.add(1, ordering: .relaxed).oldValue
    guard number < units.count else { return nil }
    progress(Double(number) / Double(units.count))
    return units[number]
  }
}
