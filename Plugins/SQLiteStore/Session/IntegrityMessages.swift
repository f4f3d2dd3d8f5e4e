import MendKit

/// One line of `PRAGMA integrity_check`, understood. The library's words are not a contract; what is not recognised is
/// still a finding, with its words as evidence.
enum IntegrityMessage: Hashable {
  case indexEntryMissing(index: String)
  case indexEntryCount(index: String)
  case indexNotUnique(index: String)
  case columnNull(column: String)
  case columnType(column: String)
  case checkViolated(table: String)
  /// Something is wrong with the b-tree that has this page.
  case tree(page: Int)
  case pageUnused(page: Int)
  /// A page has a second owner: the b-tree that has the page `on`, where one is named.
  case pageTwice(page: Int, on: Int?)
  case freelist
  case virtualTable(name: String)
  case other

  init(_ line: String) {
    func tail(_ start: String) -> String? { line.hasPrefix(start) ? String(line.dropFirst(start.count)) : nil }
    if line.hasPrefix("row "), let at = line.range(of: " missing from index ") {
      self = .indexEntryMissing(index: String(line[at.upperBound...]))
    } else if line.hasPrefix("rowid ") || line.hasPrefix("row "), let at = line.range(of: " out of order for index ") {
      self = .indexEntryCount(index: String(line[at.upperBound...]))
    } else if let index = tail("wrong # of entries in index ") {
      self = .indexEntryCount(index: index)
    } else if let index = tail("non-unique entry in index ") {
      self = .indexNotUnique(index: index)
    } else if let column = tail("NULL value in ") {
      self = .columnNull(column: column)
    } else if let table = tail("CHECK constraint failed in ") {
      self = .checkViolated(table: table)
    } else if line.hasPrefix("non-") || line.hasPrefix("TEXT value in ") || line.hasPrefix("NUMERIC value in "),
      let at = line.range(of: " value in ")
    {
      self = .columnType(column: String(line[at.upperBound...]))
    } else if line.lowercased().hasPrefix("freelist") || line.hasPrefix("Main freelist") {
      self = .freelist
    } else if line.hasPrefix("malformed inverted index") || line.hasPrefix("unable to validate the inverted index") {
      self = .virtualTable(name: line.split(separator: ".").last.map(String.init) ?? line)
    } else if let page = Self.number(in: line, after: ["2nd reference to page "]) {
      self = .pageTwice(page: page, on: Self.number(in: line, after: ["On tree page ", "On page "]))
    } else if let page = Self.number(in: line, after: ["On tree page ", "On page ", " on page "]) {
      self = .tree(page: page)
    } else if line.hasPrefix("Tree "), let page = Self.number(in: line, after: [" page "]) {
      self = .tree(page: page)
    } else if let page = Self.number(in: line, after: ["Page "]) {
      self = line.hasSuffix("never used") ? .pageUnused(page: page) : .tree(page: page)
    } else {
      self = .other
    }
  }

  private static func number(in line: String, after words: [String]) -> Int? {
    for word in words {
      guard let at = line.range(of: word) else { continue }
      let digits = line[at.upperBound...].prefix { $0.isNumber }
      if let number = Int(digits) { return number }
    }
    return nil
  }
}
