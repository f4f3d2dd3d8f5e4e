import MendKit

/// The library's own integrity check, its answers turned into findings that say where.
struct EngineIntegrityCheck {
  /// More answers than this are not asked for: a file that has so many is beyond reading them.
  static let mostMessages = 20_000
  /// Rows listed for one index at most.
  static let mostRows = 10_000

  let connection: Connection
  let view: StoreView
  let catalog: Catalog
  let request: IntegrityRequest
  var scope = Scope.file

  /// What the library is asked about.
  enum Scope {
    case file
    /// One table; its rows alone, or its indexes too.
    case table(String, holdsIndexes: Bool)
  }

  /// What the check found, and which indexes it found to disagree with their tables.
  struct Result {
    var findings: [Finding] = []
    var suspectIndexes: Set<String> = []
  }

  /// Runs the check.
  func run() throws(Problem) -> Result {
    let messages = try ask()
    guard !messages.isEmpty else { return Result() }
    let trees = try PageOwners(roots(), view: view)
    var groups = FindingGroups(perCause: request.findingsPerCause)
    var suspects: [String: Set<IntegrityMessage>] = [:]
    for line in messages {
      let message = IntegrityMessage(line)
      switch message {
      case .indexEntryMissing(let index), .indexEntryCount(let index), .indexNotUnique(let index):
        suspects[index, default: []].insert(message)
        if case .indexNotUnique = message { groups.add(notUnique(index, line)) }
      default: groups.add(finding(message, line, trees))
      }
    }
    var result = Result(suspectIndexes: Set(suspects.keys))
    result.findings = groups.findings
    // That the library gave up at a tree which is named already is no finding of its own.
    if result.findings.contains(where: {
      $0.location.page != nil && ($0.code.matches("*.malformed") || $0.code == "page.duplicate-reference")
    }) {
      result.findings.removeAll { $0.code == "file.malformed" && $0.location.page == nil }
    }
    for (table, indexes) in byTable(suspects) {
      result.findings += try compare(table, indexes)
    }
    result.findings.sort { $0.severity > $1.severity }
    return result
  }

  private func ask() throws(Problem) -> [String] {
    let question =
      switch scope {
      case .file: "\(request.isFull ? "integrity_check" : "quick_check")(\(Self.mostMessages))"
      case .table(let name, let holdsIndexes):
        "\(holdsIndexes ? "integrity_check" : "quick_check")(\(Connection.literal(name)))"
      }
    var messages: [String] = []
    do throws(Problem) {
      try connection.rows("PRAGMA \(question)") { row throws(Problem) in
        for line in row.text(0).split(separator: "\n") where line != "ok" && !line.hasPrefix("*** in database") {
          messages.append(String(line))
        }
        return true
      }
    } catch {
      // The check itself gave up: on a malformed page that it must pass, or on memory.
      guard error.kind == .damaged else { throw error }
      messages.append(error.said)
    }
    return messages
  }

  private func roots() throws(Problem) -> [(page: UInt32, tree: PageOwners.Tree)] {
    var result: [(page: UInt32, tree: PageOwners.Tree)] = [(1, .init(name: "sqlite_schema", isIndex: false))]
    try connection.rows("SELECT rootpage, name, type FROM sqlite_schema WHERE rootpage > 0") { row throws(Problem) in
      result.append((UInt32(clamping: row.integer(0)), .init(name: row.text(1), isIndex: row.text(2) == "index")))
      return true
    }
    return result
  }

