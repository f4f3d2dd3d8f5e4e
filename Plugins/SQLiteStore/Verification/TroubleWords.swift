import MendKit

/// Turns what the workers noted into findings.
struct TroubleWords {
  let plan: VerificationPlan
  let pages: PageMap
  /// Whether pages stand in a log or journal, so that a byte's place in the file says nothing.
  let hasOverlay: Bool
  let hasPointerMaps: Bool
  /// Who refers to the pages that have several owners.
  let claims: [UInt32: [PageClaims.Claim]]

  func findings(_ troubles: TroubleBook) -> [Finding] {
    let all = troubles.entries.sorted {
      ($0.key.tree, $0.key.kind.rawValue, $0.key.column) < ($1.key.tree, $1.key.kind.rawValue, $1.key.column)
    }
    var findings = findings(twice: all.filter { $0.key.kind == .pageTwice }.map(\.value))
    for (_, entry) in all where entry.kept.first?.kind != .pageTwice {
      for (place, trouble) in entry.kept.enumerated() {
        var found = finding(trouble)
        if place == entry.kept.count - 1 { found.count = entry.count - entry.kept.count + 1 }
        findings.append(found)
      }
    }
    return findings
  }

  func findings(freelist: FreelistWalk.Result?, perCause: Int) -> [Finding] {
    guard let freelist else { return [] }
    let faults = freelist.faults
    let kept = faults.prefix(max(1, perCause))
    let malformed = kept.enumerated().map { place, fault in
      Finding(
        "freelist.malformed", .error, at: location(fault.page), "the list of free pages is malformed",
        evidence: fault.words, count: place == kept.count - 1 ? faults.count - kept.count + 1 : 1)
    }
    var inUse = freelist.inUse.prefix(max(1, perCause)).map(duplicate(free:))
    if !inUse.isEmpty { inUse[inUse.count - 1].count += freelist.inUse.count - inUse.count }
    return malformed + inUse
  }

  func findings(unused: (first: [UInt32], count: Int)) -> [Finding] {
    unused.first.enumerated().map { place, page in
      Finding(
        "page.unused", .error, at: location(page), "page \(page) belongs to no table, index or freelist",
        evidence: content(page), count: place == unused.first.count - 1 ? unused.count - unused.first.count + 1 : 1)
    }
  }

  /// A place in the file: a byte within a page where that is known.
  func location(_ page: UInt32, offset: Int = -1) -> Finding.Location {
    let start = (Int(page) - 1) * pages.pageSize
    return Finding.Location(page: Int(page), byte: hasOverlay || page == 0 ? nil : start + max(0, offset))
  }

  func content(_ page: UInt32) -> String? {
    guard let bytes = pages[page] else { return nil }
    guard let header = BTreePage(bytes, number: page) else { return "its first byte is \(bytes.byte(0))" }
    return "it looks like a page of \(header.kind.isTable ? "a table" : "an index") with \(header.cellCount) cells"
  }

  private func finding(_ trouble: Trouble) -> Finding {
    // Beside the trees, only the free pages' entries in the pointer maps are looked at.
    guard trouble.tree >= 0 else { return pointerMap(trouble, location(trouble.page)) }
    let tree = plan.trees[trouble.tree]
    var place = location(trouble.page, offset: trouble.offset)
    place.table = tree.table
    place.index = tree.isIndex ? tree.name : nil
    place.row = tree.hasRowids ? trouble.row : nil
    switch trouble.kind {
    case .notUnique:
      return Finding(
        "index.not-unique", .error, at: place,
        tree.isIndex
          ? "unique index \(tree.name) holds the same key twice" : "table \(tree.name) holds the same key twice")
    case .null: return null(trouble, tree, place)
    case .defaultType, .keyCopy: return ofColumn(trouble, place)
    case .type, .text, .numericText:
      let column = column(trouble)
      place.column = column?.name
      let name = "\(tree.table).\(column?.name ?? "a column that the table does not have")"
      if trouble.kind == .text {
        return Finding(
          "text.invalid", .warning, at: place, "a text in \(name) is not valid in the database's encoding")
      }
      return Finding(
        "column.type", .error, at: place, "a value in \(name) is not of the declared type",
        evidence: trouble.kind == .numericText
          ? "a text that is a number, in a column declared \(column?.type ?? "")"
          : "\(Self.className(SerialType.classBit(Int(trouble.second)))) in a column declared \(column?.type ?? "")")
    case .keyOrder where tree.isIndex:
      return Finding(
        "index.not-sorted", .error, at: place, "entries of index \(tree.name) are not in their order",
        evidence: evidence(trouble))
    case .condition:
      let texts = plan.checks[trouble.tree] ?? []
      return Finding(
        "check.violated", .error, at: place, "a row of \(tree.table) breaks a CHECK constraint",
        evidence: trouble.first < texts.count ? texts[Int(trouble.first)] : nil)
    case .pointerMap: return pointerMap(trouble, place)
    default:
      return Finding(
        tree.isIndex ? "index.malformed" : "table.malformed", .error, at: place,
        "the b-tree of \(tree.isIndex ? "index" : "table") \(tree.name) is malformed", evidence: evidence(trouble))
    }
  }

