import Testing

@testable import MendArchive
@testable import MendKit

@Suite("Extracting archives") struct ExtractingTests {
  private let good: [(name: String, content: [UInt8])] = [("data.db", Array("hello".utf8))]

  /// Extracts a crafted archive that must be refused; nothing may be left in the folder or beside it.
  private func refusal(_ members: [Crafted.Member], _ manifest: Manifest) throws -> Problem {
    let place = try Place()
    let path = place.folder.file("bad.tar.zst")
    try Crafted(members: members).write(path, manifest: manifest)
    let out = place.folder.file("deep/out")
    let problem = try problem {
      _ = try place.repository.extract(
        Repository.Record(path: path, size: nil, manifest: manifest), into: out)
    }
    #expect(!FileStatus.exists(out))
    #expect(try place.folder.names() == ["bad.tar.zst", "deep"])
    #expect(problem.subject == path)
    return problem
  }

  private var file: Crafted.Member { Crafted.Member(name: "data.db", content: Array("hello".utf8)) }

  @Test("a crafted archive that says the truth is extracted")
  func truth() throws {
    let place = try Place()
    let path = place.folder.file("good.tar.zst")
    try Crafted(members: [
      Crafted.Member(name: "./", type: "5"), Crafted.Member(name: "./data.db", content: file.content),
    ])
    .write(path, manifest: Crafted.manifest(good))
    let members = try place.repository.extract(Repository.open(archiveAt: path), into: place.folder.file("out"))
    #expect(try members.map { try bytes(of: $0.path) } == [file.content])
    #expect(try FileStatus.of(members[0].path).mode == 0o600)
  }

  @Test(
    "a member with a path out of its folder is refused",
    arguments: ["../evil", "/tmp/dbmend-evil", "a/../../evil", "..", "a//b", "data.db/."])
  func paths(name: String) throws {
    let problem = try refusal([file, Crafted.Member(name: name, content: [1])], Crafted.manifest(good))
    #expect(problem.kind == .archive)
    #expect(!FileStatus.exists("/tmp/dbmend-evil"))
    // Not even where the manifest lists it.
    var manifest = try Crafted.manifest([good[0], (name, [1])])
    #expect(manifest.flaw != nil)
    manifest.members[1].name = name
    #expect(throws: ManifestError.self) { try Manifest.parse(Array(manifest.text().utf8)) }
  }

  @Test("links and devices are refused", arguments: ["1", "2", "3", "4", "6"] as [Character])
  func links(type: Character) throws {
    let problem = try refusal(
      [Crafted.Member(name: "data.db", type: type, link: "/etc/passwd")], Crafted.manifest([("data.db", [])]))
    #expect(problem.said.contains("the member data.db is"))
  }

  @Test("a link first and a file through it is refused")
  func throughALink() throws {
    let files: [(name: String, content: [UInt8])] = [("sub/evil", [1])]
    let problem = try refusal(
      [Crafted.Member(name: "sub", type: "2", link: "/tmp"), Crafted.Member(name: "sub/evil", content: [1])],
      Crafted.manifest(files))
    #expect(problem.said == "the member sub is a link")
  }

  @Test("a member that the manifest does not list is refused")
  func unlisted() throws {
    let problem = try refusal([file, Crafted.Member(name: "more", content: [1])], Crafted.manifest(good))
    #expect(problem.said == "it holds the member more, which its manifest does not list")
  }

  @Test("a name cannot steer the terminal that shows it")
  func controlCharacters() throws {
    let name = "a\u{1B}[2Jb\n"
    let problem = try refusal([file, Crafted.Member(name: name, content: [1])], Crafted.manifest(good))
    #expect(problem.said == "it holds the member a?[2Jb?, which its manifest does not list")
  }

  @Test("a member that comes twice is refused")
  func duplicate() throws {
    #expect(try refusal([file, file], Crafted.manifest(good)).said == "it holds the member data.db twice")
  }

