import MendKit

/// A file of the repository that has no name yet that anyone looks for. As long as it is open it is locked, so that
/// what a dead run left behind is told from what another run is writing.
struct Partial {
  let file: FileHandle
  var path: String { file.path }

  /// Makes `.NAME.PID.partial`, for the owner alone.
  init(_ name: String, in folder: String) throws(Problem) {
    var attempt = 0
    while true {
      let number = attempt == 0 ? "" : "-\(attempt)"
      let path = Paths.join(folder, ".\(name).\(getpid())\(number)\(ArchiveFile.partialSuffix)")
      let file: FileHandle
      do throws(Problem) {
        file = try FileHandle.create(path, mode: 0o600)
      } catch {
        // Another thread of this process, or a process of the same number in another container.
        if FileStatus.exists(path), attempt < 100 {
          attempt += 1
          continue
        }
        throw error
      }
      // Between its making and its lock another run may have taken it for a dead one's.
      if Self.lock(file), try file.status().links > 0 {
        self.file = file
        return
      }
      file.close()
      attempt += 1
    }
  }

  /// Takes the lock that says "being written"; where the file system has no such locks, that nobody holds one is
  /// believed.
  private static func lock(_ file: FileHandle) -> Bool {
    (try? FileLock.take(.exclusive, file, start: 0, length: 0)) ?? true
  }

  /// Lets the file go and removes it, as far as it still bears its first name.
  func discard() {
    file.close()
    try? Paths.removeFile(path)
  }

  /// Removes what dead runs left in a folder; the names that were removed.
  @discardableResult
  static func clear(_ folder: String) throws(Problem) -> [String] {
    var removed: [String] = []
    for name in try Paths.names(in: folder) where name.hasPrefix(".") && name.hasSuffix(ArchiveFile.partialSuffix) {
      let path = Paths.join(folder, name)
      guard let file = try? FileHandle.open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, tried: "open"),
        (try? file.status())?.kind == .file, (try? FileLock.take(.exclusive, file, start: 0, length: 0)) == true
      else { continue }
      try Paths.removeFile(path)
      removed.append(name)
    }
    return removed
  }
}

extension Repository {
  /// Removes what dead runs left in the folder of what they were writing; nothing where there is no folder.
  public func removeLeftovers() throws(Problem) {
    guard FileStatus.exists(path) else { return }
    do throws(Problem) {
      try Partial.clear(path)
    } catch {
      throw Self.advised(error, path)
    }
  }

  /// Makes the folder, for its owner alone, and removes what dead runs left in it.
  func prepare() throws(Problem) {
    do throws(Problem) {
      try Paths.makeFolder(path, mode: 0o700)
      try Partial.clear(path)
    } catch {
      throw Self.advised(error, path)
    }
  }

  /// Puts copies of manifests beside archives that lost theirs, so that the next listing need not open them.
  func restoreCopies(_ records: [Record]) {
    for record in records where record.seal == nil && record.problem == nil {
      guard let manifest = record.manifest,
        let seal = try? Scan(expected: manifest, path: record.path, depth: .sha256, tried: "verify the archive").run()
      else { continue }
      let text = Array(manifest.text(seal: seal).utf8)
      try? Durable.write(text, to: ArchiveFile.copy(of: record.path), mode: 0o600)
    }
  }

  /// A problem of the system with advice that fits a repository rather than a store.
  static func advised(_ problem: Problem, _ folder: String) -> Problem {
    var problem = problem
    switch problem.kind {
    case .denied:
      problem.advice =
        "The repository \(folder) must be writable for this user: change its owner or mode, or name another one with "
        + "--repository."
    case .missing: problem.advice = "Name another folder for archives with --repository."
    default: break
    }
    return problem
  }
}
