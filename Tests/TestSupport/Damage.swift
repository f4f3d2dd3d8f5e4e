import MendKit

extension Example.Damage {
  /// Does the damage to a file.
  public func apply(to path: String) throws {
    switch self {
    case .overwrite(let offset, let bytes): try FileHandle.update(path).write(bytes, at: offset)
    case .truncate(let size): try FileHandle.update(path).truncate(to: size)
    case .remove: try Paths.removeFile(path)
    case .beside(let suffix, let damage): try damage.apply(to: path + suffix)
    case .mode(let mode):
      guard chmod(path, mode_t(mode)) == 0 else { throw PreparationFailed("cannot set the mode of \(path)") }
    case .within(let name, let damage, let keepsTime):
      let file = Paths.join(path, name)
      let modified = try FileStatus.of(file).modified
      try damage.apply(to: file)
      guard FileStatus.exists(file) else { return }
      if keepsTime { FileTimes.set(modified, of: try FileHandle.read(file)) }
    case .replace(let old, let new):
      let (old, new) = (Array(old.utf8), Array(new.utf8))
      guard old.count == new.count, !old.isEmpty else { throw PreparationFailed("texts of different lengths") }
      let file = try FileHandle.update(path)
      let bytes = try file.readAll(limit: 1 << 30)
      var found = 0
      for start in bytes.indices.dropLast(old.count - 1) where bytes[start..<start + old.count].elementsEqual(old) {
        try file.write(new, at: start)
        found += 1
      }
      guard found > 0 else { throw PreparationFailed("\(path) does not hold the text to be replaced") }
    }
  }
}

/// The damage tool that is kept beside the repository, in `../shared/tools/damage.py`.
public enum DamageTool {
  /// The tool's path; nil, with a message on standard error, where it is not there.
  public static func path() -> String? {
    var folder = Paths.folder(of: #filePath)
    while folder != "/" {
      let candidate = Paths.join(Paths.folder(of: folder), "shared/tools/damage.py")
      if FileStatus.exists(candidate) { return candidate }
      folder = Paths.folder(of: folder)
    }
    let message = "damage.py is not beside this repository: tests that need it check nothing more\n"
    _ = write(STDERR_FILENO, message, message.utf8.count)
    return nil
  }

  /// Makes a damaged copy of a database; false where the tool is not there.
  public static func damage(
    _ kind: String, _ source: String, to target: String, seed: Int = 1, count: Int = 5
  ) throws -> Bool {
    guard let tool = path() else { return false }
    let result = try run("python3", tool, kind, source, target, "--seed", "\(seed)", "--count", "\(count)")
    guard result.exit == 0 else { throw PreparationFailed(result.errors) }
    return true
  }
}
