import MendKit

/// Keeps two runs from working with one repository at the same time. The lock is the system's, so a run that dies lets it
/// go; the file stays, with the number of the process that last held it. The claim on the folder holds when somebody deletes or
/// replaces the file.
final class RunLock {
  static let name = ".dbmend.lock"

  private let file: FileHandle
  private let claim: PlaceClaim?

  private init(_ file: FileHandle, _ claim: PlaceClaim?) {
    self.file = file
    self.claim = claim
  }

  deinit { release() }

  /// Takes the lock of a repository, whose folder is made when it is missing. Waits up to `patience` seconds for a run that holds
  /// it already, and names that.
  static func take(_ repository: String, patience: Double = 0) throws(Problem) -> RunLock {
    let start = Clock.system.steady()
    while true {
      try Paths.makeFolder(repository, mode: 0o700)
      switch try attempt(repository) {
      case .taken(let lock): return lock
      case .moved: continue
      case .refused(let other):
        // Who waits asks a hundred times a second: the system tells nobody when a lock is free, but for who waits without an end.
        guard Clock.system.steady() - start < patience else {
          throw OtherRun(process: other, at: repository).problem("begin a run with the repository", "with it")
        }
        usleep(10_000)
      }
    }
  }

  private enum Attempt {
    case taken(RunLock)
    /// Another run has it, the process of this number if that is known.
    case refused(Int?)
    /// The folder or the file is another one by now.
    case moved
  }

  private static func attempt(_ repository: String) throws(Problem) -> Attempt {
    let path = Paths.join(repository, name)
    let file = try open(path)
    guard try FileLock.take(.exclusive, file, start: 0, length: 0) else {
      let text = String(decoding: (try? file.read(32, at: 0)) ?? [], as: UTF8.self)
      return .refused(Int(text.prefix { $0.isNumber }))
    }
    var claim: PlaceClaim?
    switch PlaceClaim.take(name, in: repository) {
    case .claimed(let taken): claim = taken
    case .taken(let pid): return .refused(pid)
    case .impossible: break
    }
    let lock = RunLock(file, claim)
    let now = try? FileStatus.of(path, followLinks: false)
    guard try file.status().inode == now?.inode, claim?.isAt(repository) ?? true else { return .moved }
    try file.truncate(to: 0)
    try file.write(Array("\(getpid())\n".utf8), at: 0)
    return .taken(lock)
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
  func release() {
    claim?.release()
    file.close()
  }
}

/// Another run that works where this one was to begin.
struct OtherRun {
  /// The number of its process where it runs; nil where nobody knows.
  let process: Int?
  /// The folder that it has open.
  let folder: String

  init(process: Int?, at folder: String) {
    self.process = process
    self.folder = folder
  }

  /// What is to be said of it; `place` ends the sentence of what it is working on.
  func problem(_ tried: String, _ place: String, on path: String? = nil) -> Problem {
    var whose = ""
    var blockers: [Blocker] = []
    if let process {
      let isHere = isHere(process)
      whose = isHere ? " (process \(process))" : " (process \(process) of another container or machine)"
      if isHere { blockers = [Blocker(pid: process, program: OpenFiles.program(of: process))] }
    }
    return Problem(
      .locked, tried: tried, on: path ?? folder, said: "another run of dbmend is working \(place)" + whose,
      advice: "Wait until it has ended.", blockers: blockers)
  }

  /// Whether the number means here what it means there: a run has the folder of its lock open.
  private func isHere(_ process: Int) -> Bool {
    guard let status = try? FileStatus.of(folder) else { return true }
    return OpenFiles.mayHold(process, OpenFiles.FileNumber(device: status.device, inode: status.inode))
  }
}
