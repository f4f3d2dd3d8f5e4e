/// One thing that is wrong in a tree, as the workers note it: numbers only, turned into words when all is read.
struct Trouble: Hashable {
  enum Kind: UInt8, Hashable {
    // The structure.
    case pageOutOfRange, pageTwice, pageKind, depth, tooDeep, cellCount, noCells, contentStart, cellOutside,
      cellsOverlap
    case freeblock, fragments, rowidOrder, keyOrder, record, fieldCount, overflowPage, overflowEnds, overflowTooLong
    case pointerMap
    // The content.
    case notUnique, null, type, text, numericText, condition, defaultType, keyCopy

    /// Whether it is about how pages are built rather than about what they hold.
    var isStructural: Bool {
      switch self {
      case .notUnique, .null, .type, .text, .numericText, .condition, .defaultType, .keyCopy: false
      default: true
      }
    }

    /// Whether `first` is a column's place in the record.
    var isOfColumn: Bool {
      switch self {
      case .null, .type, .text, .numericText, .defaultType, .keyCopy: true
      default: false
      }
    }
  }

  var kind: Kind
  /// Which tree of the walk; -1 for none.
  var tree: Int
  var page: UInt32
  /// The byte within the page; -1 where there is none to name.
  var offset = -1
  /// What was there and what should have been, or a column; by kind.
  var first: Int64 = 0
  var second: Int64 = 0
  /// The rowid, where there is one.
  var row: Int64?

  /// Whether entries may have been missed, so that an index cannot be held against its table.
  var breaksTree: Bool {
    switch kind {
    case .notUnique, .null, .type, .text, .numericText, .pointerMap, .condition, .defaultType, .keyCopy: false
    case .fragments, .freeblock, .cellsOverlap, .keyOrder, .depth: false
    default: true
    }
  }
}

/// Troubles by kind, tree and column: the first few of each, and how many there are.
struct TroubleBook {
  struct Cause: Hashable {
    let kind: Trouble.Kind
    let tree: Int
    let column: Int64
  }

  struct Entry {
    var kept: [Trouble]
    var count: Int
  }

  let perCause: Int
  private(set) var entries: [Cause: Entry] = [:]
  private(set) var brokenTrees: Set<Int> = []

  /// Trees whose entries do not stand in order, or of which two have a key that only one may have.
  var unorderedTrees: Set<Int> {
    Set(entries.keys.filter { $0.kind == .keyOrder || $0.kind == .notUnique }.map(\.tree))
  }

  init(perCause: Int) { self.perCause = max(1, perCause) }

  mutating func note(_ trouble: Trouble) {
    if trouble.breaksTree { brokenTrees.insert(trouble.tree) }
    let isCauseOfItsOwn = trouble.kind.isOfColumn || trouble.kind == .condition
    let cause = Cause(kind: trouble.kind, tree: trouble.tree, column: isCauseOfItsOwn ? trouble.first : -1)
    var entry = entries[cause] ?? Entry(kept: [], count: 0)
    entry.count += 1
    if entry.kept.count < perCause { entry.kept.append(trouble) }
    entries[cause] = entry
  }

  /// Takes up what another worker noted.
  mutating func merge(_ other: TroubleBook) {
    brokenTrees.formUnion(other.brokenTrees)
    for (cause, theirs) in other.entries {
      var entry = entries[cause] ?? Entry(kept: [], count: 0)
      entry.count += theirs.count
      entry.kept = Array(
        (entry.kept + theirs.kept).sorted { ($0.page, $0.offset) < ($1.page, $1.offset) }.prefix(perCause))
      entries[cause] = entry
    }
  }
}
