import Testing

@testable import MendArchive
@testable import MendKit

@Suite("Listing archives") struct ListingTests {
  @Test("a folder that is not there has no archives, and is not made")
  func missingFolder() throws {
    let place = try Place()
    #expect(try place.repository.records().isEmpty)
    #expect(try place.repository.usage() == (0, 0))
    #expect(try place.repository.backups(of: identity).newestGood() == nil)
    #expect(try place.repository.prune(RetentionPolicy(), dryRun: false).removed.isEmpty)
    #expect(!FileStatus.exists(place.repository.path))
  }

  @Test("an archive belongs to the store that its manifest names, not to the one in its file name")
  func identityCounts() throws {
    let place = try Place()
    let other = StoreIdentity(environment: "production", name: "data", path: "/srv/other/data.db")
    let one = try place.archive([1])
    let two = try place.archive([2], other)
    let renamed = place.repository.path + "/staging_users_19990101_000000"
    _ = shell("mv \(one.path) \(renamed).tar.zst; mv \(ArchiveFile.copy(of: one.path)) \(renamed).manifest.json")
    #expect(try place.repository.records(of: identity).map(\.path) == [renamed + ".tar.zst"])
    #expect(try place.repository.records(of: other).map(\.path) == [two.path])
  }

  @Test("a copy of the manifest that makes no sense is made up for by the one inside")
  func garbledCopy() throws {
    let place = try Place()
    let record = try place.archive(noise(3000))
    for text in ["", "{", "[]", "{\"format\": \"dbmend.manifest/9\"}", "\u{0}\u{1}"] {
      try Durable.write(Array(text.utf8), to: ArchiveFile.copy(of: record.path))
      let listed = try place.repository.records()
      #expect(listed.map(\.manifest) == [record.manifest])
      #expect(listed.first?.problem == nil)
    }
  }

  @Test("an archive that cannot be read is listed with its problem")
  func unreadable() throws {
    let place = try Place()
    let record = try place.archive(noise(3000))
    try Durable.write([1, 2, 3], to: place.repository.path + "/stray.tar.zst")
    _ = shell("mkfifo \(place.repository.path)/pipe.tar.zst; mkdir \(place.repository.path)/folder.tar.zst")
    let listed = try place.repository.records()
    #expect(listed.count == 4)
    #expect(listed.last?.path == record.path)
    #expect(listed.filter { $0.problem?.kind == .archive }.count == 3)
    #expect(listed.filter { $0.problem?.said == "it is not a regular file" }.count == 2)
  }

  @Test("a truncated archive is told by its size, without opening it")
  func truncated() throws {
    let place = try Place()
    let record = try place.archive(noise(30000))
    let size = try #require(record.size)
    try FileHandle.update(record.path).truncate(to: size - 10)
    let listed = try #require(try place.repository.records().first)
    #expect(listed.problem?.said == "it has \(size - 10) bytes, and had \(size) when it was written")
    #expect(listed.manifest == record.manifest)
  }

  @Test("a manifest's copy without its archive is named, and its name is not taken again")
  func orphan() throws {
    let place = try Place()
    let record = try place.archive([1], at: noon)
    try Paths.removeFile(record.path)
    let listed = try place.repository.records()
    #expect(listed.count == 1)
    #expect(listed[0].size == nil)
    #expect(listed[0].problem?.said == "there is no such file")
    let next = try place.archive([2], at: noon)
    #expect(next.path.hasSuffix("-2.tar.zst"))
    #expect(next.manifest?.sequence == 2)
  }

  @Test("usage counts archives and their bytes")
  func usage() throws {
    let place = try Place()
    let sizes = try [noise(100), noise(5000)].map { try place.archive($0).size ?? 0 }
    #expect(try place.repository.usage() == (2, sizes[0] + sizes[1]))
  }

  @Test("an archive opens from any path, with or without a copy of its manifest")
  func openAnywhere() throws {
    let place = try Place()
    let record = try place.archive(noise(3000))
    let moved = place.folder.file("moved.bin")
    _ = shell("cp \(record.path) \(moved)")
    let opened = try Repository.open(archiveAt: moved)
    #expect(opened.manifest == record.manifest)
    try place.repository.verify(opened)
    #expect(try place.repository.extract(opened, into: place.folder.file("out")).count == 1)
    #expect(try Repository.open(archiveAt: record.path).seal?.size == record.size)
  }

  @Test("a path that holds no archive is said so")
  func openNonsense() throws {
    let place = try Place()
    let missing = try problem { _ = try Repository.open(archiveAt: place.folder.file("none.tar.zst")) }
    #expect(missing.kind == .archive)
    #expect(missing.said == "there is no such file")
    let text = try place.folder.write("text.tar.zst", Array("hello".utf8))
    #expect(try problem { _ = try Repository.open(archiveAt: text) }.kind == .archive)
    _ = shell("cd \(place.folder.path) && tar --zstd -cf plain.tar.zst text.tar.zst")
    let plain = try problem { _ = try Repository.open(archiveAt: place.folder.file("plain.tar.zst")) }
    #expect(plain.said.contains("no archive of dbmend"))
  }
}
