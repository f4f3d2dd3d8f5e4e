import Testing

@testable import MendArchive
@testable import MendKit

@Suite("Where archives are kept") struct PlaceTests {
  @Test("a full disk is named, and leaves no archive and no part of one")
  func fullDisk() throws {
    let folder = try Folder()
    let volume = try SmallVolume(folder, options: "size=1m")
    let repository = Repository(path: volume.path + "/backups")
    let path = try folder.write("data.db", noise(8 << 20))
    let problem = try problem { _ = try repository.write(snapshot([path]), draft: draft()) }
    #expect(problem.kind == .noSpace)
    #expect(problem.advice?.contains("--repository") == true)
    #expect(try Paths.names(in: repository.path).isEmpty)
    let small = try folder.write("small.db", noise(1000))
    // The room is there again as soon as no program that was being started at that moment holds the file any more.
    var written = try? repository.write(snapshot([small]), draft: draft())
    for _ in 0..<500 where written == nil {
      usleep(20_000)
      written = try? repository.write(snapshot([small]), draft: draft())
    }
    #expect(written != nil && written?.problem == nil)
  }

  @Test("a disk that is full at the copy of the manifest leaves no archive")
  func fullAtTheCopy() throws {
    let folder = try Folder()
    let path = try folder.write("data.db", noise(600))
    // Blocks of 4 KiB: the archive fits into what is left, its copy beside it does not.
    let volume = try SmallVolume(folder, options: "size=16k")
    let repository = Repository(path: volume.path)
    _ = try folder.write("volume/filler", noise(11000))
    let problem = try problem { _ = try repository.write(snapshot([path]), draft: draft()) }
    #expect(problem.kind == .noSpace)
    #expect(try Paths.names(in: repository.path) == ["filler"])
  }

  @Test("a repository that cannot be written is named, with what to do")
  func readOnly() throws {
    let folder = try Folder()
    let volume = try SmallVolume(folder, options: "size=1m,ro")
    let path = try folder.write("data.db", [1])
    for repository in [Repository(path: volume.path), Repository(path: volume.path + "/deeper/backups")] {
      let problem = try problem { _ = try repository.write(snapshot([path]), draft: draft()) }
      #expect(problem.kind == .denied)
      #expect(problem.advice?.contains("--repository") == true)
      #expect(problem.subject.hasPrefix(volume.path))
    }
  }

  @Test("a repository that is a file is refused")
  func file() throws {
    let folder = try Folder()
    let path = try folder.write("data.db", [1])
    let problem = try problem { _ = try Repository(path: path).write(snapshot([path]), draft: draft()) }
    #expect(problem.said == "a file of that name stands there")
    #expect(try bytes(of: path) == [1])
  }

  @Test("what a dead run left behind is removed by the next one, what another run writes is not")
  func leftovers() throws {
    let place = try Place()
    try place.archive([1])
    let dead = ".production_data_20240116_020000.tar.zst.1.partial"
    try Paths.removeFile(place.repository.path + "/" + dead)
    try FileHandle.create(place.repository.path + "/" + dead, mode: 0o600).write([9], at: 0)
    let alive = try Partial("other.tar.zst", in: place.repository.path)
    try place.archive([2])
    #expect(!FileStatus.exists(place.repository.path + "/" + dead))
    #expect(FileStatus.exists(alive.path))
    alive.discard()
    #expect(try place.names().count == 4)
  }

  @Test("a part of an archive is not listed, not counted and not in the way")
  func partIsInvisible() throws {
    let place = try Place()
    try Paths.makeFolder(place.repository.path)
    let partial = try Partial("production_data_20240115_020000.tar.zst", in: place.repository.path)
    #expect(try place.repository.records().isEmpty)
    #expect(try place.repository.usage() == (0, 0))
    #expect(try place.archive([1]).problem == nil)
    partial.discard()
  }

  @Test("a run that died between the archive's name and its copy's leaves a whole archive, and the copy is made again")
  func diedBetweenNames() throws {
    let place = try Place()
    let first = try place.archive(noise(3000))
    let copy = ArchiveFile.copy(of: first.path)
    let text = try bytes(of: copy)
    try Paths.removeFile(copy)
    let listed = try place.repository.records()
    #expect(listed.map(\.manifest) == [first.manifest])
    #expect(listed[0].problem == nil)
    try place.archive([2])
    #expect(try bytes(of: copy) == text)
    #expect(try place.repository.records().map { $0.manifest?.sequence } == [1, 2])
  }

  @Test("an archive waits for the disk three times: for its content, for the copy of its manifest, and for the folder")
  func syncs() async {
    // In a process of its own, where nothing else is counted.
    await #expect(processExitsWith: .success) {
      let place = try Place()
      let path = try place.folder.write("data.db", noise(1000))
      _ = try place.repository.write(snapshot([path]), draft: draft())
      var atRelease = 0
      let before = Durable.syncs
      _ = try place.repository.write(snapshot([path], release: { atRelease = Durable.syncs }), draft: draft())
      #expect(Durable.syncs - before == 3)
      #expect(atRelease == before, "the snapshot is let go before anything waits for the disk")
    }
  }
}
