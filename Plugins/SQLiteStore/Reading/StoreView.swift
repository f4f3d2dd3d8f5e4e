import MendKit

/// One consistent state of a live database, read without SQLite's help and without changing anything: the file, with the
/// committed pages of its write-ahead log, or with the pages that an interrupted transaction's journal puts back, laid over it.
///
/// While the view is open it holds a reader's lock as SQLite's own connections do: writers in rollback mode wait at their
/// commit; writers in WAL mode go on, and only checkpoints wait.
final class StoreView {
  /// What holds the live store still while it is read.
  enum Locking {
    /// A reader's lock for as long as the view is open, waited for so many seconds.
    case shared(patience: Double)
    /// The reader's lock is only taken while the state is recorded, and in rollback mode let go of again: `confirm` tells
    /// whether the store changed since.
    case momentary(patience: Double)
    /// None: for a look at the state, or where nobody else knows the file.
    case none
    /// None, since the caller itself holds the exclusive lock.
    case held
  }

  let path: String
  let file: FileHandle
  let status: FileStatus
  /// The header of the state that is shown, WAL overlaid; nil when page one holds none.
  let header: DatabaseHeader?
  /// Size of the state in bytes.
  let size: Int
  /// The state of the live store.
  let stamp: StoreStamp
  /// Whether the overlay is an interrupted transaction that was left out.
  var isInterrupted: Bool { if case .journal = overlay { true } else { false } }
  /// Whether pages are shown that do not stand in the file itself.
  var hasOverlay: Bool { overlay != nil }
  /// What lies beside the database and is of another one; it is not laid over it.
  let foreign: [ForeignSidecar]
  /// Whether other connections have a log open, which the view holds still.
  var holdsLog: Bool { logIndex != nil }

  /// What kept the library from reading, which it reports in its own words.
  var problem: Problem?

  /// What is laid over the database's own pages.
  let overlay: Overlay?
  private let locked: FileHandle?
  private let logIndex: FileHandle?
  private let logStatus: FileStatus?
  private let isWatched: Bool
  private var readSinceLook = 0
  private var image = Image.notRead

  /// The content of a small file without an overlay, read with one call when something of it is first asked for.
  private enum Image {
    /// Files up to so many bytes are kept. The library reads page by page, and some pages again and again.
    static let mostBytes = 256 << 10

    case notRead
    case read(FileContent)
    /// The file is large, or cannot be read in one piece.
    case none
  }

  /// The state that the file has now, under the lock that this view took on it: for when the lock was let go meanwhile.
  func again() throws(Problem) -> StoreView { try StoreView(path, locking: .none, keeping: file) }

  /// Opens a view of the database at a path. `keeping` keeps an open file, and the locks on it, for as long as the view lives.
  init(_ path: String, locking: Locking, keeping locked: FileHandle? = nil) throws(Problem) {
    let resolved = Paths.resolved(path)
    self.path = resolved
    try Self.refuseOtherThanFile(resolved)
    file = try FileHandle.read(resolved)
    self.locked = locked
    let sidecars = Sidecars(of: resolved)
    var isLocked = false
    switch locking {
    case .shared(let patience), .momentary(let patience):
      try LockBytes.takeShared(file, patience: patience)
      isLocked = true
    case .none, .held: break
    }
    let index = isLocked ? try Self.holdLog(sidecars) : nil
    logIndex = index?.file
    let isReserved = if case .held = locking { false } else { LockBytes.isReserved(file) }
    let stored = DatabaseHeader(try file.read(DatabaseHeader.size, at: 0))
    let found = try Overlay.find(over: file, stored, sidecars, index: index?.header, isReserved: isReserved)
    overlay = found.overlay
    foreign = found.foreign
    status = try file.status()
    logStatus = try? FileStatus.of(sidecars.log)
    header = if let bytes = try overlay?.header() { DatabaseHeader(bytes) } else { stored }
    size = overlay?.size ?? status.size
    stamp = Self.stamp(status, stored, overlay)
    if case .momentary = locking, index == nil {
      LockBytes.release(file)
      isWatched = true
    } else {
      isWatched = false
    }
  }

