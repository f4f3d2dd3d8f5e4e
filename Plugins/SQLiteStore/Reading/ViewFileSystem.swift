import CSQLite
import MendKit
import Synchronization

/// A read-only file system for SQLite that shows `StoreView`s as database files. With it the library reads a live store
/// without opening it: no lock of its own, no `-wal`, no `-shm`, no journal to roll back.
enum ViewFileSystem {
  static let name = "dbmend-view"

  /// Registers the file system once and lends it a view; the file's name for SQLite, to be given back by `withdraw`.
  static func lend(_ view: StoreView) -> String {
    _ = registered
    let held = LentView(view: view)
    return lent.withLock { state in
      state.next += 1
      let name = "/view-\(state.next)"
      state.views[name] = held
      return name
    }
  }

  /// Takes a view back; to be called when the connection on it is closed.
  static func withdraw(_ name: String) {
    lent.withLock { state in state.views[name] = nil }
  }

  private struct Lent: ~Copyable {
    var views: [String: LentView] = [:]
    var next = 0
  }

  /// Unchecked, since a view is only ever read on the thread that runs its connection; the table merely keeps it alive.
  private struct LentView: @unchecked Sendable {
    let view: StoreView
  }

  private static let lent = Mutex(Lent())

  /// What SQLite allocates for an open file: its own part first, then the view. The view is kept alive by `lent`.
  private struct ViewFile {
    var base: sqlite3_file
    var view: Unmanaged<StoreView>?
  }

  private static let registered: Bool = {
    _ = Connection.isConfigured
    guard let system = sqlite3_vfs_find(nil) else { return false }
    // Both live as long as the process, as SQLite asks of what is registered with it.
    let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    vfs.initialize(to: system.pointee)
    vfs.pointee.iVersion = 1
    vfs.pointee.pNext = nil
    vfs.pointee.szOsFile = max(system.pointee.szOsFile, Int32(MemoryLayout<ViewFile>.size))
    vfs.pointee.zName = UnsafePointer(strdup(name))
    vfs.pointee.pAppData = UnsafeMutableRawPointer(system)
    vfs.pointee.xOpen = open
    vfs.pointee.xAccess = { _, _, _, result in
      result?.pointee = 0
      return SQLITE_OK
    }
    vfs.pointee.xFullPathname = { _, name, size, buffer in
      guard let name, let buffer, strlen(name) < Int(size) else { return SQLITE_CANTOPEN }
      strcpy(buffer, name)
      return SQLITE_OK
    }
    return sqlite3_vfs_register(vfs, 0) == SQLITE_OK
  }()

  /// A view for the main database; anything else (a sorter's temporary file) goes to the system's own file system.
  private static let open:
    @convention(c) (
      UnsafeMutablePointer<sqlite3_vfs>?, UnsafePointer<CChar>?, UnsafeMutablePointer<sqlite3_file>?, Int32,
      UnsafeMutablePointer<Int32>?
    ) -> Int32 = { vfs, name, file, flags, outFlags in
      guard let file else { return SQLITE_CANTOPEN }
      guard flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL) == 0 else { return SQLITE_CANTOPEN }
      guard flags & SQLITE_OPEN_MAIN_DB != 0 else {
        guard let data = vfs?.pointee.pAppData else { return SQLITE_CANTOPEN }
        let system = data.assumingMemoryBound(to: sqlite3_vfs.self)
        return system.pointee.xOpen(system, name, file, flags, outFlags)
      }
      guard let name else { return SQLITE_CANTOPEN }
      let key = String(cString: name)
      let view = ViewFileSystem.lent.withLock { $0.views[key] }
      guard let view else { return SQLITE_CANTOPEN }
      file.withMemoryRebound(to: ViewFile.self, capacity: 1) { file in
        file.pointee.view = Unmanaged.passUnretained(view.view)
        file.pointee.base.pMethods = UnsafePointer(methods)
      }
      outFlags?.pointee = flags
      return SQLITE_OK
    }

  /// Written once before the file system is registered, and only read afterwards.
  nonisolated(unsafe) private static let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
    let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    var table = sqlite3_io_methods()
    table.iVersion = 1
    table.xClose = { _ in SQLITE_OK }
    table.xRead = { file, buffer, count, offset in
      guard let file, let buffer else { return csqlite_ioerr_read }
      let view = file.withMemoryRebound(to: ViewFile.self, capacity: 1) { $0.pointee.view }
      guard let view else { return csqlite_ioerr_read }
      return read(view.takeUnretainedValue(), buffer, Int(count), Int(offset))
    }
    table.xFileSize = { file, size in
      guard let view = file?.withMemoryRebound(to: ViewFile.self, capacity: 1, { $0.pointee.view }) else {
        return csqlite_ioerr_fstat
      }
      size?.pointee = Int64(view.takeUnretainedValue().size)
      return SQLITE_OK
    }
    table.xWrite = { _, _, _, _ in SQLITE_READONLY }
    table.xTruncate = { _, _ in SQLITE_READONLY }
    table.xSync = { _, _ in SQLITE_OK }
    table.xLock = { _, _ in SQLITE_OK }
    table.xUnlock = { _, _ in SQLITE_OK }
    table.xCheckReservedLock = { _, held in
      held?.pointee = 0
      return SQLITE_OK
    }
    table.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
    table.xSectorSize = { _ in 4096 }
    table.xDeviceCharacteristics = { _ in 0 }
    methods.initialize(to: table)
    return methods
  }()

  private static func read(_ view: StoreView, _ buffer: UnsafeMutableRawPointer, _ count: Int, _ offset: Int) -> Int32 {
    let target = UnsafeMutableRawBufferPointer(start: buffer, count: count)
    do throws(Problem) {
      let got = try view.read(into: target, at: offset)
      // The library would look for the log itself where the header says WAL; the view has it overlaid already.
      for at in 18...19 where at >= offset && at < offset + got {
        if target[at - offset] == 2 { target[at - offset] = 1 }
      }
      guard got < count else { return SQLITE_OK }
      target[got...].initializeMemory(as: UInt8.self, repeating: 0)
      return csqlite_ioerr_short_read
    } catch {
      view.problem = error
      return csqlite_ioerr_read
    }
  }
}
