import MendKit

/// Folding a log into its file, by the engine.
enum Settling {
  /// Has the engine take the log beside a copy up. Nobody else has it open.
  static func settle(_ copy: String) throws(Problem) {
    guard Sidecars.suffixes.contains(where: { FileStatus.exists(copy + $0) }) else { return }
    guard try Sidecars.holdAnything(beside: copy) else { return try Sidecars.remove(beside: copy) }
    let client = try Client.find()
    if let words = try client.run(["CHECKPOINT"], on: copy, .writable).first?.failure {
      throw EngineWords.problem(words, on: copy, tried: "write the log into")
    }
    try Sidecars.remove(beside: copy)
  }
}

/// A live database as an archive takes it up.
enum Snapshots {
  /// One file, with what its log holds folded in by the engine.
  static func consistent(_ path: String, staging: String?) throws(Problem) -> StoreSnapshot {
    let source = Paths.resolved(path)
    try DuckDBSession.refuseForeign(source)
    if staging == nil, try !Sidecars.holdAnything(beside: source) { return try direct(source) }
    return try staged(source, staging)
  }

  private static func direct(_ path: String) throws(Problem) -> StoreSnapshot {
    let file = try NativeCopy.open(path)
    let stamp = try NativeCopy.stamp(path)
    let headers = try FileHeaders(file)
    let member = SnapshotMember(
      name: Paths.name(of: path), size: stamp.size, attributes: try FileAttributes(of: file)
    ) { offset, buffer throws(Problem) in try file.read(into: buffer, at: offset) }
    return StoreSnapshot(
      members: [member], stamp: stamp, notes: { () throws(Problem) in try BlockNotes.take(file, headers) },
      confirm: { () throws(Problem) in
        guard try FileHeaders(file) == headers, try NativeCopy.stamp(path) == stamp else {
          throw NativeCopy.changed(path)
        }
      })
  }

  private static func staged(_ path: String, _ staging: String?) throws(Problem) -> StoreSnapshot {
    let own = staging == nil ? try PrivateFolder("dbmend-duckdb-") : nil
    let folder = staging ?? own?.path ?? "."
    let name = "snapshot-" + Paths.name(of: path)
    let copy = try NativeCopy.make(of: path, in: folder, name: name)
    do throws(Problem) {
      guard copy.survey.unreadable.isEmpty else { throw SurveyFindings.problem(copy.survey, on: path) }
      try Settling.settle(copy.path)
      let file = try FileHandle.read(copy.path)
      let member = SnapshotMember(
        name: Paths.name(of: path), size: try file.status().size, attributes: try FileAttributes(of: copy.file)
      ) { offset, buffer throws(Problem) in try file.read(into: buffer, at: offset) }
      return StoreSnapshot(
        members: [member], stamp: copy.stamp, stagedPath: own == nil ? copy.path : nil,
        notes: { () throws(Problem) -> [UInt8]? in BlockNotes.take(copy.survey) },
        release: {
          try? Paths.removeFile(copy.path)
          // The folder goes with the last who holds it, which is this.
          withExtendedLifetime(own) {}
        })
    } catch {
      try? Paths.removeFile(copy.path)
      try? Sidecars.remove(beside: copy.path)
      throw error
    }
  }

  /// Every file of the database as it is.
  static func raw(_ path: String) throws(Problem) -> StoreSnapshot {
    let main = try FileHandle.read(Paths.resolved(path))
    let stamp = try NativeCopy.stamp(main.path)
    var files = [main]
    for suffix in Sidecars.suffixes {
      if FileStatus.exists(main.path + suffix) { files.append(try FileHandle.read(main.path + suffix)) }
    }
    var members: [SnapshotMember] = []
    for file in files {
      members.append(
        SnapshotMember(
          name: Paths.name(of: file.path), size: try file.status().size, attributes: try FileAttributes(of: file)
        ) { offset, buffer throws(Problem) in try file.read(into: buffer, at: offset) })
    }
    return StoreSnapshot(
      members: SnapshotMembers(members), stamp: stamp,
      confirm: { () throws(Problem) in
        guard try NativeCopy.stamp(main.path) == stamp else { throw NativeCopy.changed(main.path) }
      })
  }
}
