import MendKit

/// The files that an extraction makes in a folder, so that a failed one leaves nothing behind.
final class ExtractionFolder {
  let path: String
  private let isNew: Bool
  private var files: [String] = []
  private var folders: [String] = []

  init(_ path: String) {
    self.path = path
    isNew = !FileStatus.exists(path)
  }

  /// Makes a new file below the folder. Folders on the way are made, or must be real ones: a link there leads out.
  func create(_ name: String) throws(Problem) -> FileHandle {
    try makeFolder(String(Paths.folder(of: name)))
    let file = try FileHandle.create(Paths.join(path, name), mode: 0o600)
    files.append(file.path)
    return file
  }

  /// Makes a link below the folder, which says what is given and is never followed.
  func link(_ name: String, to target: String) throws(Problem) {
    try makeFolder(Paths.folder(of: name))
    let place = Paths.join(path, name)
    guard symlink(target, place) == 0 else { throw SystemError.problem("make the link", place) }
    files.append(place)
  }

  /// Makes a folder below the folder, and those on the way.
  func makeFolder(_ name: String) throws(Problem) {
    guard name != "." else { return }
    var above = path
    for part in name.split(separator: "/") {
      above = Paths.join(above, String(part))
      if mkdir(above, 0o700) == 0 {
        folders.append(above)
      } else if errno != EEXIST {
        throw SystemError.problem("make the folder", above)
      } else if try FileStatus.of(above, followLinks: false).kind != .folder {
        throw Problem(
          .refused, tried: "extract into", on: above, said: "what stands there is no folder",
          advice: "Extract into an empty folder.")
      }
    }
  }

  /// Waits until all files and their names are on the disk.
  func sync() throws(Problem) {
    for file in files { try FileHandle.read(file).sync() }
    for folder in folders + [path] { try Durable.syncFolder(folder) }
  }

  /// Removes what was made.
  func discard() {
    for file in files { try? Paths.removeFile(file) }
    for folder in folders.reversed() { rmdir(folder) }
    if isNew { rmdir(path) }
  }
}
