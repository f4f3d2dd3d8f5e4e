import MendKit

/// A live database as an archive takes it up.
enum Snapshots {
  /// One file. Without `staging` it is read from the live store, which may turn out to have changed.
  static func consistent(_ path: String, staging: String?) throws(Problem) -> StoreSnapshot {
    let source = Paths.resolved(path)
    try Foreign.refuse(source)
    guard let staging else { return try direct(source) }
    // What stands in the pages is for the checks to read.
    let copy = try NativeCopy.make(
      of: source, to: Paths.join(staging, "snapshot-" + Paths.name(of: source)), readsContent: false)
    do throws(Problem) {
      guard copy.survey.isSound else { throw SurveyFindings.problem(copy.survey, on: source) }
      let file = try FileHandle.read(copy.path)
      let member = try member(file, name: Paths.name(of: source), attributes: copy.attributes)
      return StoreSnapshot(
        members: [member], stamp: copy.stamp, stagedPath: copy.path,
        notes: { () throws(Problem) in try ChunkNotes.take(file, copy.survey) },
        release: { try? Paths.removeFile(copy.path) })
    } catch {
      try? Paths.removeFile(copy.path)
      throw error
    }
  }

  private static func direct(_ path: String) throws(Problem) -> StoreSnapshot {
    let file = try NativeCopy.open(path)
    let stamp = try NativeCopy.stamp(path)
    let member = try member(file, name: Paths.name(of: path), attributes: try FileAttributes(of: file))
    return StoreSnapshot(
      members: [member], stamp: stamp,
      notes: { () throws(Problem) in try ChunkNotes.take(file, FileSurvey.make(file, readsContent: false)) },
      confirm: { () throws(Problem) in
        guard try NativeCopy.stamp(path) == stamp else { throw NativeCopy.changed(path) }
      })
  }

  /// The file as it is.
  static func raw(_ path: String) throws(Problem) -> StoreSnapshot {
    let source = Paths.resolved(path)
    let file = try FileHandle.read(source)
    let stamp = try NativeCopy.stamp(source)
    return StoreSnapshot(
      members: [try member(file, name: Paths.name(of: source), attributes: try FileAttributes(of: file))], stamp: stamp,
      confirm: { () throws(Problem) in
        guard try NativeCopy.stamp(source) == stamp else { throw NativeCopy.changed(source) }
      })
  }

  private static func member(
    _ file: FileHandle, name: String, attributes: FileAttributes
  ) throws(Problem) -> SnapshotMember {
    SnapshotMember(name: name, size: try file.status().size, attributes: attributes) { offset, buffer throws(Problem) in
      try file.read(into: buffer, at: offset)
    }
  }
}

/// Files that cannot be databases that anything here could read.
enum Foreign {
  /// Throws for one.
  static func refuse(_ path: String) throws(Problem) {
    let file = try NativeCopy.open(path)
    let headers = try StoreHeaders(file)
    guard !StoreHeaders.isEncrypted(headers.bytes) else {
      throw Problem(
        .damaged, tried: "open the database", on: path, said: "it is encrypted by H2, and dbmend has no key",
        code: "file.encrypted")
    }
    guard let newest = headers.newest else {
      if !StoreHeaders.hasMagic(headers.bytes), let sign = try ContentSigns.encryption(of: file) {
        throw Problem(
          .damaged, tried: "open the database", on: path, said: "it looks encrypted: \(sign)", code: "file.encrypted")
      }
      // Whole chunks tell that headers are all that is lost.
      if try StoreFile(file).wholeChunks().isEmpty {
        throw Problem(
          .damaged, tried: "open the database", on: path,
          said: headers.bytes.isEmpty
            ? "the file is empty" : "it does not begin as an H2 database does (H:2), and no chunk of one is in it",
          code: "file.not-a-database")
      }
      throw Problem(
        .damaged, tried: "open the database", on: path,
        said: "both headers of the file are damaged (their checksums are wrong)", code: "file.malformed")
    }
    guard newest.blockSize == StoreHeaders.blockSize, (2...3).contains(newest.readFormat) else {
      let format = "its format is \(newest.readFormat)"
      guard newest.readFormat < 2 else { throw EngineWords.unsupported(format, on: path) }
      throw EngineWords.unsupported(
        format + ", which H2 1.4 wrote and no newer version reads", on: path,
        advice:
          "Convert it: SCRIPT TO 'shop.sql' with the application's old jar, and RUNSCRIPT FROM 'shop.sql' with a new one; until then "
          + "keep it in a store of kind folder.")
    }
  }
}
