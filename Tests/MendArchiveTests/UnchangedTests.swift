import Testing

@testable import MendArchive
@testable import MendKit

@Suite("Unchanged content") struct UnchangedTests {
  private func archive(
    _ place: Place, _ path: String, verdict: Verdict = .healthy, counter: UInt32? = nil
  ) throws -> (record: Repository.Record, isNew: Bool) {
    try place.repository.archiveUnlessUnchanged(
      snapshot([path], counter: counter), draft: draft(verdict: verdict))
  }

  @Test("content that was not changed is not archived twice")
  func twice() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(50_000))
    let first = try archive(place, path)
    let second = try archive(place, path)
    #expect(first.isNew)
    #expect(!second.isNew)
    #expect(second.record.path == first.record.path)
    #expect(try place.repository.records().count == 1)
  }

  @Test("an equal stamp with a counter of changes settles it without reading the store")
  func stampAlone() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(50_000))
    _ = try archive(place, path, counter: 7)
    let real = try snapshot([path], counter: 7)
    let member = SnapshotMember(
      name: "data.db", size: 50_000, attributes: real.members[0].attributes,
      read: { (_, _) throws(Problem) in throw Problem(.system, tried: "read", on: "data.db", said: "it was read") })
    let unread = StoreSnapshot(members: [member], stamp: real.stamp)
    #expect(try !place.repository.archiveUnlessUnchanged(unread, draft: draft()).isNew)
  }

  @Test("an equal stamp of the same moment is not believed: the content is compared")
  func racyStamp() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(50_000))
    let status = try FileStatus.of(path)
    place.clock.set(status.modified / 1_000_000_000)
    let first = try snapshot([path])
    _ = try place.repository.archiveUnlessUnchanged(first, draft: draft())
    var content = noise(50_000)
    content[40_000] ^= 1
    try FileHandle.update(path).write(content, at: 0)
    let again = StoreSnapshot(members: try snapshot([path]).members, stamp: first.stamp)
    #expect(try place.repository.archiveUnlessUnchanged(again, draft: draft()).isNew)
  }

  @Test("a file that was touched or copied over with the same content is not archived again")
  func touched() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(50_000))
    _ = try archive(place, path)
    _ = shell("touch -d 2001-01-01 \(path)")
    #expect(try !archive(place, path).isNew)
  }

  @Test("a changed byte, size, mode or set of files is archived")
  func changed() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(50_000))
    _ = try archive(place, path)
    try FileHandle.update(path).write([0xFF], at: 25_000)
    #expect(try archive(place, path).isNew)
    try FileHandle.update(path).write([0xFF], at: 50_000)
    #expect(try archive(place, path).isNew)
    _ = shell("chmod 600 \(path)")
    #expect(try archive(place, path).isNew)
    let log = try place.folder.write("data.db-wal", [1])
    #expect(try place.repository.archiveUnlessUnchanged(snapshot([path, log]), draft: draft()).isNew)
  }

  @Test("only the newest archive counts: content that came back is archived again")
  func cameBack() throws {
    let place = try Place()
    for content in [[1], [2], [1]] as [[UInt8]] {
      #expect(try archive(place, place.folder.write("data.db", content)).isNew)
    }
  }

  @Test("a damaged store is not taken for its good archive, nor a good one for its damaged archive")
  func verdicts() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(5000))
    #expect(try archive(place, path, verdict: .healthy).isNew)
    #expect(try archive(place, path, verdict: .damaged).isNew)
    #expect(try !archive(place, path, verdict: .damaged).isNew)
    #expect(try !archive(place, path, verdict: .repaired).isNew)
  }

  @Test("an archive that can no longer be read is not relied on")
  func unreadable() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(50_000))
    let first = try archive(place, path).record
    let file = try FileHandle.update(first.path)
    let byte = try file.read(1, at: 20_000)
    try file.write([byte[0] ^ 1], at: 20_000)
    _ = shell("touch -d 2001-01-01 \(first.path)")
    let second = try archive(place, path)
    #expect(second.isNew)
    try Paths.removeFile(second.record.path)
    #expect(try archive(place, path).isNew)
  }

  @Test("another store with the same content has an archive of its own")
  func otherStore() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", noise(5000))
    _ = try archive(place, path)
    let other = StoreIdentity(environment: "staging", name: "data", path: path)
    #expect(try place.repository.archiveUnlessUnchanged(snapshot([path]), draft: draft(other)).isNew)
  }
}