  private func pointerMap(_ trouble: Trouble, _ place: Finding.Location) -> Finding {
    Finding(
      "pointer-map.malformed", .error, at: place, "the pointer map is wrong about page \(trouble.page)",
      evidence: "it says kind \(trouble.first), parent \(trouble.second)")
  }

  private func null(_ trouble: Trouble, _ tree: TreePlan, _ place: Finding.Location) -> Finding {
    var place = place
    let column = column(trouble)
    place.column = column?.name
    let name = "\(tree.table).\(column?.name ?? "?")"
    let isKey = (column?.keyPlace ?? 0) > 0
    return Finding(
      isKey ? "key.null" : "column.null", .error, at: place,
      isKey ? "NULL in the primary key \(name)" : "NULL in \(name), which is declared NOT NULL")
  }

  /// What is wrong with a column's default, or with a key's second copy of a column.
  private func ofColumn(_ trouble: Trouble, _ place: Finding.Location) -> Finding {
    var place = place
    let column = column(trouble)
    place.column = column?.name
    let name = "\(plan.trees[trouble.tree].table).\(column?.name ?? "?")"
    guard trouble.kind == .defaultType else {
      return Finding(
        "table.malformed", .error, at: place, "the primary key holds \(name) twice, with two values",
        evidence: "the record of one row on page \(trouble.page)")
    }
    return Finding(
      "column.type", .error, at: place,
      "the default of \(name), which rows from before the column was added show, is not of the declared type",
      evidence:
        "DEFAULT \(column?.defaultSQL ?? "") is \(Self.className(UInt8(clamping: trouble.second))), and the column is "
        + "declared \(column?.type ?? "")")
  }

  private func column(_ trouble: Trouble) -> SchemaLayout.Column? {
    guard let columns = plan.recordColumns(of: trouble.tree), trouble.first < columns.count else { return nil }
    return columns[Int(trouble.first)]
  }

  private static func className(_ bit: UInt8) -> String {
    switch bit {
    case RowPlan.integerBit: "an integer"
    case RowPlan.realBit: "a real"
    case RowPlan.textBit: "a text"
    default: "a blob"
    }
  }

  /// What was read that shows it.
  private func evidence(_ trouble: Trouble) -> String {
    let page = trouble.page
    switch trouble.kind {
    case .pageOutOfRange: return "page \(page) names page \(trouble.first), and the database has \(pages.pageCount)"
    case .pageKind: return "page \(page) starts with \(trouble.first), which is no page of this tree"
    case .depth: return "page \(page) is a leaf on level \(trouble.first), others are on level \(trouble.second)"
    case .tooDeep: return "page \(page) is on level \(trouble.first)"
    case .cellCount: return "page \(page) counts \(trouble.first) cells, more than fit on it"
    case .noCells: return "page \(page) is empty"
    case .contentStart: return "the cells of page \(page) start at \(trouble.first)"
    case .cellOutside: return "a cell of page \(page) is not within the page"
    case .cellsOverlap: return "two cells or free blocks of page \(page) share bytes"
    case .freeblock: return "the chain of free blocks of page \(page) goes astray at \(trouble.offset)"
    case .fragments:
      return "page \(page) counts \(trouble.first) fragmented bytes, and has \(trouble.second)"
    case .rowidOrder: return "rowid \(trouble.row ?? 0) on page \(page) is out of order"
    case .keyOrder: return "an entry on page \(page) is out of order"
    case .record: return "a record on page \(page) is malformed"
    case .fieldCount: return "an entry on page \(page) does not have the index's \(trouble.first) values"
    case .overflowPage: return "an overflow chain of page \(page) names page \(trouble.first)"
    case .overflowEnds:
      return "an overflow chain of page \(page) ends after \(trouble.first) of \(trouble.second) pages"
    case .overflowTooLong: return "an overflow chain of page \(page) is longer than its \(trouble.first) bytes need"
    default: return "page \(page)"
    }
  }
}
