import Testing

@testable import MendArchive
@testable import MendKit

@Suite("Writing archives") struct WritingTests {
  @Test("an archive restores with tar and sqlite3 alone")
  func standardTools() throws {
    let place = try Place()
    let path = try database(place.folder)
    let record = try place.repository.write(snapshot([path]), draft: draft())
    let out = place.folder.file("out")
    try Paths.makeFolder(out)
    #expect(ChildProcess.run(["tar", "-xf", record.path, "-C", out]) == .exited(0))
    #expect(try Paths.names(in: out) == ["data.db", "manifest.json", "schema.sql"])
    #expect(try bytes(of: out + "/data.db") == bytes(of: path))
    #expect(try bytes(of: out + "/schema.sql") == Array("create table t (a);\n".utf8))
    #expect(
      shell("test \"$(sqlite3 \(out)/data.db 'pragma integrity_check; select count(*) from users')\" = \"ok\n1000\"")
        == .exited(0))
    let status = try FileStatus.of(out + "/data.db")
    #expect(status.modified / 1_000_000_000 == (try FileStatus.of(path)).modified / 1_000_000_000)
  }

  @Test("the name says environment, store and time in UTC, and only the owner may read archive, copy and folder")
  func namesAndModes() throws {
    let place = try Place()
    let record = try place.archive([1, 2, 3])
    #expect(
      try place.names() == [
        "production_data_20240115_020000.manifest.json", "production_data_20240115_020000.tar.zst",
      ])
    #expect(try FileStatus.of(record.path).mode == 0o600)
    #expect(try FileStatus.of(ArchiveFile.copy(of: record.path)).mode == 0o600)
    #expect(try FileStatus.of(place.repository.path).mode == 0o700)
    #expect(record.size == (try FileStatus.of(record.path)).size)
  }

  @Test("characters that are unsafe in a file name become dashes")
  func unsafeNames() throws {
    let place = try Place()
    let store = StoreIdentity(environment: "../eu west", name: "a/b$(rm)\u{e9}", path: "/x")
    let record = try place.archive([1], store)
    #expect(Paths.name(of: record.path) == "-.-eu-west_a-b--rm--_20240115_020000.tar.zst")
    #expect(try place.repository.records(of: store).count == 1)
  }

  @Test("the manifest holds sizes, checksums and attributes as other tools compute them")
  func manifest() throws {
    let place = try Place()
    let content = noise(3_000_000)
    let record = try place.archive(content)
    let manifest = try #require(record.manifest)
    let member = try #require(manifest.members.first)
    #expect(member.size == content.count)
    #expect(member.attributes?.mode == 0o640)
    #expect(
      shell("sha256sum \(place.folder.file("data.db")) | grep -q ^\(member.sha256)") == .exited(0))
    #expect(manifest.schema == "schema.sql")
    #expect(manifest.rows == ["users": 5, "orders": 17])
    #expect(try place.repository.records().first?.manifest == manifest)
  }

  @Test("extended attributes and access control lists are kept by tar and by the manifest")
  func extendedAttributes() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(5000))
    let file = try FileHandle.update(path)
    // POSIX.1e: version 2; owner rw-, user 1 r--, group r--, mask r--, others ---.
    let list: [UInt8] =
      [2, 0, 0, 0] + [1, 0, 6, 0, 255, 255, 255, 255] + [2, 0, 4, 0, 1, 0, 0, 0] + [4, 0, 4, 0, 255, 255, 255, 255]
      + [16, 0, 4, 0, 255, 255, 255, 255] + [32, 0, 0, 0, 255, 255, 255, 255]
    var attributes = try FileAttributes(of: file)
    attributes.extended = ["user.origin": [0, 10, 255, 61], "system.posix_acl_access": list]
    attributes.user = 4_000_000
    try attributes.apply(to: file)
    let applied = try FileAttributes(of: file)
    let record = try place.repository.write(snapshot([path]), draft: draft())
    let out = place.folder.file("out")
    let members = try place.repository.extract(record, into: out)
    #expect(members.first?.attributes == applied)
    #expect(applied.extended["system.posix_acl_access"] == list)
    let reader = try TarReader(record.path)
    let entry = try #require(try reader.next())
    #expect(entry.attributes == applied)
    let tar = place.folder.file("tar")
    try Paths.makeFolder(tar)
    #expect(
      ChildProcess.run(["tar", "--xattrs", "--xattrs-include=*", "-xpf", record.path, "-C", tar]) == .exited(0))
    #expect(try FileAttributes(of: FileHandle.read(tar + "/data.db")) == applied)
  }

  @Test("names beyond ASCII and in folders survive, in any locale")
  func memberNames() throws {
    let place = try Place()
    let first = try place.folder.write("a", noise(100))
    let second = try place.folder.write("b", noise(200, seed: 2))
    let names = ["donn\u{e9}es/\u{6570}\u{636e}.db", String(repeating: "long/", count: 60) + "b"]
    let record = try place.repository.write(snapshot([first, second], names: names), draft: draft(schema: nil))
    let members = try place.repository.extract(record, into: place.folder.file("out"))
    #expect(members.map(\.name) == names)
    #expect(try members.map { try bytes(of: $0.path) } == [noise(100), noise(200, seed: 2)])
  }

  @Test("a store's own manifest.json and schema.sql are not mistaken for the archive's")
  func clashingNames() throws {
    let place = try Place()
    let paths = [try place.folder.write("manifest.json", [1]), try place.folder.write("schema.sql", [2])]
    let record = try place.repository.write(snapshot(paths), draft: draft())
    try Paths.removeFile(ArchiveFile.copy(of: record.path))
    let opened = try Repository.open(archiveAt: record.path)
    #expect(opened.manifest == record.manifest)
    try place.repository.verify(opened)
    let members = try place.repository.extract(opened, into: place.folder.file("out"))
    #expect(try members.map { try bytes(of: $0.path) } == [[1], [2]])
    #expect(try place.repository.schema(of: opened) == "create table t (a);\n")
  }

  @Test("two archives of the same second get two names")
  func sameSecond() throws {
    let place = try Place()
    let records = try (1...3).map { try place.archive([UInt8($0)], at: noon) }
    #expect(
      records.map { Paths.name(of: $0.path) } == [
        "production_data_20240115_020000.tar.zst", "production_data_20240115_020000-2.tar.zst",
        "production_data_20240115_020000-3.tar.zst",
      ])
    #expect(try place.repository.records().map(\.path) == records.map(\.path))
  }

  @Test("a clock that goes back does not change the order")
  func clockBack() throws {
    let place = try Place()
    let old = try place.archive([1], at: noon)
    let new = try place.archive([2], at: noon - 30 * day)
    #expect(try place.repository.records().map(\.path) == [old.path, new.path])
    #expect(try place.repository.backups(of: identity).newestGood()?.path == new.path)
  }

  @Test("a member that ends short or grows is a store that changes, and leaves nothing behind", arguments: [-1, 1])
  func changing(difference: Int) throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(1 << 20))
    var isReleased = false
    let taken = try snapshot([path], sizes: [(1 << 20) + difference], release: { isReleased = true })
    let problem = try problem { _ = try place.repository.write(taken, draft: draft()) }
    #expect(problem.kind == .changing)
    #expect(problem.subject == "data.db")
    #expect(isReleased)
    #expect(try place.names().isEmpty)
  }

  @Test("a snapshot that does not confirm what was read leaves nothing behind")
  func unconfirmed() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(5000))
    let taken = try snapshot(
      [path],
      confirm: { () throws(Problem) in
        throw Problem(.changing, tried: "read", on: "data.db", said: "it was written meanwhile")
      })
    let problem = try problem { _ = try place.repository.write(taken, draft: draft()) }
    #expect(problem.said == "it was written meanwhile")
    #expect(try place.names().isEmpty)
  }

  @Test("a driver's read error is the caller's to see")
  func readError() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(5000))
    let real = try snapshot([path])
    let member = SnapshotMember(
      name: "data.db", size: 5000, attributes: real.members[0].attributes,
      read: { (_, _) throws(Problem) in
        throw Problem(.system, tried: "read", on: "data.db", said: "input/output error")
      })
    let taken = StoreSnapshot(members: [member], stamp: real.stamp)
    #expect(try problem { _ = try place.repository.write(taken, draft: draft()) }.said == "input/output error")
    #expect(try place.names().isEmpty)
  }

  @Test("a member that could not be restored is refused before anything is written")
  func unsafeMember() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", [1])
    let problem = try problem {
      _ = try place.repository.write(snapshot([path], names: ["../data.db"]), draft: draft())
    }
    #expect(problem.kind == .unsupported)
    #expect(!FileStatus.exists(place.repository.path))
  }

  @Test("progress rises from 0 to 1")
  func progress() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(3 << 20))
    var seen: [Double] = []
    _ = try place.repository.write(snapshot([path]), draft: draft()) { seen.append($0) }
    #expect(seen == seen.sorted())
    #expect(seen.last == 1)
  }

  @Test("several threads and none give archives that read the same", arguments: [0, 1, 3])
  func threads(count: Int) throws {
    let place = try Place()
    let content = noise(40 << 20)
    let path = try place.folder.write("data.db", content)
    let record = try place.repository.write(snapshot([path]), draft: draft(), threads: count, level: 1)
    try place.repository.verify(record)
    #expect(shell("zstd -dc \(record.path) | tar -xOf - data.db | cmp - \(path)") == .exited(0))
  }
}
