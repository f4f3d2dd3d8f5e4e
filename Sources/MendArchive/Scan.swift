import MendKit

/// One pass over an archive, front to back, that holds every member against the manifest. Nothing that the archive
/// says is believed: not a name, not a size, not an order.
struct Scan {
  /// Which checksums of the members are compared.
  enum Depth { case xxh3, sha256 }

  /// What the archive must hold.
  let expected: Manifest
  let path: String
  let depth: Depth
  /// What was tried, for problems.
  let tried: String
  /// The files of an archived folder, as its listing has them; nil for other stores.
  var listing: FileListing?
  /// Whether another thread decompresses the archive.
  var unpacksAside = false
  /// Called with how far the pass is, from 0 to 1.
  var progress: (Double) -> Void = { _ in }
  /// Called before each expected member's content; gives where the content goes, nil for nowhere.
  var target: (Manifest.Member, TarEntry) throws(Problem) -> FileHandle? = {
    (_, _) throws(Problem) -> FileHandle? in nil
  }
  /// Called with each file that `target` gave, when it is written.
  var finish: (Manifest.Member, FileHandle) throws(Problem) -> Void = { (_, _) throws(Problem) in }
  /// Called with each folder and link of an archived folder, and with each of its files before its content.
  var place: (ListedFile) throws(Problem) -> Void = { (_) throws(Problem) in }

  private func problem(_ said: String) -> Problem { .archive(tried, path, said) }

  /// Makes the pass; size and checksum of the archive's file.
  func run() throws(Problem) -> Seal {
    let seal: Seal
    do throws(Problem) {
      seal = try pass()
    } catch {
      throw Self.explained(error, tried: tried, path: path)
    }
    switch try Self.ending(of: path) {
    case .whole: return seal
    case .truncated: throw problem("its end is missing")
    case .trailing(let count): throw Self.added(count, tried: tried, path: path)
    case .malformed: throw problem("its zstd frame is malformed")
    }
  }

  private static func ending(of path: String) throws(Problem) -> ZstdFrame.Ending {
    try ZstdFrame.ending(of: ArchiveFile.open(path))
  }

  private static func added(_ count: Int, tried: String, path: String) -> Problem {
    .archive(tried, path, "\(count) bytes that do not belong to it stand behind its end")
  }

  /// libarchive takes what was added at the end for the start of another frame, and blames the member at hand.
  private static func explained(_ problem: Problem, tried: String, path: String) -> Problem {
    guard problem.kind == .archive, case .trailing(let count)? = try? ending(of: path) else { return problem }
    return added(count, tried: tried, path: path)
  }

