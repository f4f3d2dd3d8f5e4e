import CSystem
import MendKit

/// A copy of a live database and its log that is one state of both, taken without the engine and without a lock.
///
/// The engine never writes over a block that the newest checkpoint uses, and empties the log only once a newer checkpoint is in
/// the headers. So blocks and log that were read while the headers stayed the same belong together.
struct NativeCopy {
  /// The copy's path.
  let path: String
  /// The live file's path, links resolved.
  let source: String
  /// What the pass over the file found.
  let survey: FileSurvey
  /// What the log holds; nil where there is none.
  let log: WriteAheadLog?
  /// The live store's state.
  let stamp: StoreStamp
  /// The live file, open.
  let file: FileHandle

  /// How often a database is copied that is checkpointed meanwhile.
  private static let tries = 10

  /// Takes the copy into a folder under a name.
  static func make(
    of path: String, in folder: String, name: String? = nil, workers: Int = Workers.processors
  ) throws(Problem) -> NativeCopy {
    let source = Paths.resolved(path)
    let target = Paths.join(folder, name ?? Paths.name(of: source))
    var suspects: [Int]?
    for _ in 0..<tries {
      let file = try open(source)
      let headers = try FileHeaders(file)
      try Paths.removeFile(target)
      for suffix in Sidecars.suffixes { try Paths.removeFile(target + suffix) }
      let copy = try FileHandle.create(target, mode: 0o600)
      let survey = try FileSurvey.make(file, headers: headers, copyTo: copy, workers: workers)
      for suffix in Sidecars.suffixes.dropLast() { try copySidecar(source + suffix, to: target + suffix) }
      let stamp = try Self.stamp(source)
      // Damaged headers do not move; sound ones that did mean that a checkpoint came in between.
      guard try FileHeaders(file) == headers, FileStatus.isSame(source, "/proc/self/fd/\(file.descriptor)") else {
        continue
      }
      // Blocks of the catalog are written in place while a checkpoint runs. What is damaged stays so when it is read again.
      if !survey.unreadable.isEmpty, survey.unreadable != suspects {
        if suspects != nil { usleep(100_000) }
        suspects = survey.unreadable
        continue
      }
      return NativeCopy(
        path: target, source: source, survey: survey, log: try WriteAheadLog.beside(target), stamp: stamp, file: file)
    }
    throw changed(source)
  }

  /// Opens the live file for reading.
  static func open(_ path: String) throws(Problem) -> FileHandle {
    let file = try FileHandle.read(path)
    let status = try file.status()
    guard status.kind == .file else {
      throw Problem(
        .damaged, tried: "open the database", on: path, said: "it is a \(status.kind.rawValue), not a file",
        code: "file.not-a-file")
    }
    return file
  }

  private static func copySidecar(_ path: String, to target: String) throws(Problem) {
    guard let file = try Sidecars.open(path) else { return }
    let copy = try FileHandle.create(target, mode: 0o600)
    if csystem_clone_file(file.descriptor, copy.descriptor) == 0 { return }
    var offset = 0
    while case let bytes = try file.read(1 << 20, at: offset), !bytes.isEmpty {
      try copy.write(bytes, at: offset)
      offset += bytes.count
    }
  }

  /// What identifies the state of a live database: the file, the number of its checkpoint, and the sizes of its logs.
  static func stamp(_ path: String) throws(Problem) -> StoreStamp {
    let file = try FileHandle.read(path)
    let status = try file.status()
    let headers = try FileHeaders(file)
    let sizes = Sidecars.suffixes.map { suffix in UInt64((try? FileStatus.of(file.path + suffix).size) ?? 0) }
    return StoreStamp(
      size: status.size, modified: status.modified, inode: status.inode,
      changeCounter: headers.active.map { UInt32(truncatingIfNeeded: $0.iteration) },
      log: sizes.allSatisfy { $0 == 0 } ? [] : sizes)
  }

  static func changed(_ path: String) -> Problem {
    Problem(
      .changing, tried: "read one state of", on: path, said: "another process wrote a checkpoint to it meanwhile",
      advice: "Run dbmend again when the application is less busy.", code: "store.changing")
  }
}
