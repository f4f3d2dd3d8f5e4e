import Synchronization
import Testing

@testable import MendArchive
@testable import MendKit

/// A folder of its own for one test, removed when the test lets it go.
final class Folder {
  let path: String

  init() throws {
    path = try Paths.makeTemporaryFolder("/tmp/dbmend-archive-tests-")
  }

  deinit { try? Paths.removeTree(path) }

  func file(_ name: String) -> String { Paths.join(path, name) }

  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let path = file(name)
    try Paths.removeFile(path)
    let file = try FileHandle.create(path, mode: 0o640)
    try file.write(bytes, at: 0)
    return path
  }

  func names() throws -> [String] { try Paths.names(in: path) }
}

/// A small file system in memory, at a mount point of its own.
final class SmallVolume {
  let path: String

  init(_ folder: Folder, options: String) throws {
    path = folder.file("volume")
    try Paths.makeFolder(path)
    try #require(ChildProcess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]) == .exited(0))
  }

  deinit { _ = ChildProcess.run(["umount", path]) }
}

/// A wall clock that a test sets.
final class TestClock: Sendable {
  private let seconds: Mutex<Int64>

  init(_ seconds: Int64) { self.seconds = Mutex(seconds) }

  func set(_ value: Int64) { seconds.withLock { $0 = value } }

  var clock: Clock { Clock(now: { self.seconds.withLock { $0 } }, steady: { 0 }) }
}

/// 2024-01-15T02:00:00Z.
let noon: Int64 = 1_705_284_000
let day: Int64 = 86400

let identity = StoreIdentity(environment: "production", name: "data", path: "/srv/app/data.db")

func draft(
  _ store: StoreIdentity = identity, verdict: Verdict = .healthy, schema: String? = "create table t (a);\n"
) -> Repository.Draft {
  Repository.Draft(
    store: store, kind: "sqlite", engine: "SQLite 3.40.1", verdict: verdict, reason: "backup",
    rows: ["users": 5, "orders": 17], schema: schema, version: "0.1.0")
}

/// A snapshot of files as they are on the disk, the first one being the main one.
func snapshot(
  _ paths: [String], names: [String]? = nil, sizes: [Int]? = nil, counter: UInt32? = nil,
  confirm: @escaping () throws(Problem) -> Void = {}, release: @escaping () -> Void = {}
) throws -> StoreSnapshot {
  var members: [SnapshotMember] = []
  for (index, path) in paths.enumerated() {
    let file = try FileHandle.read(path)
    let size = try sizes?[index] ?? file.status().size
    members.append(
      SnapshotMember(
        name: names?[index] ?? Paths.name(of: path), size: size, attributes: try FileAttributes(of: file),
        read: { (offset, buffer) throws(Problem) in try file.read(into: buffer, at: offset) }))
  }
  let status = try FileStatus.of(paths[0])
  return StoreSnapshot(
    members: SnapshotMembers(members),
    stamp: StoreStamp(
      size: status.size, modified: status.modified, inode: status.inode, changeCounter: counter, log: [1, .max]),
    confirm: confirm, release: release)
}

/// Bytes that compress a little, the same for the same seed. They repeat, but not within zstd's window.
func noise(_ count: Int, seed: Int = 1) -> [UInt8] {
  var bytes = Array(basis[(seed * 1000)...].prefix(count))
  while bytes.count < count { bytes += basis.prefix(count - bytes.count) }
  return bytes
}

private let basis: [UInt8] = {
  var state: UInt64 = 0x9E37_79B9_7F4A_7C15
  var bytes = [UInt8](repeating: 0, count: 2_500_000)
  for index in bytes.indices {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    bytes[index] = UInt8(truncatingIfNeeded: state) & 0x3F
  }
  return bytes
}()

func bytes(of path: String) throws -> [UInt8] { try FileHandle.read(path).readAll(limit: 1 << 30) }

/// The problem that a body throws.
func problem(_ body: () throws -> Void) throws -> Problem {
  do {
    try body()
  } catch let problem as Problem {
    return problem
  }
  throw Expected()
}

/// Thrown where a problem should have been.
struct Expected: Error {}

func shell(_ text: String) -> ChildProcess.Ending { ChildProcess.run(["sh", "-c", text], output: .none) }

/// A SQLite database with a few rows, made by the shell of SQLite.
func database(_ folder: Folder, _ name: String = "data.db", rows: Int = 1000) throws -> String {
  let path = folder.file(name)
  let sql = """
    create table users (id integer primary key, name text);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < \(rows))
    insert into users select i, 'user ' || i from n;
    """
  try #require(ChildProcess.run(["sqlite3", path, sql]) == .exited(0))
  return path
}

/// A repository with its own folder and clock.
struct Place {
  let folder: Folder
  let clock = TestClock(noon)
  let repository: Repository

  init() throws {
    folder = try Folder()
    repository = Repository(path: folder.file("backups"), clock: clock.clock)
  }

  /// Archives a content of one file, a day after the archive before.
  @discardableResult
  func archive(
    _ content: [UInt8], _ store: StoreIdentity = identity, verdict: Verdict = .healthy, at time: Int64? = nil
  ) throws -> Repository.Record {
    let path = try folder.write("data.db", content)
    if let time { clock.set(time) }
    let record = try repository.write(snapshot([path]), draft: draft(store, verdict: verdict))
    clock.set((time ?? clock.clock.now()) + day)
    return record
  }

  func names() throws -> [String] { try Paths.names(in: repository.path) }
}
