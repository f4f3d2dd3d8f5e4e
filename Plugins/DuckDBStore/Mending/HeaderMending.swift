import MendKit

/// Puts headers of a working copy right whose checksum is wrong, as far as the others tell what they were.
struct HeaderMending {
  /// What can be done.
  enum Plan: Equatable {
    /// All three are sound.
    case nothing
    /// The damaged ones can be written anew, at no loss.
    case rewrite(String)
    /// The fields of the one that counts are there, and something else of it is damaged.
    case renew(String)
    /// The one that counted may be lost: the other one shows the checkpoint before it.
    case older(String)
    /// Nothing tells what they were.
    case hopeless
  }

  private let headers: FileHeaders

  init(_ headers: FileHeaders) { self.headers = headers }

  /// The plan for a file.
  var plan: Plan {
    guard !headers.areSound else { return .nothing }
    guard let active = headers.active, headers.bytes.count == FileHeaders.end else { return .hopeless }
    let damaged = headers.damaged.joined(separator: " and ")
    guard let lost = headers.states.firstIndex(where: { $0 == nil }) else {
      return .rewrite("writes \(damaged) anew")
    }
    // Of two headers one is the checkpoint before the other's. Its fields, where they are left, tell which.
    if let fields = remains(lost, like: active) {
      if fields.iteration &+ 1 == active.iteration {
        return .rewrite("writes \(damaged) anew, which was that of an older checkpoint")
      }
      if fields.iteration == active.iteration &+ 1 {
        return .renew("writes the checksum of \(damaged) anew, whose fields are those of the newest checkpoint")
      }
    }
    return .older(
      "takes up the state of the \(lost == 0 ? "second" : "first") database header, since the other one is lost; where that one "
        + "was newer, what its checkpoint wrote is lost")
  }

  /// The fields of a damaged header, where they are such as the engine writes.
  private func remains(_ place: Int, like active: DatabaseHeader) -> DatabaseHeader? {
    let start = (place + 1) * FileHeaders.size
    let other = (2 - place) * FileHeaders.size
    guard let fields = DatabaseHeader(headers.bytes, at: start),
      // Zeros are no fields.
      fields.iteration > 0 || headers.bytes.uint64(start + 40) != 0, fields.blockSize == active.blockSize,
      fields.compatibility == active.compatibility,
      headers.bytes.uint64(start + 48) == headers.bytes.uint64(other + 48),
      isWithin(fields.metaBlock, fields), isWithin(fields.freeList, fields)
    else { return nil }
    return fields
  }

  private func isWithin(_ pointer: UInt64, _ fields: DatabaseHeader) -> Bool {
    pointer == DatabaseHeader.nowhere || pointer & (1 << 56 - 1) < UInt64(fields.blockCount)
  }

  /// Writes the damaged headers of a copy anew.
  func run(_ file: FileHandle) throws(Problem) {
    guard plan != .nothing, plan != .hopeless, let place = headers.activePlace else { return }
    if !headers.isMainSound || !headers.hasMagic { try writeMain(file) }
    guard let lost = headers.states.firstIndex(where: { $0 == nil }) else { return }
    if case .renew = plan {
      let start = (lost + 1) * FileHeaders.size
      return try write(Array(headers.bytes[start..<start + FileHeaders.size]), to: file, at: start)
    }
    let start = (place + 1) * FileHeaders.size
    var bytes = Array(headers.bytes[start..<start + FileHeaders.size])
    // The same state under the number before: the other one stays the one that counts.
    if let active = headers.active { bytes.set(active.iteration == 0 ? 0 : active.iteration - 1, at: 8) }
    try write(bytes, to: file, at: (lost + 1) * FileHeaders.size)
  }

  private func writeMain(_ file: FileHandle) throws(Problem) {
    var bytes = Array(headers.bytes.prefix(FileHeaders.size))
    // What is left of the version is taken where there is such a one; else the form of the catalog tells it.
    let version = headers.version
    if !headers.hasMagic || !(64...127).contains(version) {
      bytes = [UInt8](repeating: 0, count: FileHeaders.size)
      let form = headers.active?.compatibility ?? 1
      bytes.set(form < 4 ? 64 : min(form, 64) + 61, at: 12)
    }
    bytes.replaceSubrange(8..<12, with: FileHeaders.magic)
    bytes.set(0, at: 20)
    try write(bytes, to: file, at: 0)
  }

  private func write(_ bytes: [UInt8], to file: FileHandle, at offset: Int) throws(Problem) {
    var bytes = bytes
    bytes.set(Checksum.of(bytes[8...]), at: 0)
    try file.write(bytes, at: offset)
  }
}
