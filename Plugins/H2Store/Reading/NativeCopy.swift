import CSystem
import MendKit

/// A copy of a live database that is one state of it, taken without the engine and without a lock.
///
/// H2 never writes over a chunk that the newest version uses: what was copied while an application wrote is what a crash would
/// have left, and the newest version all of whose chunks are whole is a state that was committed. Where nothing moved while the
/// copy was taken, whatever is wrong with it is wrong with the file.
struct NativeCopy {
  /// The copy's path.
  let path: String
  /// The live file's path, links resolved.
  let source: String
  /// What is to be said of the copy without the engine.
  let survey: FileSurvey
  /// The live store's state.
  let stamp: StoreStamp
  /// The live file's owner, mode and extended attributes.
  let attributes: FileAttributes

  /// How often a database is copied that is written meanwhile.
  private static let tries = 10

  /// Takes the copy to a path, and looks at what stands in its pages as well, unless only what frames them is asked for.
  static func make(of path: String, to target: String, readsContent: Bool = true) throws(Problem) -> NativeCopy {
    let source = Paths.resolved(path)
    for attempt in 0..<tries {
      let file = try open(source)
      let before = try stamp(of: file)
      try Paths.removeFile(target)
      let copy = try FileHandle.create(target, mode: 0o600)
      try copyContent(file, to: copy)
      let survey = try FileSurvey.make(copy, readsContent: readsContent)
      let isSteady = try stamp(source) == before
      let reached = survey.newest?.last.version ?? -1
      let isState = survey.isSound && reached >= (survey.headers.newest?.version ?? 0)
      if isSteady || isState {
        return NativeCopy(
          path: target, source: source, survey: survey, stamp: before, attributes: try FileAttributes(of: file))
      }
      usleep(UInt32(20_000 * (attempt + 1)))
    }
    throw changed(source)
  }

  /// Copies what an open file holds.
  static func copyContent(_ file: FileHandle, to copy: FileHandle) throws(Problem) {
    if csystem_clone_file(file.descriptor, copy.descriptor) == 0 { return }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var offset = 0
    while case let count = try file.read(into: buffer, at: offset), count > 0 {
      try copy.writeSparsely(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
      offset += count
    }
    try copy.truncate(to: offset)
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

  /// What identifies the state of a live database: the file, and the version that its headers name.
  static func stamp(_ path: String) throws(Problem) -> StoreStamp { try stamp(of: FileHandle.read(path)) }

  private static func stamp(of file: FileHandle) throws(Problem) -> StoreStamp {
    let status = try file.status()
    let version = try StoreHeaders(file).newest?.version
    return StoreStamp(
      size: status.size, modified: status.modified, inode: status.inode,
      changeCounter: version.map { UInt32(truncatingIfNeeded: $0) }, log: [])
  }

  static func changed(_ path: String) -> Problem {
    Problem(
      .changing, tried: "read one state of", on: path, said: "another process wrote to it meanwhile",
      advice: "Run dbmend again when the application is less busy.", code: "store.changing")
  }
}