  @Test("a member that is missing is named")
  func missing() throws {
    let manifest = try Crafted.manifest(good + [("more.db", [1])])
    #expect(try refusal([file], manifest).said == "the member more.db is missing")
  }

  @Test("a member that is longer or shorter than the manifest says is refused", arguments: [3, 600_000])
  func sizes(size: Int) throws {
    let member = Crafted.Member(name: "data.db", content: noise(size))
    #expect(
      try refusal([member], Crafted.manifest(good)).said
        == "the member data.db has \(size) bytes, and 5 by the manifest")
  }

  @Test("an altered member leaves nothing behind")
  func altered() throws {
    let member = Crafted.Member(name: "data.db", content: Array("jello".utf8))
    #expect(try refusal([member], Crafted.manifest(good)).said.contains("the member data.db was altered"))
  }

  @Test("a manifest inside that differs from the one beside is refused")
  func otherManifest() throws {
    let place = try Place()
    let path = place.folder.file("bad.tar.zst")
    let manifest = try Crafted.manifest(good)
    try Crafted(members: [file]).write(path, manifest: manifest)
    var other = manifest
    other.sequence = 7
    let problem = try problem {
      _ = try place.repository.extract(
        Repository.Record(path: path, size: nil, manifest: other), into: place.folder.file("out"))
    }
    #expect(problem.said == "the manifest inside differs from the copy beside it")
  }

  @Test("more than the volume has room for is refused before anything is written")
  func bomb() throws {
    let place = try Place()
    let volume = try SmallVolume(place.folder, options: "size=1m")
    let path = try place.folder.write("zeros.db", [UInt8](repeating: 0, count: 4 << 20))
    let record = try place.repository.write(snapshot([path]), draft: draft())
    #expect((record.size ?? 0) < 10_000)
    let problem = try problem { _ = try place.repository.extract(record, into: volume.path) }
    #expect(problem.kind == .noSpace)
    #expect(try Paths.names(in: volume.path).isEmpty)
  }

  @Test("what is in the folder already is never replaced")
  func occupied() throws {
    let place = try Place()
    let record = try place.archive([1, 2, 3])
    let out = place.folder.file("out")
    try Paths.makeFolder(out)
    try place.folder.write("out/data.db", [9])
    #expect(throws: Problem.self) { _ = try place.repository.extract(record, into: out) }
    #expect(try bytes(of: out + "/data.db") == [9])
  }

  @Test("a link in the folder does not lead an extraction out of it")
  func linkInTheFolder() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", [1])
    let record = try place.repository.write(snapshot([path], names: ["sub/data.db"]), draft: draft())
    let out = place.folder.file("out")
    _ = shell("mkdir \(out) \(place.folder.path)/else; ln -s \(place.folder.path)/else \(out)/sub")
    let problem = try problem { _ = try place.repository.extract(record, into: out) }
    #expect(problem.kind == .refused)
    #expect(try Paths.names(in: place.folder.file("else")).isEmpty)
  }

  @Test("a frame within a frame is refused: each could unpack to a thousand times its size")
  func nestedFrames() throws {
    let place = try Place()
    let manifest = try Crafted.manifest(good)
    let members = [file, Crafted.Member(name: "manifest.json", content: Array(manifest.text().utf8))]
    let path = place.folder.file("bad.tar.zst")
    try FileHandle.create(path, mode: 0o600).write(Crafted.zstd(Crafted.zstd(Crafted(members: members).tar)), at: 0)
    let problem = try problem { _ = try Repository.open(archiveAt: path) }
    #expect(problem.kind == .archive && problem.subject == path)
  }

  @Test("of an archived folder no member may stand twice, or below what is no folder")
  func places() throws {
    func said(_ names: [(String, MemberKind)]) -> String? {
      var places = MemberPlaces()
      for (name, kind) in names {
        let attributes = FileAttributes(user: 0, group: 0, mode: 0o644)
        if let said = places.flaw(of: ListedFile(name: name, kind: kind, size: 0, modified: 0, attributes: attributes))
        {
          return said
        }
      }
      return nil
    }
    let link = MemberKind.link("/etc")
    #expect(said([("d", .folder), ("d/a", .file), ("d/e", .folder), ("d/e/a", .file), ("d/f/g/a", .file)]) == nil)
    #expect(said([("d", .folder), ("d/a", .file), ("d/a", .file)])?.contains("twice") == true)
    #expect(said([("d", .folder), ("d/l", link), ("d/l/passwd", .file)])?.contains("below") == true)
    #expect(said([("d", .folder), ("d/l", link), ("d/l/x/y", .file)])?.contains("below") == true)
    #expect(said([("d/l/x", .file), ("d/l", link)])?.contains("below") == true)
    #expect(said([("d", link), ("d/passwd", .file)])?.contains("below") == true)
  }

  @Test("no manifest says that it is newer than all archives that could ever be taken")
  func sequence() throws {
    var manifest = try Crafted.manifest(good)
    manifest.sequence = .max
    #expect(throws: ManifestError.self) { _ = try Manifest.parse(Array(manifest.text().utf8)) }
    manifest.sequence = Manifest.largestSequence
    let parsed = try Manifest.parse(Array(manifest.text().utf8)).manifest
    let record = Repository.Record(path: "/a", size: nil, manifest: parsed)
    #expect(Repository.sequence(behind: [record]) == Manifest.largestSequence)
  }

  @Test("the definitions are read, verified, and nil where there are none")
  func schema() throws {
    let place = try Place()
    let path = try place.folder.write("data.db", [1])
    let with = try place.repository.write(snapshot([path]), draft: draft(schema: "create table x (y);"))
    let without = try place.repository.write(snapshot([path]), draft: draft(schema: nil))
    #expect(try place.repository.schema(of: with) == "create table x (y);")
    #expect(try place.repository.schema(of: without) == nil)
    var altered = with
    altered.manifest?.members[1].sha256 = String(repeating: "0", count: 64)
    #expect(try problem { _ = try place.repository.schema(of: altered) }.kind == .archive)
  }

  @Test("a manifest of nonsense is told what is wrong with it")
  func manifests() throws {
    let text = try Crafted.manifest(good).text()
    func said(_ old: String, _ new: String) throws -> String {
      let altered = text.split(separator: "\n").joined(separator: "\n")
      let parts = altered.components(around: old)
      #expect(parts.count > 1, "\(old) is there to be replaced")
      do throws(ManifestError) {
        _ = try Manifest.parse(Array(parts.joined(separator: new).utf8))
      } catch {
        return error.said
      }
      return ""
    }
    #expect(try said("\"size\": 5", "\"size\": -5") == "a member lacks 'size' (a number from 0 up)")
    #expect(try said("\"sequence\": 1", "\"sequence\": \"1\"").contains("sequence"))
    #expect(try said("2024-01-15T02:00:00Z", "yesterday").contains("'taken'"))
    #expect(try said("healthy", "fine").contains("'verdict'"))
    #expect(try said("manifest/1", "manifest/9").contains("dbmend.manifest/9"))
    #expect(try said("data.db\",\n      \"size\"", "../data.db\",\n      \"size\"").contains("leads out"))
    #expect(try said("\"xxh3\": \"", "\"xxh3\": \"zz").contains("xxh3"))
    #expect(try said("\"store\"", "\"shop\"").contains("'store'"))
  }
}

extension String {
  /// The parts between occurrences of a text.
  fileprivate func components(around text: String) -> [String] {
    var parts = [""]
    var rest = self[...]
    while !rest.isEmpty {
      if rest.hasPrefix(text) {
        parts.append("")
        rest = rest.dropFirst(text.count)
      } else {
        parts[parts.count - 1].append(rest.removeFirst())
      }
    }
    return parts
  }
}
