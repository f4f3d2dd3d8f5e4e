import MendKit

/// What a run is about to change, on the disk before anything beside a store is changed, and removed when it is done. The
/// next run reads in it what one that died left behind.
final class Journal {
  static let name = ".dbmend-journal.json"
  static let format = "dbmend.journal/1"

  let path: String
  /// What the run is, such as `preflight`.
  let action: String
  private let started: Int64
  private(set) var entries: [Entry] = []

  init(repository: String, action: String, started: Int64) {
    path = Paths.join(repository, Journal.name)
    self.action = action
    self.started = started
  }

  /// Where one store stands.
  struct Entry: Sendable, Hashable {
    var store: StoreIdentity
    var phase: Phase
    /// The folder beside the store in which copies of it are.
    var work: String?
    /// The store's file as it was.
    var old: FileMark?
    /// The verified copy that takes its place.
    var new: FileMark?
    /// The archive that holds the old content.
    var archive: String?
    /// The command after `--`, where one ran or runs.
    var command: String?

    /// How far the run is with the store.
    enum Phase: String, Sendable {
      /// Nothing but the work folder was touched.
      case working
      /// The copy is being put in the store's place.
      case installing
      /// The command runs.
      case command
      /// The run ended, and what the command changed could not be put back.
      case notPutBack = "not-put-back"
    }
  }

  /// Which file it is, and whether it was written to.
  struct FileMark: Sendable, Hashable {
    var inode: UInt64
    var size: Int
    var modified: Int64

    init(inode: UInt64, size: Int, modified: Int64) {
      self.inode = inode
      self.size = size
      self.modified = modified
    }

    /// The mark of the file at a path; nil when there is none.
    init?(of path: String) {
      guard let status = try? FileStatus.of(path) else { return nil }
      self.init(inode: status.inode, size: status.size, modified: status.modified)
    }
  }

  /// Writes down where a store stands, in place of what was written of it before.
  func put(_ entry: Entry) throws(Problem) { try put([entry]) }

  /// Writes down where several stores stand, with one write.
  func put(_ new: [Entry]) throws(Problem) {
    let before = entries
    entries.removeAll { entry in new.contains { $0.store == entry.store } }
    entries += new
    do throws(Problem) {
      try write()
    } catch {
      entries = before
      throw error
    }
  }

  /// Strikes a store off: nothing of it is left half done. The last one takes the file with it.
  func strike(_ store: StoreIdentity) throws(Problem) {
    guard entries.contains(where: { $0.store == store }) else { return }
    entries.removeAll { $0.store == store }
    guard entries.isEmpty else { return try write() }
    try Paths.removeFile(path)
    try Durable.syncFolder(Paths.folder(of: path))
  }

  private func write() throws(Problem) {
    let value = JSONValue.object([
      "format": .string(Journal.format), "pid": .integer(Int(getpid())), "started": .integer(Int(started)),
      "action": .string(action), "stores": .array(entries.map(\.json)),
    ])
    try Durable.write(value.utf8(pretty: true), to: path, mode: 0o600)
  }
}

/// A journal as an earlier run left it.
struct LeftJournal {
  /// The process that wrote it.
  var pid: Int
  /// When that run began, in seconds since 1970.
  var started: Int64
  var action: String
  var entries: [Journal.Entry]

  /// Reads the journal of a repository; nil when there is none. Its content is not vouched for by anyone.
  static func read(_ path: String) throws(Problem) -> LeftJournal? {
    guard FileStatus.exists(path) else { return nil }
    let file = try FileHandle.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, tried: "open the journal")
    defer { file.close() }
    let bytes = try file.readAll(limit: 1 << 20)
    let value: JSONValue
    do throws(JSONSyntaxError) {
      value = try JSONValue(parsing: bytes)
    } catch {
      throw unreadable(path, error.description)
    }
    guard value["format"]?.string == Journal.format else { throw unreadable(path, "it is of another format") }
    guard let pid = value["pid"]?.integer, let started = value["started"]?.integer,
      let action = value["action"]?.string, let stores = value["stores"]?.array
    else { throw unreadable(path, "a part of it is missing") }
    var entries: [Journal.Entry] = []
    for store in stores {
      guard let entry = Journal.Entry(store) else { throw unreadable(path, "the entry of a store is incomplete") }
      entries.append(entry)
    }
    return LeftJournal(pid: pid, started: Int64(started), action: action, entries: entries)
  }

  private static func unreadable(_ path: String, _ said: String) -> Problem {
    Problem(
      .system, tried: "read the journal of an earlier run", on: path, said: said,
      advice: "Check the stores of this repository, and remove the folders .dbmend-work-* beside them.")
  }
}

extension Journal.Entry {
  fileprivate var json: JSONValue {
    .object([
      "environment": .string(store.environment), "store": .string(store.name), "path": .string(store.path),
      "phase": .string(phase.rawValue), "work": work.map { .string($0) }, "old": old?.json, "new": new?.json,
      "archive": archive.map { .string($0) }, "command": command.map { .string($0) },
    ])
  }

  fileprivate init?(_ value: JSONValue) {
    guard let environment = value["environment"]?.string, let name = value["store"]?.string,
      let path = value["path"]?.string, path.hasPrefix("/") || StorePath.isURI(path),
      let phase = value["phase"]?.string.flatMap(Phase.init(rawValue:))
    else { return nil }
    self.init(
      store: StoreIdentity(environment: environment, name: name, path: path), phase: phase,
      work: value["work"]?.string, old: Journal.FileMark(value["old"]), new: Journal.FileMark(value["new"]),
      archive: value["archive"]?.string, command: value["command"]?.string)
  }
}

extension Journal.FileMark {
  fileprivate var json: JSONValue {
    .object([
      "inode": .integer(Int(truncatingIfNeeded: inode)), "size": .integer(size), "modified": .integer(Int(modified)),
    ])
  }

  fileprivate init?(_ value: JSONValue?) {
    guard let inode = value?["inode"]?.integer, let size = value?["size"]?.integer,
      let modified = value?["modified"]?.integer
    else { return nil }
    self.init(inode: UInt64(truncatingIfNeeded: inode), size: size, modified: Int64(modified))
  }
}
