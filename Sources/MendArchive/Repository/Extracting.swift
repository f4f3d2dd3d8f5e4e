import MendKit

/// One file of a store that was written out of an archive. Its attributes were not given to it: it belongs to this
/// user and has mode 0600, until the caller decides.
public struct ExtractedMember: Sendable, Hashable {
  /// The name in the archive.
  public var name: String
  /// Where it was written to.
  public var path: String
  /// What the live file had.
  public var attributes: FileAttributes
}

extension Repository {
  /// Writes the store's files out of an archive into a folder, which is made if it is not there; nothing that is
  /// there is replaced. Each is compared with its SHA-256 and synced. Links, devices, paths out of the folder,
  /// members that are not listed or longer than listed, and more bytes than the volume has room for are refused, and
  /// what was written is removed.
  public func extract(_ record: Record, into folder: String) throws(Problem) -> [ExtractedMember] {
    try Self.extract(record, into: folder, isDurable: true)
  }

  static func extract(
    _ record: Record, into folder: String, isDurable: Bool
  ) throws(Problem) -> [ExtractedMember] {
    let manifest = try manifest(of: record)
    let available = try Volume.of(folder).available
    guard manifest.room <= available else {
      throw Problem(
        .noSpace, tried: "extract the archive", on: record.path,
        said: "\(ByteSize(bytes: manifest.room).short) are needed in \(folder), "
          + "and \(ByteSize(bytes: available).short) are free",
        advice: "Free some room on that volume.", code: "disk.full")
    }
    let output = ExtractionFolder(folder)
    if manifest.listing != nil {
      return [try extractFolder(record, manifest, into: output, isDurable: isDurable)]
    }
    do throws(Problem) {
      try Paths.makeFolder(folder, mode: 0o700)
      var attributes: [String: FileAttributes] = [:]
      let scan = Scan(
        expected: manifest, path: record.path, depth: .sha256, tried: "extract the archive",
        target: { (member, entry) throws(Problem) in
          if member.name == manifest.schema || member.name == manifest.notes { return nil }
          attributes[member.name] = member.attributes ?? entry.attributes
          return try output.create(member.name)
        })
      _ = try scan.run()
      if isDurable { try output.sync() }
      return manifest.storeMembers.compactMap { member in
        attributes[member.name].map {
          ExtractedMember(name: member.name, path: Paths.join(folder, member.name), attributes: $0)
        }
      }
    } catch {
      output.discard()
      throw error
    }
  }

  /// Hands over the content of the store's main file as an archive holds it, front to back, until `each` says false.
  public func read(
    _ record: Record, _ each: (UnsafeRawBufferPointer) throws(Problem) -> Bool
  ) throws(Problem) {
    let tried = "read the store in"
    guard let main = try Self.manifest(of: record).storeMembers.first else {
      throw .archive(tried, record.path, "it holds no file of the store")
    }
    let reader = try TarReader(record.path)
    while let entry = try reader.next() {
      guard entry.name == main.name, entry.kind == .file, entry.size == main.size else { continue }
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: HashLane.bufferSize, alignment: 4096)
      defer { buffer.deallocate() }
      var left = main.size
      while left > 0 {
        let count = try reader.read(into: buffer)
        guard count > 0, count <= left else {
          throw .archive(tried, record.path, "the member \(MemberName.shown(main.name)) has not \(main.size) bytes")
        }
        left -= count
        guard try each(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { return }
      }
      return
    }
    throw .archive(tried, record.path, "the member \(MemberName.shown(main.name)) is missing")
  }

  /// The definitions that an archive holds beside the store; nil where it holds none.
  public func schema(of record: Record) throws(Problem) -> String? {
    let manifest = try Self.manifest(of: record)
    guard let name = manifest.schema, let member = manifest.members.first(where: { $0.name == name }) else {
      return nil
    }
    let tried = "read the definitions in"
    guard member.size <= Manifest.largestText else {
      throw .archive(tried, record.path, "they have \(ByteSize(bytes: member.size).short)", advice: nil)
    }
    let reader = try TarReader(record.path)
    while let entry = try reader.next() {
      guard entry.name == name, entry.kind == .file, entry.size == member.size else { continue }
      let bytes = try Scan.manifestBytes(reader, tried: tried, path: record.path)
      let digests = try Digests(sha256: true)
      bytes.withUnsafeBytes { digests.update($0) }
      guard try digests.finish().sha256 == member.sha256, let text = String(validating: bytes, as: UTF8.self) else {
        throw .archive(tried, record.path, "the member \(name) was altered: its SHA-256 is not the manifest's")
      }
      return text
    }
    throw .archive(tried, record.path, "the member \(name) is missing")
  }

  /// What the driver noted of an archive's content: from the file beside the archive, or, where that is not what the manifest
  /// says, from the archive itself.
  static func notes(of record: Record) throws(Problem) -> [UInt8] {
    let manifest = try Self.manifest(of: record)
    let tried = "read the notes in"
    guard let name = manifest.notes ?? manifest.listing?.member,
      let member = manifest.members.first(where: { $0.name == name })
    else {
      throw .archive(tried, record.path, "it holds none", advice: nil)
    }
    guard member.size <= Manifest.largestNotes else {
      throw .archive(tried, record.path, "they have \(ByteSize(bytes: member.size).short)", advice: nil)
    }
    if let file = try? ArchiveFile.open(ArchiveFile.notes(of: record.path)),
      let bytes = try? file.readAll(limit: member.size), isContent(bytes, of: member)
    {
      return bytes
    }
    let reader = try TarReader(record.path)
    while let entry = try reader.next() {
      guard entry.name == name, entry.kind == .file, entry.size == member.size else { continue }
      let bytes = try Scan.content(
        reader, limit: member.size, what: "its member \(name)", tried: tried, path: record.path)
      guard isContent(bytes, of: member) else {
        throw .archive(tried, record.path, "the member \(name) was altered: its checksum (XXH3) is not the manifest's")
      }
      return bytes
    }
    throw .archive(tried, record.path, "the member \(name) is missing")
  }

  private static func isContent(_ bytes: [UInt8], of member: Manifest.Member) -> Bool {
    guard bytes.count == member.size, let digests = try? Digests(sha256: false) else { return false }
    bytes.withUnsafeBytes { digests.update($0) }
    return (try? digests.finish())?.xxh3 == member.xxh3
  }

  /// The listing of an archived folder; nil of any other archive.
  static func listing(of record: Record) throws(Problem) -> FileListing? {
    guard try manifest(of: record).listing != nil else { return nil }
    return FileListing(try notes(of: record))
  }

  static func manifest(of record: Record) throws(Problem) -> Manifest {
    if let manifest = record.manifest { return manifest }
    return try Scan.manifest(inside: record.path)
  }
}
