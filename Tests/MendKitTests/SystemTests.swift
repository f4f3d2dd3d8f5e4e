import Foundation
import MendKit
import Testing

@Suite("The edge of the system")
struct SystemTests {
  private let folder: String

  init() throws { folder = try Paths.makeTemporaryFolder("/tmp/dbmend-kit-") }

  @Test("paths are made absolute and resolved, and a missing last part keeps its resolved folder")
  func paths() throws {
    defer { try? Paths.removeTree(folder) }
    try Paths.makeFolder(folder + "/real/deep")
    symlink("real", folder + "/link")
    #expect(Paths.resolved(folder + "/link/deep/../none.db") == folder + "/real/none.db")
    #expect(Paths.absolute("/a/./b//../c") == "/a/c")
    #expect(Paths.join("/a", "b") == "/a/b")
    #expect(Paths.join("/a", "/b") == "/b")
    #expect(Paths.name(of: "/a/b.db") == "b.db")
    #expect(Paths.folder(of: "b.db") == ".")
    try Paths.removeTree(folder + "/link")
    #expect(FileStatus.exists(folder + "/real/deep"))
  }

  @Test("a durable write replaces the whole content, and leaves the old one when the disk is full")
  func durable() throws {
    defer { try? Paths.removeTree(folder) }
    let path = folder + "/state"
    try Durable.write(Array("one".utf8), to: path)
    try Durable.write(Array("two".utf8), to: path)
    #expect(try FileHandle.read(path).readAll(limit: 100) == Array("two".utf8))
    #expect(ChildProcess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", folder]) == .exited(0))
    defer { _ = ChildProcess.run(["umount", folder]) }
    try Durable.write(Array("old".utf8), to: path)
    do {
      try Durable.write([UInt8](repeating: 1, count: 1 << 20), to: path)
      Issue.record("a megabyte does not fit into 64 kB")
    } catch {
      #expect(error.kind == .noSpace)
      #expect(error.code == "disk.full")
    }
    #expect(try FileHandle.read(path).readAll(limit: 100) == Array("old".utf8))
    #expect(try Paths.names(in: folder) == ["state"])
  }

  @Test("a rename that must not replace says that the name is taken")
  func exclusiveRename() throws {
    defer { try? Paths.removeTree(folder) }
    try Durable.write([1], to: folder + "/a")
    try Durable.write([2], to: folder + "/b")
    #expect(try Durable.renameIfFree(folder + "/a", to: folder + "/b") == false)
    #expect(try Durable.renameIfFree(folder + "/a", to: folder + "/c"))
  }

  @Test("locks of one open file exclude those of another, and closing a third drops none")
  func locks() throws {
    defer { try? Paths.removeTree(folder) }
    try Durable.write([1], to: folder + "/a")
    let one = try FileHandle.update(folder + "/a")
    let other = try FileHandle.update(folder + "/a")
    #expect(try FileLock.take(.exclusive, one, start: 0, length: 1))
    try FileHandle.read(folder + "/a").close()
    #expect(try !FileLock.take(.shared, other, start: 0, length: 1))
    FileLock.release(one, start: 0, length: 1)
    #expect(try FileLock.take(.shared, other, start: 0, length: 1))
  }

  @Test("a program's end is told as a shell would")
  func children() {
    #expect(ChildProcess.run(["sh", "-c", "exit 7"]).shellCode == 7)
    #expect(ChildProcess.run(["sh", "-c", "kill -9 $$"]).shellCode == 137)
    #expect(ChildProcess.run(["/no/such/program"]).shellCode == 127)
    #expect(ChildProcess.run(["/etc/passwd"]).shellCode == 126)
    #expect(
      ChildProcess.run(
        ["sh", "-c", "test \"$GIVEN\" = yes && test \"$(pwd)\" = /"], folder: "/", environment: ["GIVEN": "yes"])
        == .exited(0))
  }

  @Test("times are told in UTC and read back", arguments: [0, 1_705_284_000, 951_782_400, 4_102_444_799])
  func times(_ seconds: Int64) {
    let time = UTCTime(seconds: seconds)
    #expect(UTCTime(iso: time.iso)?.seconds == seconds)
    #expect(UTCTime(seconds: 1_705_284_000).compact == "20240115_020000")
    #expect(UTCTime(iso: "2024-13-15T02:00:00Z") == nil)
  }

  @Test("a problem says what was tried, on what, what the system said, and what to do")
  func problems() {
    let problem = SystemError.problem("open", "/data/app.db", EACCES)
    #expect(
      problem.description
        == "could not open /data/app.db: Permission denied. Run dbmend as the file's owner or as root.")
    #expect(SystemError.problem("write", "/x", ENOSPC).kind == .noSpace)
  }

  @Test("any time that an archive may name can be given to a file", arguments: [Int64.min, -1, 0, 1, .max])
  func archivedTimes(_ time: Int64) throws {
    let file = try FileHandle.create(Paths.join(folder, "a"), mode: 0o600)
    FileTimes.set(time, of: file)
    let modified = try file.status().modified
    #expect(!(-1...1).contains(time) || modified == time)
  }

  @Test("a folder goes with what is in it, also where a name in it is no text")
  func removeTree() throws {
    let tree = Paths.join(folder, "tree")
    try Paths.makeFolder(Paths.join(tree, "sub"))
    for name in [[0x61, 0xFF], [0xC0, 0x80]] as [[UInt8]] {
      let path = (tree + "/sub/").utf8.map { CChar(bitPattern: $0) } + name.map { CChar(bitPattern: $0) } + [0]
      #expect(mkdir(path, 0o755) == 0)
    }
    #expect(symlink("/etc", Paths.join(tree, "link")) == 0)
    try Paths.removeTree(tree)
    #expect(!FileStatus.exists(tree) && FileStatus.exists("/etc/passwd"))
  }
}
