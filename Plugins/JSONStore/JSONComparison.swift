import MendKit

/// A JSON file that is held against a backup of it.
final class JSONComparison: StoreComparison {
  private let document: JSONDocument
  private let isUnchanged: Bool
  private let target: String?
  private var backup: [UInt8] = []

  /// With a `target`, the backup is written over it where it is the store.
  init(_ document: JSONDocument, isUnchanged: Bool, target: String?) {
    self.document = document
    self.isUnchanged = isUnchanged
    self.target = target
  }

  func take(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> Bool {
    backup.append(contentsOf: bytes)
    return backup.count <= JSONDocument.mostBytes
  }

  func finish() throws(Problem) -> ComparisonResult {
    var result = compare()
    guard result.isSame, let target else { return result }
    let file = try FileHandle.update(target)
    try file.write(backup, at: 0)
    try file.truncate(to: backup.count)
    try file.sync()
    for collection in JSONDocument(backup).collections { result.rows[collection.name] = collection.rows }
    return result
  }

  /// A text that says little proves little.
  private static let fewest = 16

  private func compare() -> ComparisonResult {
    let live = document.bytes
    let differing = max(live.count, backup.count) - zip(live, backup).count { $0 == $1 }
    func result(_ isSame: Bool, _ reason: String) -> ComparisonResult {
      ComparisonResult(
        isSame: isSame, differing: differing, parts: backup.count, unit: "bytes", reason: reason)
    }
    if isUnchanged { return result(true, "its size and the time of its last change are those of the archive") }
    guard document.fault != nil || document.nulCount > 0 else { return result(false, "the file is JSON as it stands") }
    let surviving = live[..<document.end]
    if surviving.count >= Self.fewest, surviving.count < backup.count, backup.starts(with: surviving) {
      return result(true, "the \(surviving.count) bytes that are left of it are the first ones of the archive")
    }
    if live.count == backup.count, let range = changed(live), range.count <= live.count / 2,
      let fault = document.fault, fault.byte >= range.lowerBound,
      live.count - range.count >= Self.fewest, !isText(live[range])
    {
      return result(
        true, "all but the bytes \(range.lowerBound) to \(range.upperBound - 1), which are no text, are the archive's")
    }
    return result(false, "what is left of the file is not what the archive begins with")
  }

  /// The bytes from the first that differs to the last.
  private func changed(_ live: [UInt8]) -> Range<Int>? {
    guard let first = live.indices.first(where: { live[$0] != backup[$0] }),
      let last = live.indices.last(where: { live[$0] != backup[$0] })
    else { return nil }
    return first..<last + 1
  }

  /// Whether a program may have written these bytes into a JSON file: UTF-8 without control characters.
  private func isText(_ bytes: ArraySlice<UInt8>) -> Bool {
    String(validating: bytes, as: UTF8.self) != nil
      && bytes.allSatisfy { $0 >= 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
  }
}
