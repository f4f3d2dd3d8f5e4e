import MendKit

/// A database that is held against a backup of it, block by block.
///
/// The first commit after a store was closed takes the mark of that from its headers, and every closing puts a newer version into
/// them. So where the headers of a closed store are the backup's, nothing was committed in between.
final class BlockComparison: StoreComparison {
  private let file: FileHandle
  private let headers: StoreHeaders
  private let isUnchanged: Bool
  private let restores: Bool
  private var pending: [UInt8] = []
  private var position = 0
  private var differing = 0
  private var parts = 0
  private var difference: String?

  /// With `restores`, what differs is written over as it comes.
  init(_ path: String, isUnchanged: Bool, restores: Bool) throws(Problem) {
    let path = Paths.resolved(path)
    file = restores ? try FileHandle.update(path) : try FileHandle.read(path)
    headers = try StoreHeaders(file)
    self.isUnchanged = isUnchanged
    self.restores = restores
  }

  func take(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> Bool {
    pending.append(contentsOf: bytes)
    if position == 0 {
      guard pending.count >= StoreHeaders.end else { return true }
      judge(StoreHeaders(Array(pending.prefix(StoreHeaders.end))))
    }
    var start = 0
    while difference == nil, pending.count - start >= StoreHeaders.blockSize {
      let block = Array(pending[start..<start + StoreHeaders.blockSize])
      parts += 1
      if try file.read(block.count, at: position) != block {
        differing += 1
        if restores { try file.write(block, at: position) }
      }
      start += block.count
      position += block.count
    }
    pending.removeFirst(start)
    return difference == nil
  }

  private func judge(_ backup: StoreHeaders) {
    guard !isUnchanged else { return }
    guard let live = headers.newest, let old = backup.newest else {
      difference = "no header of it is left that would tell whether it was written since"
      return
    }
    if live != old {
      difference = "its headers name another version than the archive's"
    } else if !old.isClean {
      difference = "an application had it open when the archive was taken, and may have written since"
    }
  }

  func finish() throws(Problem) -> ComparisonResult {
    func result(_ isSame: Bool, _ reason: String) -> ComparisonResult {
      ComparisonResult(isSame: isSame, differing: differing, parts: parts, unit: "blocks", reason: reason)
    }
    if let difference { return result(false, difference) }
    guard position > 0 else { return result(false, "the archive holds no database") }
    if restores {
      try file.truncate(to: position)
      try file.sync()
    }
    return result(
      true,
      isUnchanged
        ? "its size, the time of its last change and its version are those of the archive"
        : "it was closed at the version of the archive, and every commit would have changed its headers")
  }
}
