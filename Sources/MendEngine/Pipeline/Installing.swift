import MendArchive
import MendKit

extension Engine {
  /// Puts a verified copy in the place of a store, the journal written before it. Where a file is, the driver exchanges it
  /// under the engine's own lock; where none is, the copy gets the name, with the attributes that an archive remembers.
  /// `expected` is the state that the store must still be in. Sentences about what else was done are returned.
  func install(
    _ copy: String, over store: ManagedStore, _ driver: any Driver, expected: StoreStamp?,
    attributes: FileAttributes?, entry: inout Journal.Entry, journal: Journal
  ) throws(Problem) -> [String] {
    observer.began(.installing(store.identity))
    try settle(copy, driver)
    let file = try FileHandle.read(copy)
    try file.sync()
    file.close()
    entry.phase = .installing
    entry.old = Journal.FileMark(of: store.path)
    entry.new = Journal.FileMark(of: copy)
    try journal.put(entry)
    guard FileStatus.exists(store.path) else {
      return try move(copy, to: store, driver, attributes: attributes)
    }
    try driver.install(copy, over: store.path, expected: expected, patience: patience)
    return []
  }

  private func move(
    _ copy: String, to store: ManagedStore, _ driver: any Driver, attributes: FileAttributes?
  ) throws(Problem) -> [String] {
    var notes: [String] = []
    // What is left of the file that was there, a log above all, would be replayed into the new one.
    for sidecar in driver.sidecars(of: store.path) where FileStatus.exists(sidecar) {
      let name = "\(sidecar).set-aside-\(UTCTime(seconds: clock.now()).compact)"
      guard try Durable.renameIfFree(sidecar, to: name) else { throw Engine.changedMeanwhile(store) }
      notes.append("\(Paths.name(of: sidecar)) stood there without its store and is now called \(Paths.name(of: name)).")
    }
    let file = try FileHandle.update(copy)
    defer { file.close() }
    if let attributes { try attributes.apply(to: file) }
    try file.sync()
    guard try Durable.renameIfFree(copy, to: store.path) else {
      throw Problem(
        .changing, tried: "put the store in its place at", on: store.writtenPath, said: "a file has appeared there",
        advice: "See what made it, and run dbmend again.")
    }
    return notes
  }

  /// An archive's store as one file in a folder, verified against the manifest, with the attributes that it had.
  func unpack(
    _ record: Repository.Record, of store: ManagedStore, _ driver: any Driver, into folder: String
  ) throws(Problem) -> (path: String, attributes: FileAttributes) {
    observer.began(.extracting(store.identity))
    let members = try repository(of: store).extract(record, into: folder)
    guard let main = members.first else {
      throw Problem(.archive, tried: "extract", on: record.path, said: "it holds no file")
    }
    try settle(main.path, driver)
    return (main.path, main.attributes)
  }
}
