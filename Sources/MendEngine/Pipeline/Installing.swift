import MendArchive
import MendKit

extension Engine {
  /// Puts a verified copy in the place of a store, the journal written before it. Where a file is, the driver exchanges it
  /// under the engine's own lock; where none is, the copy gets the name, with the attributes that an archive remembers.
  /// `expected` is the state that the store must still be in.
  func install(
    _ copy: String, over store: ManagedStore, _ driver: any Driver, expected: StoreStamp?,
    attributes: FileAttributes?, entry: inout Journal.Entry, journal: Journal
  ) throws(Problem) {
    observer.began(.installing(store.identity))
    try driver.settle(copy)
    let isMissing = !store.isThere
    if (try? FileStatus.of(copy, followLinks: false))?.kind == .file {
      let file = try FileHandle.update(copy)
      if isMissing, let attributes { try attributes.apply(to: file) }
      try file.sync()
      file.close()
    }
    entry.phase = .installing
    entry.old = Journal.FileMark(of: store.path)
    entry.new = Journal.FileMark(of: copy)
    try journal.put(entry)
    let start = Clock.system.steady()
    while true {
      do throws(Problem) {
        return try driver.install(copy, over: store.path, expected: isMissing ? nil : expected, patience: patience)
      } catch {
        guard error.code == "store.in-use", Clock.system.steady() - start < waiting(for: error.blockers) else {
          throw error
        }
        usleep(10_000)
      }
    }
  }

  /// How long to wait for processes that have a store open. Another run of dbmend only reads it, and ends; an application may be a
  /// short query, or one that stays.
  private func waiting(for openers: [Blocker]) -> Double {
    openers.allSatisfy { $0.program == "dbmend" } ? patience : min(patience, 0.5)
  }

  /// Says where the store is that a server keeps beside the one that replaced it.
  func noteReplaced(_ store: ManagedStore, _ driver: any Driver, in report: inout StoreReport) {
    guard let note = (driver as? any ServerDriver)?.replaced(at: store.path) else { return }
    report.notes.append(note)
  }

  /// An archive's store as a copy in a folder, verified against the manifest, with the attributes that it had.
  func unpack(
    _ record: Repository.Record, of store: ManagedStore, _ driver: any Driver, into folder: String
  ) throws(Problem) -> (path: String, attributes: FileAttributes) {
    observer.began(.extracting(store.identity))
    let members = try repository(of: store).extract(record, into: folder)
    guard let main = members.first else {
      throw Problem(.archive, tried: "extract", on: record.path, said: "it holds no file")
    }
    let copy = try driver.assemble(members.map(\.path), in: folder, for: store.path)
    try driver.settle(copy)
    return (copy, main.attributes)
  }
}
