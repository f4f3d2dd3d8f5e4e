import MendArchive
import MendKit

extension PluginFile {
  /// Throws where somebody else could have put the file there, or change it between now and its next run: whoever can write a plugin
  /// has it run as this user. Links are resolved first, so that what counts is the file itself and where it stands.
  func confirmTrust() throws(Problem) {
    let resolved = Paths.resolved(path)
    let status = try status(of: resolved)
    guard status.kind == .file else { throw refusal("it is a \(status.kind.rawValue) and not a file", nil) }
    try confirmOwner(status, of: resolved)
    if status.mode & 0o022 != 0 {
      throw refusal("others than its owner can write it (mode \(octal(status.mode)))", "Run: chmod go-w \(resolved)")
    }
    var folder = Paths.folder(of: resolved)
    var isFirst = true
    while true {
      let status = try self.status(of: folder)
      // Where names can only be changed by their owners, as in /tmp, others may add files, but not take one away.
      let isSticky = status.mode & 0o1000 != 0 && !isFirst
      if status.mode & 0o022 != 0, !isSticky {
        throw refusal(
          "others than its owner can write its folder \(folder) (mode \(octal(status.mode)))",
          "Run: chmod go-w \(folder), or move the plugin.")
      }
      try confirmOwner(status, of: folder)
      if folder == "/" { break }
      folder = Paths.folder(of: folder)
      isFirst = false
    }
    try confirmSum(resolved)
  }

  private func confirmOwner(_ status: FileStatus, of path: String) throws(Problem) {
    var trusted: Set<UInt32> = [0, UInt32(geteuid())]
    if let namedBy, let file = try? FileStatus.of(namedBy) { trusted.insert(file.user) }
    guard !trusted.contains(status.user) else { return }
    throw refusal(
      "\(path == Paths.resolved(self.path) ? "it" : path) belongs to user \(status.user), who is neither root nor this user",
      "Have it owned by root or by the user who runs dbmend.")
  }

  private func confirmSum(_ resolved: String) throws(Problem) {
    guard let sha256 else { return }
    let sum = try Checksum.sha256(of: resolved)
    guard sum == sha256.lowercased() else {
      throw refusal(
        "its SHA-256 is \(sum), and \(sha256) is asked for",
        "If somebody changed it on purpose, write the new sum; else find out who did.")
    }
  }

  private func status(of path: String) throws(Problem) -> FileStatus {
    do throws(Problem) {
      return try FileStatus.of(path)
    } catch {
      throw refusal(error.said, error.kind == .missing ? "Check the path in 'plugins:' or --plugin." : error.advice)
    }
  }

  private func octal(_ mode: Int) -> String {
    let digits = String(mode & 0o7777, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  private func refusal(_ said: String, _ advice: String?) -> Problem {
    Problem(.configuration, tried: "trust the plugin", on: writtenPath, said: said, advice: advice)
  }
}
