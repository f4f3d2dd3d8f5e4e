import CSystem
import MendKit

/// Copies a view's whole content into a file of its own, so that what takes long (compressing it) need not hold a lock.
struct StagedCopy {
  private static let chunk = 4 << 20

  /// Copies first without a lock, then takes one and copies again only what changed meanwhile: a writer waits for a
  /// comparison, not for a copy. Returns the view that was locked at the end and shows what the copy holds.
  static func make(of path: String, at target: String, patience: Double) throws(Problem) -> StoreView {
    let file = try FileHandle.create(target, mode: 0o600)
    var copied: StoreStamp?
    do throws(Problem) {
      let early = try StoreView(path, locking: .momentary(patience: patience))
      copied = early.stamp
      try copy(early.file, early.size, to: file)
    } catch {
      // Writers that cut the file short underneath are met again below, under the lock.
      guard error.kind == .changing else { throw error }
    }
    let view = try StoreView(path, locking: .shared(patience: patience))
    if copied != view.stamp || view.logFrames > 0 || view.isInterrupted { try bringUpToDate(file, view) }
    try file.truncate(to: view.size)
    return view
  }

  private static func copy(_ source: FileHandle, _ size: Int, to file: FileHandle) throws(Problem) {
    if csystem_clone_file(source.descriptor, file.descriptor) == 0 { return }
    var offset = 0
    while offset < size {
      let count = csystem_copy_range(
        source.descriptor, Int64(offset), file.descriptor, Int64(offset), min(64 << 20, size - offset))
      if count < 0 {
        let number = errno
        if number == EINTR { continue }
        guard offset == 0, [ENOSYS, EXDEV, EINVAL, EOPNOTSUPP].contains(number) else {
          throw SystemError.problem("copy to", file.path, number)
        }
        return try copyByHand(source, size, to: file)
      }
      if count == 0 { break }
      offset += count
    }
  }

  private static func copyByHand(_ source: FileHandle, _ size: Int, to file: FileHandle) throws(Problem) {
    var offset = 0
    while offset < size {
      let bytes = try source.read(min(chunk, size - offset), at: offset)
      if bytes.isEmpty { break }
      try file.write(bytes, at: offset)
      offset += bytes.count
    }
  }

  /// Compares the copy with the view, and writes what differs.
  private static func bringUpToDate(_ file: FileHandle, _ view: StoreView) throws(Problem) {
    let ours = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 4096)
    let theirs = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk, alignment: 4096)
    defer {
      ours.deallocate()
      theirs.deallocate()
    }
    var offset = 0
    while offset < view.size {
      let wanted = try view.read(into: theirs, at: offset)
      if wanted == 0 { break }
      let had = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: ours[..<wanted]), at: offset)
      if had < wanted || !isEqual(ours, theirs, wanted) {
        try file.write(UnsafeRawBufferPointer(rebasing: theirs[..<wanted]), at: offset)
      }
      offset += wanted
    }
  }

  private static func isEqual(
    _ one: UnsafeMutableRawBufferPointer, _ other: UnsafeMutableRawBufferPointer, _ count: Int
  ) -> Bool {
    guard let one = one.baseAddress, let other = other.baseAddress else { return count == 0 }
    return memcmp(one, other, count) == 0
  }
}
