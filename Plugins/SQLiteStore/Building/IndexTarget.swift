import MendKit

/// An index that is to be brought in line with its table, and what it takes to do so.
///
/// Unchecked, since all of it is only read.
struct IndexTarget: @unchecked Sendable {
  let comparison: VerificationPlan.Comparison
  /// The plan of the index's tree.
  let tree: TreePlan
  let key: KeyPlan
  /// The root of the table's tree.
  let tableRoot: UInt32
  let encoding: TextEncoding
  let schemaFormat: UInt32

  var root: UInt32 { comparison.index.root }

  init?(
    _ comparison: VerificationPlan.Comparison, trees: [TreePlan], encoding: TextEncoding, schemaFormat: UInt32
  ) {
    let tree = trees[comparison.indexTree]
    guard let key = tree.key, comparison.table.hasRowid, comparison.index.root > 1 else { return nil }
    self.comparison = comparison
    self.tree = tree
    self.key = key
    tableRoot = comparison.table.root
    self.encoding = encoding
    self.schemaFormat = schemaFormat
  }

  func encoder() -> EntryEncoder? {
    EntryEncoder(comparison.index, of: comparison.table, encoding: encoding, schemaFormat: schemaFormat)
  }

  /// Whether two entries, one right behind the other, have a key that only one may have.
  func isDuplicate(_ before: UnsafeRawPointer, _ record: UnsafeRawPointer) -> Bool {
    guard key.uniqueCount > 0 else { return false }
    let difference = EntryKernel.difference(before, record, key, encoding)
    return difference.field >= key.uniqueCount && !EntryKernel.hasNull(record, first: key.uniqueCount)
  }
}

/// Why an index could not be built here, so that the library is to do it.
enum BuildObstacle: Error {
  /// The library says of it what is to be said: two rows have one key, or a value that only it knows.
  case leftToLibrary
  case failed(Problem)
}

extension Problem {
  /// Stands for `BuildObstacle.leftToLibrary` where only problems are thrown; nobody is told of it.
  static let leftToLibrary = Problem(.damaged, tried: "", on: "", said: "")

  var isLeftToLibrary: Bool { tried.isEmpty && subject.isEmpty && said.isEmpty }
}

extension SalvageFile {
  /// The cell of an index's leaf for a record; what does not fit into it goes to overflow pages.
  func indexCell(_ record: UnsafeRawBufferPointer, streams: Bool, into cell: inout [UInt8]) throws(Problem) {
    let local = geometry.local(record.count, maximum: geometry.indexMaximum)
    cell.removeAll(keepingCapacity: true)
    cell += Varint.bytes(UInt64(record.count))
    cell += record[..<local]
    guard local < record.count else { return }
    var page = allocate()
    withUnsafeBytes(of: page.bigEndian) { cell += $0 }
    var done = local
    while done < record.count {
      let count = min(geometry.overflowCapacity, record.count - done)
      let content = blank(page)
      UnsafeMutableRawBufferPointer(start: content + 4, count: count).copyBytes(from: record[done..<(done + count)])
      done += count
      let next = done < record.count ? allocate() : 0
      content.set32(0, next)
      if streams { try writeNow(page) }
      page = next
    }
  }
}