  /// Reads bytes of the state; less than asked for only at its end.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Problem) -> Int {
    if isWatched { try look(after: buffer.count) }
    let wanted = min(buffer.count, size - offset)
    guard wanted > 0 else { return 0 }
    guard let overlay else {
      let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
      guard let content else { return try file.read(into: target, at: offset) }
      target.copyMemory(from: UnsafeRawBufferPointer(rebasing: content.bytes[offset..<offset + wanted]))
      return wanted
    }
    let pageSize = overlay.pageSize
    var done = 0
    while done < wanted {
      let at = offset + done
      let page = UInt32(at / pageSize + 1)
      let within = at % pageSize
      let count = min(pageSize - within, wanted - done)
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + count])
      let (source, start) = overlay.place(of: page) ?? (file, at - within)
      let got = try source.read(into: part, at: start + within)
      // A page that a log knows and the file does not reach yet is zeros, as SQLite reads it.
      if got < count { part[got...].initializeMemory(as: UInt8.self, repeating: 0) }
      done += count
    }
    return done
  }

  /// The whole of a small file without an overlay; nil for any other, and where it cannot be read in one piece: the reads that
  /// follow say why, page by page.
  var content: FileContent? {
    if case .notRead = image {
      image = .none
      if overlay == nil, size <= Image.mostBytes, let content = try? FileContent(file, size: size) {
        image = .read(content)
      }
    }
    if case .read(let content) = image { return content }
    return nil
  }

  /// Reads bytes of the state.
  func read(_ count: Int, at offset: Int) throws(Problem) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var got = 0
    let result = bytes.withUnsafeMutableBytes { buffer -> Result<Int, Problem> in
      do throws(Problem) { return .success(try read(into: buffer, at: offset)) } catch { return .failure(error) }
    }
    got = try result.get()
    return Array(bytes[..<got])
  }

  /// Throws when what was read through the view is not one state. A live log that is held cannot change under the view; a
  /// file under the reader's lock only when a connection in WAL mode came and went; without a lock, anything may have.
  func confirm(patience: Double) throws(Problem) {
    guard logIndex == nil else { return }
    let now: FileStatus
    if isWatched {
      let view = try StoreView(path, locking: .momentary(patience: patience))
      guard view.stamp == stamp else { throw Self.changed(path) }
      now = view.status
    } else {
      now = try FileStatus.of(path)
    }
    let log = try? FileStatus.of(Sidecars(of: path).log)
    guard now.modified == status.modified, now.size == status.size, now.inode == status.inode,
      log?.modified == logStatus?.modified, log?.size == logStatus?.size
    else { throw Self.changed(path) }
  }

  /// Throws when the view is watched rather than held, and the file was written to since.
  func confirmUnheld() throws(Problem) {
    guard isWatched else { return }
    let now = try file.status()
    guard now.modified == status.modified, now.size == status.size else { throw Self.changed(path) }
  }

  /// The problem of a store that was written to while it was read.
  static func changed(_ path: String) -> Problem {
    Problem(
      .changing, tried: "read one state of", on: path, said: "another process wrote to it meanwhile",
      advice: "Run dbmend again when the application is less busy.", code: "store.changing")
  }

  /// Without a lock: gives up as soon as the file was written to, rather than at the end.
  private func look(after count: Int) throws(Problem) {
    readSinceLook += count
    guard readSinceLook > 8 << 20 else { return }
    readSinceLook = 0
    let now = try file.status()
    guard now.modified == status.modified, now.size == status.size else { throw Self.changed(path) }
  }

  private static func refuseOtherThanFile(_ path: String) throws(Problem) {
    let status = try FileStatus.of(path)
    guard status.kind == .file else {
      throw Problem(
        .damaged, tried: "open the database", on: path, said: "it is a \(status.kind.rawValue), not a file",
        advice: "Name the database file itself.", code: "file.not-a-file")
    }
  }

  /// Keeps a live log from being checkpointed or started over, as a reader's marks do, and reads how far it goes. nil when
  /// no other connection has the log open: its index is then a leftover.
  static func holdLog(_ sidecars: Sidecars) throws(Problem) -> (file: FileHandle, header: LogIndex)? {
    guard let file = try Sidecars.open(sidecars.logIndex),
      FileLock.isHeld(.exclusive, file, start: LogIndex.LockByte.deadMansSwitch, length: 1)
    else { return nil }
    for attempt in 0..<200 {
      if attempt > 0 { usleep(5_000) }
      // Mark 0 holds off checkpoints; any other one holds off that the log is started over from its beginning.
      guard try FileLock.take(.shared, file, start: LogIndex.LockByte.firstReadMark, length: 1) else { continue }
      for mark in (1..<LogIndex.LockByte.readMarks).reversed() {
        guard try FileLock.take(.shared, file, start: LogIndex.LockByte.firstReadMark + mark, length: 1) else {
          continue
        }
        for _ in 0..<100 {
          if let header = try LogIndex(file) { return (file, header) }
          usleep(1_000)
        }
        FileLock.release(file, start: LogIndex.LockByte.firstReadMark + mark, length: 1)
        break
      }
      FileLock.release(file, start: LogIndex.LockByte.firstReadMark, length: 1)
    }
    throw Problem(
      .locked, tried: "get a reader's place in the write-ahead log of", on: sidecars.log,
      said: "a checkpoint or a recovery of another process kept it for a second",
      advice: "Run dbmend again when the checkpoint is over.", code: "store.locked")
  }

  private static func stamp(_ status: FileStatus, _ stored: DatabaseHeader?, _ overlay: Overlay?) -> StoreStamp {
    return StoreStamp(
      size: status.size, modified: status.modified, inode: status.inode, changeCounter: stored?.changeCounter,
      log: overlay?.stamp ?? [])
  }
}
