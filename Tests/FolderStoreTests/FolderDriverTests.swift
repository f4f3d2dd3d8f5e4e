import FolderStore
import JSONStore
import MendKit
import TestSupport
import Testing

@Suite("Folders")
struct FolderDriverTests {
  private let folder: TemporaryFolder
  private var place: String { folder.file("docs") }
  private let driver = FolderDriver(documents: JSONDriver())

  init() throws {
    folder = try TemporaryFolder("dbmend-folder")
    try write("a.txt", "first")
    try write("sub/b.json", #"{"name": "Ada"}"#)
    try write("sub/deep/c.bin", "third")
    symlink("../a.txt", place + "/sub/link")
  }

  private func write(_ name: String, _ text: String) throws {
    try Paths.makeFolder(Paths.folder(of: place + "/" + name))
    try Durable.write(Array(text.utf8), to: place + "/" + name)
  }

  private func names(_ options: [OptionPair] = []) throws -> [String] {
    let driver = try driver.configured(by: Options(options, defaults: driver.description))
    let snapshot = try driver.snapshot(place, form: .consistent, staging: nil, patience: 0)
    return snapshot.members.map(\.name)
  }

  private func patterns(_ key: String, _ patterns: String...) -> [OptionPair] {
    [OptionPair(key, .list(patterns.map { .string($0) }))]
  }

  private func verify() throws -> [Finding] {
    let session = try driver.open(place, patience: 0)
    defer { session.end() }
    return try session.verifyIntegrity(IntegrityRequest())
  }

  @Test("a snapshot has the folder and everything below it, links as links")
  func snapshot() throws {
    #expect(
      try names() == [
        "docs", "docs/a.txt", "docs/sub", "docs/sub/b.json", "docs/sub/deep", "docs/sub/deep/c.bin", "docs/sub/link",
      ])
    let snapshot = try driver.snapshot(place, form: .consistent, staging: nil, patience: 0)
    #expect(snapshot.members.last?.kind == .link("../a.txt"))
    #expect(snapshot.stamp.size == 25)
  }

