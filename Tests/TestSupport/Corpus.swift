import MendKit

/// The samples that are kept beside the repository, in `../shared/corpus` or where `$DBMEND_CORPUS` says.
public enum Corpus {
  /// A folder of the corpus; nil, with a message on standard error, where it is not there.
  public static func folder(_ name: String) -> String? {
    if let place = getenv("DBMEND_CORPUS") { return Paths.join(String(cString: place), name) }
    var folder = Paths.folder(of: #filePath)
    while folder != "/" {
      let candidate = Paths.join(Paths.folder(of: folder), "shared/corpus/" + name)
      if FileStatus.exists(candidate) { return candidate }
      folder = Paths.folder(of: folder)
    }
    let message =
      "no corpus of \(name) beside this repository: tests that need it check nothing; DBMEND_CORPUS names one\n"
    _ = write(STDERR_FILENO, message, message.utf8.count)
    return nil
  }
}
