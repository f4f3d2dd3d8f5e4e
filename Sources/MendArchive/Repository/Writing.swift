import MendKit

extension Repository {
  /// Archives a snapshot: written, synced, read back and compared before it bears its name, so that a run that dies
  /// leaves either no archive under that name or a verified one. The snapshot is closed as soon as all of it was
  /// read.
  ///
  /// Compresses with `threads` threads, as many as there are cores when left out, at zstd's `level`. `progress` is
  /// called with how far the work is, from 0 to 1. Throws a problem of kind `changing` when a member has not the size
  /// that the snapshot says, or when the snapshot does not confirm what was read; nothing is left behind then.
  public func write(
    _ snapshot: StoreSnapshot, draft: Draft, threads: Int? = nil, level: Int = 3,
    progress: @escaping (Double) -> Void = { _ in }
  ) throws(Problem) -> Record {
    try write(
      snapshot, draft: draft, taken: clock.now(), threads: threads, level: level, progress: progress)
  }

  func write(
    _ snapshot: StoreSnapshot, draft: Draft, taken: Int64, threads: Int?, level: Int,
    progress: @escaping (Double) -> Void
  ) throws(Problem) -> Record {
    defer { snapshot.close() }
    var manifest = try Self.manifest(of: snapshot, draft: draft, taken: taken)
    try prepare()
    let listed = try records()
    restoreCopies(listed)
    manifest.sequence = (listed.compactMap { $0.manifest?.sequence }.max() ?? 0) + 1
    do throws(Problem) {
      let stem = ArchiveFile.stem(for: draft.store, taken: taken)
      let partial = try Partial(stem + ArchiveFile.suffix, in: path)
      do throws(Problem) {
        let notes = try stream(
          snapshot, draft: draft, manifest: &manifest, into: partial.file, threads: threads, level: level
        ) { progress($0 * 0.85) }
        try snapshot.confirm()
        snapshot.close()
        try partial.file.sync()
        let seal = try Scan(
          expected: manifest, path: partial.path, depth: .xxh3, tried: "read back the archive",
          listing: manifest.listing == nil ? nil : notes.map(FileListing.init),
          progress: { progress(0.85 + $0 * 0.15) }
        ).run()
        return try publish(partial, stem: stem, manifest: manifest, notes: notes, seal: seal)
      } catch {
        partial.discard()
        throw error
      }
    } catch {
      throw Self.advised(error, path)
    }
  }

  /// The manifest, all but the checksums and the sequence.
  private static func manifest(
    of snapshot: StoreSnapshot, draft: Draft, taken: Int64
  ) throws(Problem) -> Manifest {
    var members: [Manifest.Member] = []
    var listing: Manifest.Listing?
    if snapshot.isFolder {
      let folder = snapshot.members.first?.name ?? ""
      listing = Manifest.Listing(
        member: folder == "files.jsonl" ? "dbmend-files.jsonl" : "files.jsonl", folder: folder, files: 0, bytes: 0,
        data: 0)
    } else {
      members = snapshot.members.map {
        Manifest.Member(name: $0.name, size: $0.size, sha256: "", xxh3: "", attributes: $0.attributes)
      }
    }
    var schema: String?
    if let text = draft.schema {
      let names = members.map(\.name) + [listing?.folder].compactMap(\.self)
      let name = names.contains("schema.sql") ? "dbmend-schema.sql" : "schema.sql"
      members.append(Manifest.Member(name: name, size: text.utf8.count, sha256: "", xxh3: ""))
      schema = name
    }
    let manifest = Manifest(
      store: draft.store, kind: draft.kind, engine: draft.engine, version: draft.version, taken: taken, sequence: 0,
      verdict: draft.verdict, reason: draft.reason, rows: draft.rows, stamp: snapshot.stamp, members: members,
      schema: schema, listing: listing)
    if listing == nil, let said = manifest.flaw {
      throw Problem(
        .unsupported, tried: "archive", on: draft.store.path, said: said,
        advice: "Rename that file of the store; an archive could not be restored with it.")
    }
    return manifest
  }

