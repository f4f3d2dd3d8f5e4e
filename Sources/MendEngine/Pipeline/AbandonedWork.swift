import MendKit

/// Work folders of runs that died. A folder that a live run uses is locked; where the file system has no such locks, only a
/// journal says whose a folder is.
struct AbandonedWork {
  private let registry: PluginRegistry

  /// `registry` has the drivers that let go of copies which are no files.
  init(_ registry: PluginRegistry) { self.registry = registry }

  /// Removes those that stand in a folder. What a run left half done of a folder of files is taken back first. Returns what was
  /// done, in sentences.
  func clear(_ place: String) -> [String] {
    var notes: [String] = []
    for name in (try? Paths.names(in: place)) ?? [] where TemporaryName.work.matches(name) {
      let path = Paths.join(place, name)
      guard isOwn(path), let lock = FolderLock.take(path) else { continue }
      defer { lock.close() }
      do throws(Problem) {
        for folder in FolderUndo.folders(in: path) where Paths.folder(of: folder) == Paths.resolved(place) {
          guard try FolderUndo.recover(in: path, of: folder) else { continue }
          notes.append(
            "An earlier run died while it put files of a verified copy into \(folder); the old content is in place again.")
        }
        try remove(path, holding: "a store")
        notes.append("An earlier run died while it worked on a copy of a store; its work folder \(path) was removed.")
      } catch {
        notes.append("What an earlier run left could not be removed: \(error)")
      }
    }
    return notes
  }

  /// Removes a work folder with the copies that are noted in it. Throws where a process has a file in it open: an exchange may have
  /// moved the old file of a store there, and that process writes on into it.
  func remove(_ work: String, holding store: String) throws(Problem) {
    let holders = openers(below: work)
    guard holders.isEmpty else {
      throw Problem(
        .locked, tried: "remove the work folder of an earlier run that died,", on: work,
        said: "a process still has the old file of \(store) open and may be writing to it",
        advice: "Stop that process, then run dbmend again.", blockers: holders)
    }
    for copy in RemoteCopies.noted(below: work) where StorePath.isURI(copy) {
      registry.driver(forFile: FileHead(path: copy, bytes: [], size: 0))?.discard(copy)
    }
    try Paths.removeTree(work)
    try Durable.syncFolder(Paths.folder(of: work))
  }

  /// Whether a folder may be one that a run of this user made.
  func isOwn(_ path: String) -> Bool {
    guard let status = try? FileStatus.of(path, followLinks: false) else { return false }
    return status.kind == .folder && status.user == geteuid()
  }

  private func openers(below folder: String) -> [Blocker] {
    var found: [Blocker] = []
    for name in (try? Paths.names(in: folder)) ?? [] {
      let path = Paths.join(folder, name)
      guard let status = try? FileStatus.of(path, followLinks: false) else { continue }
      if status.kind == .folder {
        found += openers(below: path)
      } else if status.kind == .file {
        found += OpenFiles.processes(device: status.device, inode: status.inode)
      }
    }
    return found
  }
}
