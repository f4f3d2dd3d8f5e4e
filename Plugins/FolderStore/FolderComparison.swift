import MendKit

/// A folder that is held against the listing of an archive of it, file by file.
struct FolderComparison {
  private let content: FolderContent
  private let notes: BackupNotes
  private let reading: FolderReading

  /// Reads every file where nobody has done so.
  init(_ content: FolderContent, _ notes: BackupNotes, reading: FolderReading? = nil) {
    self.content = content
    self.notes = notes
    self.reading = reading ?? FolderReading(content, workers: Workers.processors)
  }

  /// A name of the listing without the archived folder's own.
  static func pathBelow(_ name: String) -> String {
    name.firstIndex(of: "/").map { String(name[name.index(after: $0)...]) } ?? ""
  }

  /// What differs: first what the archive has, in its order, and then what it has not. What the store's patterns leave out is
  /// not looked at.
  func differences() throws(Problem) -> [FileDifference] {
    let kept = content.entries.indices.filter { [.file, .folder, .link].contains(content.entries[$0].status.kind) }
    var left = Dictionary(kept.map { (content.entries[$0].path, $0) }) { first, _ in first }
    var listing = FileListing(try notes.read())
    var found: [FileDifference] = []
    do throws(FileListing.Flaw) {
      while let listed = try listing.next() {
        let path = Self.pathBelow(listed.name)
        guard !path.isEmpty else { continue }
        guard let entry = left.removeValue(forKey: path) else {
          if !content.leavesOut(path, isFolder: listed.kind == .folder) {
            found.append(FileDifference(path, .removed, listed, "it is gone"))
          }
          continue
        }
        if let difference = difference(listed, path, content.entries[entry], reading.outcomes[entry]) {
          found.append(difference)
        }
      }
    } catch {
      throw Problem(
        .archive, tried: "read the listing of", on: notes.archive, said: error.said,
        advice: "Verify the archive: dbmend verify.")
    }
    for path in left.keys.sorted() { found.append(FileDifference(path, .added, nil, "the archive has it not")) }
    return found
  }

  private func difference(
    _ listed: ListedFile, _ path: String, _ entry: FolderWalk.Entry, _ outcome: FolderReading.Outcome?
  ) -> FileDifference? {
    let status = entry.status
    let changed = { (what: String) in FileDifference(path, .changed, listed, what) }
    switch (listed.kind, status.kind) {
    case (.folder, .folder): return attributes(listed, status).map(changed)
    case (.link(let target), .link):
      let now = try? Paths.linkTarget(Paths.join(content.path, path))
      return now == target ? nil : changed("the link leads to \(now ?? "?"), and led to \(target)")
    case (.file, .file): break
    default: return changed("it is a \(status.kind.rawValue) now")
    }
    let isSameTime = listed.modified == status.modified
    switch outcome {
    case .failed(let problem)?:
      // What the disk does not give is not what somebody wrote.
      guard problem.code == "disk.read-error" else { return nil }
      return FileDifference(path, isSameTime && notes.isProven ? .unreadable : .changed, listed, problem.said)
    case .read(let sum)?:
      if sum.text == listed.xxh3, listed.size == status.size { return attributes(listed, status).map(changed) }
      if isSameTime, listed.size == status.size {
        guard isStillSo(path, listed) else { return changed("somebody is writing to it") }
        return notes.isProven
          ? FileDifference(path, .rotten, listed, "its checksum is another")
          : changed("its content is another, with the same size and time: one of the two was changed by its disk")
      }
      let size =
        listed.size == status.size ? "its content is another" : "it has \(status.size) bytes, and had \(listed.size)"
      return changed(size + (isSameTime ? ", and its time of change is the same" : ""))
    case nil: return nil
    }
  }

  /// Whether a file is another than it was and yet says that it did not change. What was read may be what a program had just put in the
  /// place of what was looked at, so both are done again.
  private func isStillSo(_ path: String, _ listed: ListedFile) -> Bool {
    let place = Paths.join(content.path, path)
    guard let before = try? FileStatus.of(place, followLinks: false), before.modified == listed.modified,
      before.size == listed.size, let sum = try? FolderReading.sum(of: place), sum.text != listed.xxh3
    else { return false }
    return (try? FileStatus.of(place, followLinks: false)) == before
  }

  private func attributes(_ listed: ListedFile, _ status: FileStatus) -> String? {
    let then = listed.attributes
    if then.mode != status.mode {
      return "its mode is \(String(status.mode, radix: 8)), and was \(String(then.mode, radix: 8))"
    }
    guard then.user == status.user, then.group == status.group else {
      return "it belongs to \(status.user):\(status.group), and belonged to \(then.user):\(then.group)"
    }
    return nil
  }
}