  @Test("patterns include and exclude files and folders")
  func filters() throws {
    #expect(try names(patterns("exclude", "deep/")).contains { $0.contains("deep") } == false)
    #expect(
      try names(patterns("exclude", "*.txt", "sub/**/*.bin")) == [
        "docs", "docs/sub", "docs/sub/b.json", "docs/sub/deep", "docs/sub/link",
      ])
    #expect(try names(patterns("include", "**/*.json")) == ["docs", "docs/sub", "docs/sub/b.json", "docs/sub/deep"])
    #expect(try names(patterns("include", "sub/deep")).contains("docs/sub/deep/c.bin"))
    #expect(try names(patterns("exclude", "?.txt")).contains("docs/a.txt") == false)
    #expect(try names(patterns("exclude", "/b.json")).contains("docs/sub/b.json"))
  }

  @Test("what is dbmend's own is no part of the store")
  func own() throws {
    try write("dbmend-archives/x.tar.zst", "x")
    try write(".dbmend-work-ab/x", "x")
    try write("backups/.dbmend.lock", "")
    #expect(try names().count == 7)
  }

  @Test("JSON files are checked as JSON, and where they stop being so is told with the file")
  func documents() throws {
    #expect(try verify().isEmpty)
    try write("sub/b.json", #"{"name": "#)
    let findings = try verify()
    #expect(findings.map(\.code) == ["file.malformed"])
    #expect(findings.first?.location.file == "sub/b.json")
    #expect(findings.first?.location.byte == 9)
    #expect(findings.first?.message.hasPrefix("sub/b.json: ") == true)
    let other = try driver.configured(by: Options([OptionPair("json", .boolean(false))], defaults: driver.description))
    #expect(try other.open(place, patience: 0).verifyIntegrity(IntegrityRequest()).isEmpty)
  }

  @Test("many damaged files are told by the first few, and the rest is counted")
  func many() throws {
    for number in 0..<20 { try write("j/\(number).json", "{") }
    let findings = try verify()
    #expect(findings.count == 5)
    #expect(findings.reduce(0) { $0 + $1.count } == 20)
  }

  @Test("pipes, sockets and links out of the folder are not opened")
  func special() throws {
    mkfifo(place + "/pipe.json", 0o600)
    symlink("/dev/zero", place + "/zero.json")
    symlink("/", place + "/root")
    let findings = try verify()
    #expect(findings.map(\.code) == ["file.special"])
    #expect(findings.first?.location.file == "pipe.json")
    #expect(try names().contains("docs/pipe.json") == false)
    #expect(try names().contains("docs/root"))
    #expect(try names().contains { $0.hasPrefix("docs/root/") } == false)
  }

  @Test("the stamp changes with every name, size, time, owner and mode, and with nothing else")
  func stamps() throws {
    var seen: [StoreStamp] = [try driver.stamp(place)]
    #expect(try driver.stamp(place) == seen[0])
    for change in ["touch a.txt", "chmod 600 a.txt", "mv a.txt b.txt", "rm sub/link", "mkdir new", "printf x >> b.txt"]
    {
      _ = try run("sh", "-c", "cd \(place) && \(change)")
      let stamp = try driver.stamp(place)
      #expect(!seen.contains(stamp), "\(change)")
      seen.append(stamp)
    }
  }

  @Test("a large file that grows while it is read is no member; one that was copied first is")
  func growing() throws {
    let path = place + "/large.bin"
    let before = [UInt8](repeating: 7, count: 300_000)
    try FileHandle.create(path, mode: 0o644).write(before, at: 0)
    let grow = { try FileHandle.update(path).write(Array("longer".utf8), at: FileStatus.of(path).size) }
    let snapshot = try driver.snapshot(place, form: .consistent, staging: nil, patience: 0)
    let member = try #require(snapshot.members.first { $0.name == "docs/large.bin" })
    try grow()
    #expect(throws: Problem.self) { try member.write(to: folder.file("copy")) }
    let staging = folder.file("staging")
    try Paths.makeFolder(staging)
    let staged = try driver.snapshot(place, form: .consistent, staging: staging, patience: 0)
    let copy = try #require(staged.members.first { $0.name == "docs/large.bin" })
    try grow()
    try copy.write(to: folder.file("copy-2"))
    #expect(try Paths.names(in: staging).isEmpty)
    #expect(try FileHandle.read(folder.file("copy-2")).readAll(limit: 1 << 20) == before + Array("longer".utf8))
  }

  @Test("small files are members as they were when they were read, in whatever order they are asked for")
  func ahead() throws {
    for number in 0..<300 {
      try FileHandle.create(place + "/small-\(1000 + number)", mode: 0o640).write(Array("\(number)".utf8), at: 0)
    }
    let members = try driver.snapshot(place, form: .consistent, staging: nil, patience: 0).members
    let places = Array(members.indices)
    for order in [places, places.reversed(), places.map { $0 * 7 % places.count }] {
      for place in order {
        let member = members[place]
        guard let number = member.name.split(separator: "-").last.flatMap({ Int($0) }) else { continue }
        var bytes: [UInt8] = []
        _ = try member.read { (part) throws(Problem) in
          bytes += part
          return true
        }
        #expect(String(decoding: bytes, as: UTF8.self) == "\(number - 1000)")
        #expect(member.size == bytes.count)
        #expect(member.attributes.mode == 0o640)
      }
    }
  }

  @Test("a file under the store's name is no folder, and a missing one is missing")
  func noFolder() throws {
    for (path, kind) in [(place + "/a.txt", Problem.Kind.damaged), (place + "/none", .missing)] {
      do throws(Problem) {
        _ = try driver.open(path, patience: 0)
        Issue.record("\(path) is no folder")
      } catch {
        #expect(error.kind == kind)
      }
    }
  }

  @Test("a name that is not UTF-8 is said, since it could not be spoken of")
  func names() throws {
    _ = try run("sh", "-c", "touch \"\(place)/$(printf 'a\\377')\"")
    do throws(Problem) {
      _ = try driver.open(place, patience: 0)
      Issue.record("that name cannot be listed")
    } catch {
      #expect(error.kind == .unsupported)
      #expect(error.said == "its name is not valid UTF-8")
    }
  }
}