  private func finding(_ message: IntegrityMessage, _ line: String, _ trees: PageOwners) -> Finding {
    switch message {
    case .tree(let page):
      guard let tree = trees[page] else {
        return Finding("file.malformed", .error, at: .init(page: page), "page \(page) is malformed", evidence: line)
      }
      let table = tree.isIndex ? self.table(ofIndex: tree.name)?.name : tree.name
      let location = Finding.Location(table: table, index: tree.isIndex ? tree.name : nil, page: page)
      return tree.isIndex
        ? Finding(
          "index.malformed", .error, at: location, "the b-tree of index \(tree.name) is malformed", evidence: line)
        : Finding(
          "table.malformed", .error, at: location, "the b-tree of table \(tree.name) is malformed", evidence: line)
    case .pageUnused(let page):
      return Finding(
        "page.unused", .error, at: .init(page: page), "page \(page) belongs to no table, index or freelist",
        evidence: line)
    case .pageTwice(let page, let on):
      let tree = trees[on ?? page]
      let table = tree.flatMap { $0.isIndex ? self.table(ofIndex: $0.name)?.name : $0.name }
      return Finding(
        "page.duplicate-reference", .error,
        at: .init(table: table, index: tree.flatMap { $0.isIndex ? $0.name : nil }, page: page),
        "page \(page) belongs to two owners"
          + (tree.map { ", \($0.isIndex ? "index" : "table") \($0.name) being one" } ?? ""),
        evidence: line)
    case .freelist:
      return Finding("freelist.malformed", .error, "the list of free pages is malformed", evidence: line)
    case .columnNull(let name):
      let (table, column) = split(name)
      let isKey = table.flatMap { catalog.table($0) }?.primaryKey.contains(column) ?? false
      return Finding(
        isKey ? "key.null" : "column.null", .error, at: .init(table: table, column: column),
        isKey ? "NULL in the primary key \(name)" : "NULL in \(name), which is declared NOT NULL", evidence: line)
    case .columnType(let name):
      let (table, column) = split(name)
      return Finding(
        "column.type", .error, at: .init(table: table, column: column),
        "a value in \(name) is not of the declared type", evidence: line)
    case .checkViolated(let table):
      return Finding(
        "check.violated", .error, at: .init(table: table), "a row of \(table) breaks a CHECK constraint", evidence: line
      )
    case .virtualTable(let name):
      return Finding(
        "virtual-table.malformed", .error, at: .init(table: name), "virtual table \(name) is malformed", evidence: line)
    default:
      return Finding("file.malformed", .error, "the file is malformed", evidence: line)
    }
  }

  private func notUnique(_ index: String, _ line: String) -> Finding {
    Finding(
      "index.not-unique", .error, at: .init(table: table(ofIndex: index)?.name, index: index),
      "unique index \(index) holds the same key twice", evidence: line)
  }

  /// `table.column`, split where a table of that name has that column: both may hold full stops.
  private func split(_ name: String) -> (table: String?, column: String) {
    for table in catalog.tables where name.hasPrefix(table.name + ".") {
      let column = String(name.dropFirst(table.name.count + 1))
      if table.column(column) != nil { return (table.name, column) }
    }
    return (nil, name)
  }

  private func table(ofIndex name: String) -> Table? {
    catalog.tables.first { $0.indexes.contains { $0.name == name } }
  }

