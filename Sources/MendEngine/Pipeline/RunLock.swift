import MendKit

/// Keeps two runs from working with one repository at the same time. The lock is the system's, so a run that dies lets it
/// go; the file stays, with the number of the process that last held it.
final class RunLock {
  static let name = ".dbmend.lock"

  private let file: FileHandle

  private init(_ file: FileHandle) { self.file = file }

  deinit { release() }

  /// Takes the lock of a repository, whose folder is made when it is missing. Waits up to `patience` seconds for a run that holds
  /// it already, and names that.
  static func take(_ repository: String, patience: Double = 0) throws(Problem) -> RunLock {
    try Paths.makeFolder(repository, mode: 0o700)
    let file = try open(Paths.join(repository, name))
    guard try wait(for: file, patience) else {
      let text = String(decoding: (try? file.read(32, at: 0)) ?? [], as: UTF8.self)
      let pid = Int(text.prefix { $0.isNumber })
      throw Problem(
        .locked, tried: "begin a run with the repository", on: repository,
        said: "another run of dbmend is working with it" + (pid.map { " (process \($0))" } ?? ""),
        advice: "Wait until it has ended.",
        blockers: pid.map { [Blocker(pid: $0, program: OpenFiles.program(of: $0))] } ?? [])
    }
    try file.truncate(to: 0)
    try file.write(Array("\(getpid())\n".utf8), at: 0)
    return RunLock(file)
  }

  /// Tries to take the lock until the patience is over. Who waits asks a hundred times a second: the system tells nobody when a
  /// lock is free, but for who waits without an end.
  private static func wait(for file: FileHandle, _ patience: Double) throws(Problem) -> Bool {
    let start = Clock.system.steady()
    while true {
      if try FileLock.take(.exclusive, file, start: 0, length: 0) { return true }
      if Clock.system.steady() - start >= patience { return false }
      usleep(10_000)
    }
  }

  private static func open(_ path: String) throws(Problem) -> FileHandle {
    while true {
      if FileStatus.exists(path) {
        return try FileHandle.open(path, O_RDWR | O_NOFOLLOW, tried: "open for writing")
      }
      if let file = try? FileHandle.create(path, mode: 0o600) { return file }
      // Someone else made it in between, or nobody can: the latter shows in a moment.
      guard FileStatus.exists(path) else { return try FileHandle.create(path, mode: 0o600) }
    }
  }

  /// Lets the lock go. Safe to call twice.
  func release() { file.close() }
}
