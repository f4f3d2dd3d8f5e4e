import MendKit

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
