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
    if snapshot.isFolder {
      let writing = try beginFolder(
        snapshot, of: draft.store, taken: taken, threads: threads, level: level
      ) { progress($0 * 0.85) }
      return try writing.finish(draft) { progress(0.85 + $0 * 0.15) }
    }
    var manifest = try Self.manifest(of: snapshot, draft: draft, taken: taken)
    try prepare()
    let listed = try records()
    restoreCopies(listed)
    manifest.sequence = Self.sequence(behind: listed)
    do throws(Problem) {
      let stem = ArchiveFile.stem(for: draft.store, taken: taken)
      let partial = try Partial(stem + ArchiveFile.suffix, in: path)
      do throws(Problem) {
        let notes = try stream(
          snapshot, draft: draft, manifest: &manifest, into: partial.file, threads: threads, level: level
        ) { progress($0 * 0.85) }
        try snapshot.confirm()
        snapshot.close()
        let seal = try seal(partial, manifest: manifest, notes: notes) { progress(0.85 + $0 * 0.15) }
        return try publish(partial, stem: stem, manifest: manifest, notes: notes, seal: seal)
      } catch {
        partial.discard()
        throw error
      }
    } catch {
      throw Self.advised(error, path)
    }
  }

  /// The number behind those of all archives that there are.
  static func sequence(behind records: [Record]) -> Int {
    min((records.compactMap { $0.manifest?.sequence }.max() ?? 0) + 1, Manifest.largestSequence)
  }

  /// Reads back an archive that was written to its end, and waits meanwhile until it is on the disk.
  func seal(
    _ partial: Partial, manifest: Manifest, notes: [UInt8]?, progress: @escaping (Double) -> Void
  ) throws(Problem) -> Seal {
    let (descriptor, path) = (partial.file.descriptor, partial.path)
    let synced = Workers.begin { Result { () throws(Problem) in try Durable.sync(descriptor, path) } }
    let seal = try Scan(
      expected: manifest, path: path, depth: .xxh3, tried: "read back the archive",
      listing: manifest.listing == nil ? nil : notes.map(FileListing.init),
      // A small one is read sooner than a thread is started.
      unpacksAside: try partial.file.status().size > 1 << 20, progress: progress
    ).run()
    try synced.value.get()
    return seal
  }

  /// The manifest of a store that is no folder, all but the checksums and the sequence.
  private static func manifest(
    of snapshot: StoreSnapshot, draft: Draft, taken: Int64
  ) throws(Problem) -> Manifest {
    var members = snapshot.members.map {
      Manifest.Member(name: $0.name, size: $0.size, sha256: "", xxh3: "", attributes: $0.attributes)
    }
    var schema: String?
    if let text = draft.schema {
      let name = members.map(\.name).contains("schema.sql") ? "dbmend-schema.sql" : "schema.sql"
      members.append(Manifest.Member(name: name, size: text.utf8.count, sha256: "", xxh3: ""))
      schema = name
    }
    let manifest = Manifest(
      store: draft.store, kind: draft.kind, engine: draft.engine, version: draft.version, taken: taken, sequence: 0,
      verdict: draft.verdict, reason: draft.reason, rows: draft.rows, stamp: snapshot.stamp, members: members,
      schema: schema)
    if let said = manifest.flaw {
      throw Problem(
        .unsupported, tried: "archive", on: draft.store.path, said: said,
        advice: "Rename that file of the store; an archive could not be restored with it.")
    }
    return manifest
  }

  /// Writes all members and, last, the manifest, whose checksums are computed on the way. The driver's notes, if there are
  /// any.
  private func stream(
    _ snapshot: StoreSnapshot, draft: Draft, manifest: inout Manifest, into file: FileHandle, threads: Int?,
    level: Int, progress: @escaping (Double) -> Void
  ) throws(Problem) -> [UInt8]? {
    let total = manifest.bytes
    let writer = try TarWriter(file: file, level: level, threads: Self.threads(asked: threads, bytes: total))
    let lane = try HashLane(sha256: true)
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
    if let text = draft.schema, let name = manifest.schema {
      let last = manifest.members.count - 1
      manifest.members[last] = try Self.add(Array(text.utf8), as: name, to: writer, taken: manifest.taken)
    }
    let notes = try snapshot.notes()
    if let notes {
      let names = manifest.members.map(\.name)
      let name = names.contains("pages.bin") ? "dbmend-pages.bin" : "pages.bin"
      guard !names.contains(name), notes.count <= Manifest.largestNotes else {
        try Self.end(writer, manifest)
        return nil
      }
      manifest.notes = name
      manifest.members.append(try Self.add(notes, as: name, to: writer, taken: manifest.taken))
    }
    try Self.end(writer, manifest)
    return notes
  }

  /// Writes a member of dbmend's own.
  static func add(
    _ bytes: [UInt8], as name: String, to writer: TarWriter, taken: Int64
  ) throws(Problem) -> Manifest.Member {
    try writer.write(name, bytes, modified: taken * 1_000_000_000)
    let digests = try Digests(sha256: true)
    bytes.withUnsafeBytes { digests.update($0) }
    var member = Manifest.Member(name: name, size: bytes.count, sha256: "", xxh3: "")
    member.take(try digests.finish())
    return member
  }

  /// Writes the manifest and ends the archive.
  static func end(_ writer: TarWriter, _ manifest: Manifest) throws(Problem) {
    try writer.write(manifest.fileName, Array(manifest.text().utf8), modified: manifest.taken * 1_000_000_000)
    try writer.close()
  }

  /// Gives the verified archive its name, and puts the manifest's copy beside it. The archive's name is on the disk first: without
  /// its copy it is whole, and gets another, while a copy alone tells that an archive is missing. So one sync is enough.
  func publish(
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
        guard try Durable.renameIfFree(partial.path, to: archive) else { continue }
        // The notes are in the archive too, and are compared with the manifest when they are read: no sync is waited for.
        if let beside, try !Durable.renameIfFree(beside.path, to: ArchiveFile.notes(of: archive), syncingFolder: false)
        {
          beside.discard()
        }
        try Durable.rename(copy.path, to: ArchiveFile.copy(of: archive), syncingFolder: false)
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
  static func threads(asked: Int?, bytes: Int) -> Int {
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
