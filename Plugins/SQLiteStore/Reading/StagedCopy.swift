import CSystem
import MendKit

/// Copies a live database into a file of its own, so that what takes long (checking and compressing it) need not hold a lock.
///
/// In rollback mode a reader's lock keeps writers from committing. So the copy is made in small pieces, and after each one a
/// writer that waits is let through: its journal, which is open here when SQLite deletes it, names every page that the
/// transaction changed, and these are copied again at the end. The writer waits for one piece, not for the file.
struct StagedCopy {
  /// What is copied while a writer may have to wait: about a millisecond.
  private static let piece = 1 << 20

  private let live: FileHandle
  private let copy: FileHandle
  private let sidecars: Sidecars
  private let patience: Double
  private let pageSize: Int
  /// Pages that changed after they were copied.
  private var changed: Set<UInt32> = []
  /// The smallest size, in pages, that the file had before a transaction: what lies behind it was never journaled.
  private var journaledPages: UInt32 = .max
  /// Whether something changed that no journal told of: then everything is compared.
  private var isUncertain = false

  /// Makes the copy; the view holds the lock still and shows what the copy holds.
  static func make(of path: String, at target: String, patience: Double) throws(Problem) -> StoreView {
    let file = try FileHandle.create(target, mode: 0o600)
    let view = try StoreView(path, locking: .shared(patience: patience))
    // With an overlay there is no writer that the lock would keep waiting, or its journal is the overlay.
    guard let pageSize = view.header?.pageSize, !view.hasOverlay, !view.holdsLog else {
      try bringUpToDate(file, view)
      try file.truncate(to: view.size)
      return view
    }
    var copy = StagedCopy(
      live: view.file, copy: file, sidecars: Sidecars(of: view.path), patience: patience, pageSize: pageSize)
    try copy.copyInPieces(view.size)
    // Under the lock that is held now, the file stands still.
    let last = try view.again()
    try copy.finish(last)
    // A writer that was killed, or a change of the journal mode: the overlay is not held still by this lock.
    if last.hasOverlay { try last.confirm(patience: patience) }
    try file.truncate(to: last.size)
    return last
  }

  private init(live: FileHandle, copy: FileHandle, sidecars: Sidecars, patience: Double, pageSize: Int) {
    self.live = live
    self.copy = copy
    self.sidecars = sidecars
    self.patience = patience
    self.pageSize = pageSize
  }

  private mutating func copyInPieces(_ size: Int) throws(Problem) {
    if csystem_clone_file(live.descriptor, copy.descriptor) == 0 { return }
    var offset = 0
    while offset < size {
      let count = try copyPiece(at: offset, min(Self.piece, size - offset))
      if count == 0 { break }
      offset += count
      if LockBytes.isWriterWaiting(live) { try letWriterPass() }
    }
  }

  private func copyPiece(at offset: Int, _ length: Int) throws(Problem) -> Int {
    let count = csystem_copy_range(live.descriptor, Int64(offset), copy.descriptor, Int64(offset), length)
    if count >= 0 { return count }
    let number = errno
    guard [EINTR, ENOSYS, EXDEV, EINVAL, EOPNOTSUPP].contains(number) else {
      throw SystemError.problem("copy to", copy.path, number)
    }
    let bytes = try live.read(length, at: offset)
    try copy.write(bytes, at: offset)
    return bytes.count
  }

  /// Lets go of the reader's lock until the writer that waits for it has committed or given up.
  private mutating func letWriterPass() throws(Problem) {
    let journal = try Sidecars.open(sidecars.journal)
    let before = try changeCounter()
    LockBytes.release(live)
    try LockBytes.takeShared(live, patience: patience)
    let after = try changeCounter()
    guard after != before else { return }
    // One transaction, whose journal was deleted at its commit: then what is read here is all that it changed. Of a journal
    // that was cut to nothing, or of two transactions, nobody knows.
    guard after == before &+ 1, let journal, try journal.status().links == 0,
      let contents = try RollbackJournal(journal), contents.isWhole, contents.pageSize == pageSize
    else {
      isUncertain = true
      return
    }
    changed.formUnion(contents.pages.sorted().map(\.page))
    journaledPages = min(journaledPages, contents.pageCount)
  }

  private func changeCounter() throws(Problem) -> UInt32 {
    BigEndian(bytes: try live.read(DatabaseHeader.size, at: 0)).uint32(24) ?? 0
  }

  private func finish(_ view: StoreView) throws(Problem) {
    if isUncertain || view.hasOverlay { return try Self.bringUpToDate(copy, view) }
    for page in changed {
      let start = (Int(page) - 1) * pageSize
      try copy.write(try view.read(pageSize, at: start), at: start)
    }
    guard journaledPages < .max else { return }
    var offset = Int(journaledPages) * pageSize
    while offset < view.size {
      let bytes = try view.read(Self.piece, at: offset)
      if bytes.isEmpty { break }
      try copy.write(bytes, at: offset)
      offset += bytes.count
    }
  }

  /// Compares the copy with the view, and writes what differs.
  private static func bringUpToDate(_ file: FileHandle, _ view: StoreView) throws(Problem) {
    let chunk = 4 << 20
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
