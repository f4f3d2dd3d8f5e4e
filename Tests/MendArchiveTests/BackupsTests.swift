import Testing

@testable import MendArchive
@testable import MendKit

@Suite("Archives as backups") struct BackupsTests {
  @Test("the newest good archive is the newest of a healthy or repaired store")
  func newestGood() throws {
    let place = try Place()
    try place.archive([1])
    let repaired = try place.archive([2], verdict: .repaired)
    try place.archive([3], verdict: .damaged)
    try place.archive([4], verdict: .unchecked)
    try place.archive([5], StoreIdentity(environment: "staging", name: "data", path: "/elsewhere"))
    let backups = place.repository.backups(of: identity)
    let backup = try #require(try backups.newestGood())
    #expect(backup.path == repaired.path)
    #expect(backup.rows == ["users": 5, "orders": 17])
    #expect(backup.bytes == 1)
    let main = try backups.extract(backup, into: place.folder.file("out"))
    #expect(try bytes(of: main) == [2])
    #expect(try Paths.names(in: place.folder.file("out")) == ["data.db"])
    #expect(try backups.schema(of: backup) == "create table t (a);\n")
  }

  @Test("an archive that cannot be read is passed over and named, and the next older one is taken")
  func skipped() throws {
    let place = try Place()
    let old = try place.archive(noise(3000))
    let altered = try place.archive(noise(30_000, seed: 2))
    let gone = try place.archive(noise(3000, seed: 3))
    try Paths.removeFile(gone.path)
    let file = try FileHandle.update(altered.path)
    let byte = try file.read(1, at: 15_000)
    try file.write([byte[0] ^ 0x10], at: 15_000)
    _ = shell("touch -d 2001-01-01 \(altered.path)")
    let backups = try #require(place.repository.backups(of: identity) as? StoredBackups)
    #expect(try backups.newestGood()?.path == old.path)
    #expect(backups.skipped.map(\.subject) == [gone.path, altered.path])
  }

  @Test("a store without a good archive has no backup")
  func none() throws {
    let place = try Place()
    try place.archive([1], verdict: .damaged)
    #expect(try place.repository.backups(of: identity).newestGood() == nil)
  }
}