  /// Writes all members and, last, the manifest, whose checksums are computed on the way. The driver's notes, if there are
  /// any, or the listing of a folder.
  private func stream(
    _ snapshot: StoreSnapshot, draft: Draft, manifest: inout Manifest, into file: FileHandle, threads: Int?,
    level: Int, progress: @escaping (Double) -> Void
  ) throws(Problem) -> [UInt8]? {
    let total = snapshot.isFolder ? snapshot.stamp.size : manifest.bytes
    let writer = try TarWriter(file: file, level: level, threads: Self.threads(asked: threads, bytes: total))
    let lane = try HashLane(sha256: true)
    if snapshot.isFolder {
      return try streamFolder(snapshot, draft: draft, manifest: &manifest, to: writer, lane, total: total, progress)
    }
    let modified = snapshot.stamp.modified
    var done = 0
    for (index, member) in snapshot.members.enumerated() {
      try writer.begin(member.name, size: member.size, attributes: member.attributes, modified: modified)
      try member.readAll(lane) { (bytes) throws(Problem) in
        try writer.write(bytes)
        done += bytes.count
        progress(Double(done) / Double(max(1, total)))
      }
      try writer.end()
      manifest.members[index].take(try lane.finish())
    }
    if let text = draft.schema, manifest.schema != nil {
      let last = manifest.members.count - 1
      try add(Array(text.utf8), as: &manifest.members[last], to: writer, taken: manifest.taken)
    }
    let notes = try snapshot.notes()
    if let notes {
      let names = manifest.members.map(\.name)
      let name = names.contains("pages.bin") ? "dbmend-pages.bin" : "pages.bin"
      guard !names.contains(name), notes.count <= Manifest.largestNotes else {
        return try end(writer, manifest, notes: nil)
      }
      manifest.notes = name
      var member = Manifest.Member(name: name, size: notes.count, sha256: "", xxh3: "")
      try add(notes, as: &member, to: writer, taken: manifest.taken)
      manifest.members.append(member)
    }
    return try end(writer, manifest, notes: notes)
  }