  private func byTable(_ suspects: [String: Set<IntegrityMessage>]) -> [(Table?, [(String, Set<IntegrityMessage>)])] {
    Dictionary(grouping: suspects.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }) { table(ofIndex: $0.0)?.name }
      .sorted { ($0.key ?? "") < ($1.key ?? "") }
      .map { (name, indexes) in (name.flatMap { catalog.table($0) }, indexes) }
  }

  /// What the indexes of one table that the library complained of lack, and hold too much.
  private func compare(
    _ table: Table?, _ indexes: [(String, Set<IntegrityMessage>)]
  ) throws(Problem) -> [Finding] {
    guard let table else {
      return indexes.map { name, _ in
        Finding("index.entry-count", .error, at: .init(index: name), "index \(name) does not match its table")
      }
    }
    let comparison = IndexComparison(connection, table)
    var findings: [Finding] = []
    var missing: [String: Set<[SQLValue]>] = [:]
    for (name, messages) in indexes where !messages.allSatisfy({ $0 == .indexNotUnique(index: name) }) {
      guard let index = table.indexes.first(where: { $0.name == name }) else { continue }
      let lacking = try attempt { () throws(Problem) in try comparison?.rowsMissing(from: index, limit: Self.mostRows) }
      let extra = try attempt { () throws(Problem) in try comparison?.entriesWithoutRow(in: index, limit: Self.mostRows)
      }
      missing[name] = Set(lacking ?? [])
      if let lacking, !lacking.isEmpty {
        findings += entries("index.entry-missing", lacking, table, name) {
          "row \($0.words) of \(table.name) is missing from index \(name)"
        }
      }
      if let extra, !extra.isEmpty {
        findings += entries("index.entry-extra", extra, table, name) {
          "index \(name) has an entry for row \($0.words), which \(table.name) does not have"
        }
      }
      if (lacking ?? []).isEmpty, (extra ?? []).isEmpty {
        let isMissing = messages.contains(.indexEntryMissing(index: name))
        findings.append(
          Finding(
            isMissing ? "index.entry-missing" : "index.entry-count", .error, at: .init(table: table.name, index: name),
            "index \(name) does not match table \(table.name)"))
      }
    }
    return findings + refuted(table, missing)
  }

  /// Rows that the table holds but none of its several indexes: more likely a page that came back from before the row was
  /// deleted than damage that hit every index alike.
  private func refuted(_ table: Table, _ missing: [String: Set<[SQLValue]>]) -> [Finding] {
    let whole = table.indexes.filter { !$0.isPartial && !$0.columns.contains(nil) }
    guard whole.count > 1, var rows = missing[whole[0].name] else { return [] }
    for index in whole.dropFirst() { rows.formIntersection(missing[index.name] ?? []) }
    guard let first = rows.min(by: { ($0.rowid ?? 0, $0.words) < ($1.rowid ?? 0, $1.words) }) else { return [] }
    return [
      Finding(
        "row.refuted", .error, at: place(table, nil, first),
        (rows.count == 1
          ? "row \(first.words) of \(table.name) stands in none of its \(whole.count) indexes: a page from before it was"
          : "\(rows.count) rows of \(table.name) stand in none of its \(whole.count) indexes: a page from before they were")
          + " deleted has probably come back", count: rows.count)
    ]
  }

  private func entries(
    _ code: FindingCode, _ rows: [[SQLValue]], _ table: Table, _ index: String, _ words: ([SQLValue]) -> String
  ) -> [Finding] {
    let kept = rows.prefix(request.findingsPerCause)
    return kept.enumerated().map { position, row in
      let isLast = position == kept.count - 1
      return Finding(
        code, .error, at: place(table, index, row), words(row), count: isLast ? rows.count - kept.count + 1 : 1)
    }
  }

  private func place(_ table: Table, _ index: String?, _ row: [SQLValue]) -> Finding.Location {
    Finding.Location(table: table.name, index: index, row: row.rowid, key: row.rowid == nil ? row.words : nil)
  }

  /// A comparison that fails on a malformed page says nothing; the page is a finding of its own.
  private func attempt(_ body: () throws(Problem) -> [[SQLValue]]?) throws(Problem) -> [[SQLValue]]? {
    do throws(Problem) { return try body() } catch {
      guard error.kind == .damaged || error.kind == .system else { throw error }
      return nil
    }
  }
}

/// Findings of the same code at the same place, of which only the first few are kept and the rest counted.
struct FindingGroups {
  private struct Cause: Hashable {
    let code: FindingCode
    let table: String?
    let index: String?
    let column: String?
  }

  let perCause: Int
  private var order: [Cause] = []
  private var groups: [Cause: [Finding]] = [:]

  init(perCause: Int) { self.perCause = max(1, perCause) }

  /// Takes up a finding.
  mutating func add(_ finding: Finding) {
    let place = finding.location
    let cause = Cause(code: finding.code, table: place.table, index: place.index, column: place.column)
    if groups[cause] == nil { order.append(cause) }
    if groups[cause, default: []].count < perCause {
      groups[cause, default: []].append(finding)
    } else {
      groups[cause]?[perCause - 1].count += finding.count
    }
  }

  /// All that were kept, in the order of their causes.
  var findings: [Finding] { order.flatMap { groups[$0] ?? [] } }
}
