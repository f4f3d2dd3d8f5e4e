import MendKit

/// The file that `--report` names.
struct ReportFile {
  private let path: String

  init(_ path: String) { self.path = path }

  /// Writes a report, all of it or nothing, where the path is that of a file or of nothing yet; a link stays one. Devices,
  /// pipes and the system's names of open files are written into: to replace them by a file would break them for everyone.
  func write(_ text: String) throws(Problem) {
    let resolved = Paths.resolved(path)
    let kind = try? FileStatus.of(path).kind
    let isOfSystem = ["/dev/", "/proc/"].contains { Paths.absolute(path).hasPrefix($0) }
    if kind == nil || kind == .file || kind == .folder, !isOfSystem {
      return try Durable.write(Array(text.utf8), to: resolved)
    }
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError.problem("open", path) }
    defer { close(descriptor) }
    try Console.write(text, to: descriptor, path)
  }
}