  /// Writes a folder and everything in it, and lists it; the listing.
  private func streamFolder(
    _ snapshot: StoreSnapshot, draft: Draft, manifest: inout Manifest, to writer: TarWriter, _ lane: HashLane,
    total: Int,
    _ progress: @escaping (Double) -> Void
  ) throws(Problem) -> [UInt8]? {
    guard var listing = manifest.listing else { return nil }
    let lines = ListingWriter()
    for member in snapshot.members {
      if let said = MemberName.flaw(member.name) {
        throw Problem(.unsupported, tried: "archive", on: draft.store.path, said: said, advice: "Rename that file.")
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
        progress(Double(listing.bytes) / Double(max(1, total)))
        listing.files += 1
        listed.size = bytes.count
        try lines.add(listed, content: bytes)
      } else if member.kind == .file {
        let before = listing.bytes
        try member.readAll(lane) { (bytes) throws(Problem) in
          try writer.write(bytes)
          listing.data += Self.data(bytes)
          listing.bytes += bytes.count
          progress(Double(listing.bytes) / Double(max(1, total)))
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
    manifest.listing = listing
    if let text = draft.schema, manifest.schema != nil {
      let last = manifest.members.count - 1
      try add(Array(text.utf8), as: &manifest.members[last], to: writer, taken: manifest.taken)
    }
    let text = try lines.finish()
    var member = Manifest.Member(name: listing.member, size: text.count, sha256: "", xxh3: "")
    try add(text, as: &member, to: writer, taken: manifest.taken)
    manifest.members.append(member)
    if let said = manifest.flaw {
      throw Problem(.unsupported, tried: "archive", on: draft.store.path, said: said, advice: "Rename that folder.")
    }
    return try end(writer, manifest, notes: text)
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

  private func add(
    _ bytes: [UInt8], as member: inout Manifest.Member, to writer: TarWriter, taken: Int64
  ) throws(Problem) {
    try writer.write(member.name, bytes, modified: taken * 1_000_000_000)
    let digests = try Digests(sha256: true)
    bytes.withUnsafeBytes { digests.update($0) }
    member.take(try digests.finish())
  }

  private func end(_ writer: TarWriter, _ manifest: Manifest, notes: [UInt8]?) throws(Problem) -> [UInt8]? {
    try writer.write(manifest.fileName, Array(manifest.text().utf8), modified: manifest.taken * 1_000_000_000)
    try writer.close()
    return notes
  }

  /// Gives the verified archive its name, and puts the manifest's copy beside it. The archive comes first: without its
  /// copy it is whole, while a copy alone would be of nothing. One sync of the folder makes both names last.
  private func publish(
    _ partial: Partial, stem: String, manifest: Manifest, notes: [UInt8]?, seal: Seal
  ) throws(Problem) -> Record {
    let copy = try Partial(stem + ArchiveFile.copySuffix, in: path)
    let beside = notes == nil ? nil : try Partial(stem + ArchiveFile.notesSuffix, in: path)
    do throws(Problem) {
      if let beside, let notes { try beside.file.write(notes, at: 0) }
      try copy.file.write(Array(manifest.text(seal: seal).utf8), at: 0)
      try copy.file.sync()
      var number = 1
      while true {
        let name = number == 1 ? stem : "\(stem)-\(number)"
        let archive = Paths.join(path, name + ArchiveFile.suffix)
        number += 1
        // A copy whose archive is gone keeps the name: it tells that something is missing.
        if FileStatus.exists(ArchiveFile.copy(of: archive)) { continue }
        guard try Durable.renameIfFree(partial.path, to: archive, syncingFolder: false) else { continue }
        // The notes are in the archive too, and are compared with the manifest when they are read: no sync is waited for.
        if let beside, try !Durable.renameIfFree(beside.path, to: ArchiveFile.notes(of: archive), syncingFolder: false)
        {
          beside.discard()
        }
        try Durable.rename(copy.path, to: ArchiveFile.copy(of: archive))
        let record = Record(path: archive, size: seal.size, manifest: manifest, seal: seal)
        KnownGood.note(record)
        return record
      }
    } catch {
      copy.discard()
      beside?.discard()
      throw error
    }
  }

  /// How many threads are worth it: zstd gives each of them 8 MiB at a time at its usual levels.
  private static func threads(asked: Int?, bytes: Int) -> Int {
    let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    let jobs = bytes >> 23
    return min(asked ?? cores, jobs)
  }
}

extension Manifest.Member {
  fileprivate mutating func take(_ digest: Digest) {
    sha256 = digest.sha256 ?? ""
    xxh3 = digest.xxh3
  }
}

extension SnapshotMember {
  /// Reads the member to its end through the lane's buffers. Throws a problem of kind `changing` when it ends before
  /// its size or goes on behind it.
  func readAll(_ lane: HashLane, _ each: (UnsafeRawBufferPointer) throws(Problem) -> Void) throws(Problem) {
    var offset = 0
    while true {
      let buffer = lane.next()
      let count = try read(offset, buffer)
      if count == 0 { break }
      guard count > 0, count <= buffer.count else {
        throw Problem(.system, tried: "read", on: name, said: "the driver gave \(count) of \(buffer.count) bytes")
      }
      guard offset + count <= size else { throw changing("it grew beyond its \(size) bytes") }
      lane.submit(count)
      try each(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += count
    }
    guard offset == size else { throw changing("it ended after \(offset) of \(size) bytes") }
  }

  private func changing(_ said: String) -> Problem {
    Problem(
      .changing, tried: "archive", on: name, said: said + " while it was read",
      advice: "Run dbmend again when less is written, or stop the application first.")
  }
}
