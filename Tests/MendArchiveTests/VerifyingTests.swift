import Testing

@testable import MendArchive
@testable import MendKit

@Suite("Verifying archives") struct VerifyingTests {
  @Test("an archive that was not touched is sound")
  func sound() throws {
    let place = try Place()
    let record = try place.archive(noise(200_000))
    try place.repository.verify(record)
    try place.repository.verify(try #require(try place.repository.records().first))
  }

  @Test("a flipped bit anywhere in the file is found")
  func flippedBits() throws {
    let place = try Place()
    let record = try place.archive(noise(20_000))
    let whole = try bytes(of: record.path)
    let listed = try #require(try place.repository.records().first)
    let file = try FileHandle.update(record.path)
    for offset in stride(from: 0, to: whole.count, by: max(1, whole.count / 200)) {
      try file.write([whole[offset] ^ (1 << UInt8(offset % 8))], at: offset)
      let problem = try problem { try place.repository.verify(listed) }
      #expect(problem.kind == .archive && problem.subject == record.path && problem.advice != nil, "at \(offset)")
      try file.write([whole[offset]], at: offset)
    }
    try place.repository.verify(listed)
  }

  @Test("an altered member is named")
  func alteredMember() throws {
    let place = try Place()
    let files = [(name: "a.db", content: noise(4000)), (name: "b.db", content: noise(300_000, seed: 3))]
    let manifest = try Crafted.manifest(files)
    var crafted = Crafted(members: files.map { Crafted.Member(name: $0.name, content: $0.content) })
    crafted.members[1].content[250_000] ^= 1
    let path = place.folder.file("altered.tar.zst")
    try crafted.write(path, manifest: manifest)
    let problem = try problem { try place.repository.verify(Repository.open(archiveAt: path)) }
    #expect(problem.said.contains("the member b.db was altered"))
    #expect(problem.subject == path)
  }

  @Test("a truncated archive is found at every length")
  func truncated() throws {
    let place = try Place()
    let record = try place.archive(noise(20_000))
    let whole = try bytes(of: record.path)
    let bare = Repository.Record(path: record.path, size: nil, manifest: nil)
    let file = try FileHandle.update(record.path)
    for length in [0, 1, 4, 5, 9, 100, whole.count / 2, whole.count - 5, whole.count - 1] {
      try file.truncate(to: length)
      let listed = try #require(try place.repository.records().first)
      let problem = try problem { try place.repository.verify(listed) }
      #expect(problem.kind == .archive)
      #expect(problem.said.contains("it has \(length) bytes, and had \(whole.count) when it was written"))
      #expect(throws: Problem.self, "without the copy, at \(length)") { try place.repository.verify(bare) }
      try file.write(whole, at: 0)
    }
    try place.repository.verify(bare)
  }

  @Test("the member at which a truncated archive breaks off is named")
  func truncatedMember() throws {
    let place = try Place()
    let record = try place.archive(noise(900_000))
    try FileHandle.update(record.path).truncate(to: 300_000)
    let problem = try problem { try place.repository.verify(record) }
    #expect(problem.said.contains("the member data.db breaks off after"))
  }

  @Test("bytes behind the archive's end are found, with and without a copy of the manifest")
  func trailing() throws {
    let place = try Place()
    let record = try place.archive(noise(20_000))
    let size = try #require(record.size)
    try FileHandle.update(record.path).write(Array("garbage".utf8), at: size)
    for record in [record, Repository.Record(path: record.path, size: nil, manifest: nil)] {
      let problem = try problem { try place.repository.verify(record) }
      #expect(problem.said.contains("7 bytes that do not belong to it stand behind its end"))
    }
  }

  @Test("an archive put in the place of another is found by the copy of the manifest")
  func exchanged() throws {
    let place = try Place()
    let one = try place.archive(noise(1000))
    let two = try place.archive(noise(1000, seed: 2))
    _ = shell("cp \(two.path) \(one.path)")
    let listed = try #require(try place.repository.records().first)
    #expect(throws: Problem.self) { try place.repository.verify(listed) }
  }

  @Test("a copy of the manifest that was altered is found")
  func alteredCopy() throws {
    let place = try Place()
    let record = try place.archive(noise(1000))
    var manifest = try #require(record.manifest)
    manifest.verdict = .damaged
    try Durable.write(Array(manifest.text(seal: record.seal).utf8), to: ArchiveFile.copy(of: record.path))
    let listed = try #require(try place.repository.records().first)
    let problem = try problem { try place.repository.verify(listed) }
    #expect(problem.said == "the manifest inside differs from the copy beside it")
  }

  @Test("an archive that is gone is a problem, not a crash")
  func gone() throws {
    let place = try Place()
    let record = try place.archive([1])
    try Paths.removeFile(record.path)
    #expect(try problem { try place.repository.verify(record) }.said == "there is no such file")
  }

  @Test("a zstd frame's end is found without decompressing it")
  func frames() throws {
    let folder = try Folder()
    let frame = Crafted.zstd(noise(300_000))
    func ending(_ bytes: [UInt8]) throws -> ZstdFrame.Ending {
      try ZstdFrame.ending(of: FileHandle.read(folder.write("frame", bytes)))
    }
    #expect(try ending(frame) == .whole)
    #expect(try ending(frame + [0, 0]) == .trailing(2))
    for length in [0, 3, 5, 8, 1000, frame.count - 1] {
      #expect(try ending(Array(frame[..<length])) == .truncated)
    }
    #expect(try ending([0x28, 0xB5, 0x2F, 0xFE, 0, 0]) == .malformed)
    #expect(try ending([0x28, 0xB5, 0x2F, 0xFD, 0, 0x58, 0x07, 0, 0]) == .malformed)
    _ = shell("cd \(folder.path) && head -c 3000000 /dev/zero | zstd -q -o zeros")
    #expect(try ZstdFrame.ending(of: FileHandle.read(folder.file("zeros"))) == .whole)
  }
}
