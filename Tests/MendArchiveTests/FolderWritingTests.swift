import Testing

@testable import MendArchive
@testable import MendKit

@Suite("Archives of folders that are written before their verdict is known") struct FolderWritingTests {
  private func folder(
    _ files: [String: [UInt8]], modified: Int64 = 5_000_000_000, sample: [[UInt8]] = []
  ) -> StoreSnapshot {
    let attributes = FileAttributes(user: 0, group: 0, mode: 0o644)
    let nothing: (Int, UnsafeMutableRawBufferPointer) throws(Problem) -> Int = { (_, _) throws(Problem) in 0 }
    var members = [
      SnapshotMember(
        name: "docs", kind: .folder, size: 0, attributes: FileAttributes(user: 0, group: 0, mode: 0o755),
        modified: modified, read: nothing)
    ]
    for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
      members.append(
        SnapshotMember(name: "docs/" + name, bytes: bytes[...], attributes: attributes, modified: modified))
    }
    return StoreSnapshot(
      members: SnapshotMembers(members), isFolder: true,
      stamp: StoreStamp(
        size: files.values.reduce(0) { $0 + $1.count }, modified: modified, inode: 1, changeCounter: nil, log: []),
      sample: { sample })
  }

  private let files: [String: [UInt8]] = ["a": [1, 2, 3], "b": noise(100_000), "c": []]

  @Test("it has its name only when it is finished, with the verdict that is told then")
  func finished() throws {
    let place = try Place()
    let writing = try place.repository.beginFolder(folder(files), of: identity)
    #expect(try place.repository.records().isEmpty)
    let written = try writing.finishUnlessUnchanged(draft(verdict: .repaired, schema: nil))
    #expect(written.isNew)
    #expect(written.record.manifest?.verdict == .repaired)
    #expect(written.record.manifest?.listing?.files == 3)
    try place.repository.verify(written.record)
    #expect(try place.repository.records().map(\.path) == [written.record.path])
  }

  @Test("one that is given up, or let go, leaves nothing behind")
  func discarded() throws {
    let place = try Place()
    try place.repository.beginFolder(folder(files), of: identity).discard()
    _ = try place.repository.beginFolder(folder(files), of: identity)
    #expect(try place.names().isEmpty)
  }

  @Test("a member that cannot be read leaves nothing behind")
  func unreadable() throws {
    let place = try Place()
    var members = Array(folder(files).members)
    members[2] = SnapshotMember(
      name: "docs/b", size: 7, attributes: members[1].attributes,
      read: { (_, _) throws(Problem) in throw Problem(.system, tried: "read", on: "b", said: "no") })
    let snapshot = StoreSnapshot(members: SnapshotMembers(members), isFolder: true, stamp: folder(files).stamp)
    #expect(throws: Problem.self) { try place.repository.beginFolder(snapshot, of: identity) }
    #expect(try place.names().isEmpty)
  }

  @Test("files that the newest good archive holds are not archived twice; one that differs in anything is")
  func unchanged() throws {
    let place = try Place()
    let again = { (snapshot: StoreSnapshot) throws in
      try place.repository.beginFolder(snapshot, of: identity).finishUnlessUnchanged(draft(schema: nil))
    }
    let first = try again(folder(files))
    let second = try again(folder(files))
    #expect(!second.isNew && second.record.path == first.record.path)
    var other = files
    other["a"] = [1, 2, 4]
    #expect(try again(folder(other)).isNew)
    #expect(try again(folder(files, modified: 6_000_000_000)).isNew)
    #expect(try place.repository.records().count == 3)
    #expect(try place.names().allSatisfy { !$0.hasSuffix(".partial") })
  }

  /// Bytes of which each value is as frequent as any other.
  private func random(_ count: Int, seed: Int) -> [UInt8] {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    return (0..<count).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state >> 24)
    }
  }

  @Test("what cannot be compressed is told from what can by its bytes")
  func density() {
    let dense = (0..<8).map { random(4096, seed: $0) }
    let text = (0..<8).map { number in Array(String(repeating: "line \(number) of a text\n", count: 200).utf8) }
    #expect(Density.isDense(dense))
    #expect(!Density.isDense(text))
    #expect(!Density.isDense(dense + text[..<1]))
    #expect(!Density.isDense(dense.map { $0.map { $0 & 63 } }), "such as base64")
    #expect(!Density.isDense([random(4096, seed: 9)]), "too little to tell")
    #expect(!Density.isDense([]))
    // Short pieces tell as much as long ones of the same size together.
    #expect(Density.isDense((0..<200).map { random(200, seed: $0) }))
  }

  @Test("a folder of what cannot be compressed is archived whole")
  func dense() throws {
    let place = try Place()
    let files = Dictionary(uniqueKeysWithValues: (0..<40).map { ("\($0)", random(60_000, seed: $0)) })
    let snapshot = folder(files, sample: (0..<8).map { random(4096, seed: $0) })
    let record = try place.repository.write(snapshot, draft: draft(schema: nil))
    try place.repository.verify(record)
    #expect(record.manifest?.listing?.bytes == 2_400_000)
  }
}
