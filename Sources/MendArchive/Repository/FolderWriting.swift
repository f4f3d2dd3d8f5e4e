import MendKit

/// An archive of a folder on its way. The files are written first, and only then has it to be known what is to be said of them: they can
/// be archived while they are checked. Used from one thread; let go without an end, it leaves nothing behind.
public final class FolderWriting {
  private let repository: Repository
  private let store: StoreIdentity
  private let stamp: StoreStamp
  private let taken: Int64
  private let stem: String
  private let partial: Partial
  private let writer: TarWriter
  private var listing: Manifest.Listing
  /// The listing's lines, once all files are written.
  private var lines: [UInt8] = []
  private var isOver = false

  /// Writes everything that is in a folder, and confirms it.
  init(
    _ snapshot: StoreSnapshot, of store: StoreIdentity, in repository: Repository, taken: Int64, threads: Int?,
    level: Int,
    progress: @escaping (Double) -> Void
  ) throws(Problem) {
    self.repository = repository
    self.store = store
    self.taken = taken
    stamp = snapshot.stamp
    let folder = snapshot.members.first?.name ?? ""
    listing = Manifest.Listing(
      member: folder == "files.jsonl" ? "dbmend-files.jsonl" : "files.jsonl", folder: folder, files: 0, bytes: 0,
      data: 0)
    stem = ArchiveFile.stem(for: store, taken: taken)
    partial = try Partial(stem + ArchiveFile.suffix, in: repository.path)
    do throws(Problem) {
      writer = try TarWriter(
        file: partial.file, level: Density.isDense(snapshot.sample()) ? min(level, Density.level) : level,
        threads: Repository.threads(asked: threads, bytes: snapshot.stamp.size))
    } catch {
      partial.discard()
      throw error
    }
    do throws(Problem) {
      try stream(snapshot, progress)
      try snapshot.confirm()
    } catch {
      discard()
      throw error
    }
  }

  deinit { discard() }

  /// Lets the archive go, unless it has its name. Safe to call twice.
  public func discard() {
    if !isOver { partial.discard() }
    isOver = true
  }

  /// Writes the files, and lists them.
  private func stream(_ snapshot: StoreSnapshot, _ progress: (Double) -> Void) throws(Problem) {
    let total = Double(max(1, snapshot.stamp.size))
    let lane = try HashLane(sha256: true)
    let lines = ListingWriter()
    for member in snapshot.members {
      if let said = MemberName.flaw(member.name) {
        throw Problem(.unsupported, tried: "archive", on: store.path, said: said, advice: "Rename that file.")
      }
      let modified = member.modified ?? snapshot.stamp.modified
      var listed = ListedFile(
        name: member.name, kind: member.kind, size: 0, modified: modified, attributes: member.attributes)
      let size = member.kind == .file ? member.size : 0
      try writer.begin(
        member.name, kind: member.kind, size: size, attributes: member.attributes, modified: modified)
      if let bytes = member.bytes {
        try writer.write(bytes)
        bytes.withUnsafeBytes { listing.data += Self.data($0) }
        listing.bytes += bytes.count
        progress(Double(listing.bytes) / total)
        listing.files += 1
        listed.size = bytes.count
        try lines.add(listed, content: bytes)
      } else if member.kind == .file {
        let before = listing.bytes
        try member.readAll(lane) { (bytes) throws(Problem) in
          try writer.write(bytes)
          listing.data += Self.data(bytes)
          listing.bytes += bytes.count
          progress(Double(listing.bytes) / total)
        }
        listed.size = listing.bytes - before
        listed.take(try lane.finish())
        listing.files += 1
        try lines.add(listed)
      } else {
        try lines.add(listed)
      }
      try writer.end()
    }
    self.lines = try lines.finish()
  }

  /// How many of these bytes are in blocks that are not all zeros.
  private static func data(_ bytes: UnsafeRawBufferPointer) -> Int {
    var data = 0
    for start in stride(from: 0, to: bytes.count, by: 64 << 10) {
      let part = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 64 << 10, bytes.count)])
      if !part.isZero { data += part.count }
    }
    return data
  }

  /// Ends the archive with what is to be said of the folder, reads it back and gives it its name; where the newest archive of the store
  /// holds the same files and can still be read, that one is returned instead, and `isNew` is false.
  public func finishUnlessUnchanged(
    _ draft: Repository.Draft, progress: @escaping (Double) -> Void = { _ in }
  ) throws(Problem) -> (record: Repository.Record, isNew: Bool) {
    defer { discard() }
    if let record = try repository.newest(of: draft, holding: lines, listing) { return (record, false) }
    return (try finish(draft, progress: progress), true)
  }

  /// Ends the archive with what is to be said of the folder, reads it back and gives it its name.
  func finish(_ draft: Repository.Draft, progress: @escaping (Double) -> Void) throws(Problem) -> Repository.Record {
    defer { discard() }
    do throws(Problem) {
      let manifest = try end(draft)
      let seal = try repository.seal(partial, manifest: manifest, notes: lines, progress: progress)
      let record = try repository.publish(partial, stem: stem, manifest: manifest, notes: lines, seal: seal)
      isOver = true
      return record
    } catch {
      throw Repository.advised(error, repository.path)
    }
  }

  /// Writes the members behind the files.
  private func end(_ draft: Repository.Draft) throws(Problem) -> Manifest {
    var manifest = Manifest(
      store: draft.store, kind: draft.kind, engine: draft.engine, version: draft.version, taken: taken,
      sequence: Repository.sequence(behind: try repository.records()), verdict: draft.verdict, reason: draft.reason,
      rows: draft.rows,
      stamp: stamp, members: [], listing: listing)
    if let text = draft.schema {
      let name = listing.folder == "schema.sql" ? "dbmend-schema.sql" : "schema.sql"
      manifest.schema = name
      manifest.members.append(
        try Repository.add(Array(text.utf8), as: name, to: writer, taken: taken))
    }
    manifest.members.append(try Repository.add(lines, as: listing.member, to: writer, taken: taken))
    if let said = manifest.flaw {
      throw Problem(.unsupported, tried: "archive", on: store.path, said: said, advice: "Rename that folder.")
    }
    try Repository.end(writer, manifest)
    return manifest
  }
}

extension Repository {
  /// Begins an archive of a folder: its files are written, and what is to be said of them is asked for at the end. The snapshot is
  /// closed. Throws as `write` does.
  public func beginFolder(
    _ snapshot: StoreSnapshot, of store: StoreIdentity, threads: Int? = nil, level: Int = 3,
    progress: @escaping (Double) -> Void = { _ in }
  ) throws(Problem) -> FolderWriting {
    try beginFolder(snapshot, of: store, taken: clock.now(), threads: threads, level: level, progress: progress)
  }

  func beginFolder(
    _ snapshot: StoreSnapshot, of store: StoreIdentity, taken: Int64, threads: Int?, level: Int,
    progress: @escaping (Double) -> Void
  ) throws(Problem) -> FolderWriting {
    defer { snapshot.close() }
    try prepare()
    restoreCopies(try records())
    do throws(Problem) {
      return try FolderWriting(
        snapshot, of: store, in: self, taken: taken, threads: threads, level: level, progress: progress)
    } catch {
      throw Self.advised(error, path)
    }
  }
}