  private func pass() throws(Problem) -> Seal {
    let reader = try TarReader(path, unpackingAside: unpacksAside)
    let lane = try HashLane(sha256: depth == .sha256)
    let manifestName = expected.fileName
    var wanted = Dictionary(expected.members.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var seen: Set<String> = []
    var last: String?
    var done = 0
    var sawManifest = false
    var listing = listing
    var places = MemberPlaces()
    while let entry = try next(reader, after: last) {
      if let folder = expected.listing?.folder, entry.name.hasPrefix(folder), Self.isWithin(entry.name, folder) {
        last = entry.name
        if let said = MemberName.flaw(Self.plain(entry.name)) { throw problem(said) }
        let listed = try Self.next(&listing, problem)
        guard let listed else {
          throw problem("it holds the member \(MemberName.shown(entry.name)), which its listing does not have")
        }
        if let said = places.flaw(of: listed) { throw problem(said) }
        done += try take(listed, entry, reader, lane, done: done)
        continue
      }
      if entry.kind == .folder { continue }
      last = entry.name
      try refuse(entry)
      guard seen.insert(entry.name).inserted else {
        throw problem("it holds the member \(MemberName.shown(entry.name)) twice")
      }
      if entry.name == manifestName {
        try compareManifest(reader)
        sawManifest = true
        continue
      }
      guard let member = wanted.removeValue(forKey: entry.name) else {
        throw problem("it holds the member \(MemberName.shown(entry.name)), which its manifest does not list")
      }
      try take(member, entry, reader, lane, done: done)
      done += member.size
    }
    if let missing = expected.members.first(where: { wanted[$0.name] != nil }) {
      throw problem("the member \(MemberName.shown(missing.name)) is missing")
    }
    guard sawManifest else { throw problem("its manifest (\(manifestName)) is missing") }
    if let missing = try Self.next(&listing, problem) {
      throw problem("the member \(MemberName.shown(missing.name)) is missing")
    }
    return try reader.finish()
  }

  private static func next(
    _ listing: inout FileListing?, _ problem: (String) -> Problem
  ) throws(Problem) -> ListedFile? {
    do throws(FileListing.Flaw) {
      return try listing?.next()
    } catch {
      throw problem(error.said)
    }
  }

  /// A folder's name without the slash that tar ends it with.
  static func plain(_ name: String) -> String { name.hasSuffix("/") ? String(name.dropLast()) : name }

  static func isWithin(_ name: String, _ folder: String) -> Bool {
    name.utf8.count == folder.utf8.count || name.utf8.dropFirst(folder.utf8.count).first == UInt8(ascii: "/")
  }

  /// Holds a member of a folder against its line of the listing; its size.
  private func take(
    _ listed: ListedFile, _ entry: TarEntry, _ reader: TarReader, _ lane: HashLane, done: Int
  ) throws(Problem) -> Int {
    let name = Self.plain(entry.name)
    guard listed.name == name else {
      throw problem(
        "it holds the member \(MemberName.shown(name)) where its listing has \(MemberName.shown(listed.name))")
    }
    switch (listed.kind, entry.kind) {
    case (.folder, .folder): break
    case (.file, .file):
      try place(listed)
      let member = Manifest.Member(
        name: listed.name, size: listed.size, sha256: listed.sha256, xxh3: listed.xxh3, attributes: listed.attributes)
      try take(member, entry, reader, lane, done: done)
      return listed.size
    case (.link(let target), .symbolicLink):
      guard entry.target == target else {
        throw problem("the link \(MemberName.shown(name)) leads elsewhere than its listing says")
      }
    default: throw problem("the member \(MemberName.shown(name)) is of another kind than its listing says")
    }
    try place(listed)
    return 0
  }

  private func next(_ reader: TarReader, after last: String?) throws(Problem) -> TarEntry? {
    do throws(Problem) {
      return try reader.next()
    } catch {
      guard error.kind == .archive else { throw error }
      let place = last.map { "behind the member \(MemberName.shown($0))" } ?? "before its first member"
      throw problem("it breaks off \(place): \(error.said)")
    }
  }

  private func refuse(_ entry: TarEntry) throws(Problem) {
    if let said = MemberName.flaw(entry.name) { throw problem(said) }
    switch entry.kind {
    case .file, .folder: break
    case .hardLink, .symbolicLink: throw problem("the member \(MemberName.shown(entry.name)) is a link")
    case .other: throw problem("the member \(MemberName.shown(entry.name)) is neither a file nor a folder")
    }
  }

  private func compareManifest(_ reader: TarReader) throws(Problem) {
    let bytes = try Self.manifestBytes(reader, tried: tried, path: path)
    let inside: Manifest
    do throws(ManifestError) {
      inside = try Manifest.parse(bytes).manifest
    } catch {
      throw problem("its manifest (\(expected.fileName)) cannot be read: \(error.said)")
    }
    if inside != expected { throw problem("the manifest inside differs from the copy beside it") }
  }

  private func take(
    _ member: Manifest.Member, _ entry: TarEntry, _ reader: TarReader, _ lane: HashLane, done: Int
  ) throws(Problem) {
    let altered = { (said: String) in problem("the member \(MemberName.shown(member.name)) \(said)") }
    if let size = entry.size, size != member.size {
      throw altered("has \(size) bytes, and \(member.size) by the manifest")
    }
    let file = try target(member, entry)
    defer { file?.close() }
    let total = Double(max(1, expected.bytes))
    var offset = 0
    var writeback = Writeback()
    while true {
      let buffer = lane.next()
      let count: Int
      do throws(Problem) {
        count = try reader.read(into: buffer)
      } catch {
        guard error.kind == .archive else { throw error }
        throw altered("breaks off after \(offset) of \(member.size) bytes: \(error.said)")
      }
      if count == 0 { break }
      guard offset + count <= member.size else {
        throw altered("goes on behind its \(member.size) bytes")
      }
      lane.submit(count)
      try file?.writeSparsely(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
      offset += count
      if let file { writeback.wrote(file, upTo: offset) }
      progress(min(1, Double(done + offset) / total))
    }
    try file?.truncate(to: offset)
    let digest = try lane.finish()
    guard offset == member.size else {
      throw altered("ends after \(offset) of \(member.size) bytes")
    }
    if digest.xxh3 != member.xxh3 {
      throw altered("was altered: its checksum (XXH3) is not the manifest's")
    }
    if depth == .sha256, digest.sha256 != member.sha256 {
      throw altered("was altered: its SHA-256 is not the manifest's")
    }
    if let file { try finish(member, file) }
  }

  /// The content of the member at which the reader stands, which should be a manifest.
  static func manifestBytes(_ reader: TarReader, tried: String, path: String) throws(Problem) -> [UInt8] {
    try content(reader, limit: Manifest.largestText, what: "its manifest", tried: tried, path: path)
  }

  /// The content of the member at which the reader stands, which is no longer than a limit.
  static func content(
    _ reader: TarReader, limit: Int, what: String, tried: String, path: String
  ) throws(Problem) -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { buffer.deallocate() }
    var bytes: [UInt8] = []
    while true {
      let count = try reader.read(into: buffer)
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= limit else {
        throw .archive(tried, path, "\(what) is larger than \(ByteSize(bytes: limit).short)")
      }
    }
  }

  /// The manifest inside an archive beside which no usable copy stands. Members are passed over unread.
  static func manifest(inside path: String) throws(Problem) -> Manifest {
    let tried = "read the manifest inside"
    do throws(Problem) {
      return try manifest(inside: path, tried: tried)
    } catch {
      throw explained(error, tried: tried, path: path)
    }
  }

  private static func manifest(inside path: String, tried: String) throws(Problem) -> Manifest {
    let reader = try TarReader(path)
    var found: [String: [UInt8]] = [:]
    while let entry = try reader.next() {
      guard entry.kind == .file, Manifest.fileNames.contains(entry.name), found[entry.name] == nil else { continue }
      // A store's own file of that name may be as large as it likes; it is no manifest then.
      guard let size = entry.size, size <= Manifest.largestText else { continue }
      found[entry.name] = try manifestBytes(reader, tried: tried, path: path)
    }
    guard let bytes = Manifest.fileNames.reversed().compactMap({ found[$0] }).first else {
      throw .archive(
        tried, path, "it has no \(Manifest.fileNames[0]), so it is no archive of dbmend",
        advice: "tar -tf ARCHIVE shows what it holds.")
    }
    do throws(ManifestError) {
      return try Manifest.parse(bytes).manifest
    } catch {
      throw .archive(tried, path, error.said)
    }
  }
}
