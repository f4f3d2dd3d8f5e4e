import MendKit

/// Reads what a run that died left behind, says which content is in place, and cleans up. To be called under the lock of
/// the repository: then no other run can be at work with it.
struct JournalRecovery {
  let repository: String
  /// What was found, and what could not be cleaned up, in sentences for the report.
  private(set) var notes: [String] = []

  private let abandoned: AbandonedWork

  /// `registry` has the drivers that let go of copies which are no files.
  init(repository: String, registry: PluginRegistry = PluginRegistry()) {
    self.repository = repository
    abandoned = AbandonedWork(registry)
  }

  /// Throws where going on would do harm: a process still writes to a file that an earlier run took out of its place.
  mutating func recover() throws(Problem) {
    removeLeftovers()
    let path = Paths.join(repository, Journal.name)
    let left: LeftJournal?
    do throws(Problem) {
      left = try LeftJournal.read(path)
    } catch {
      // Whoever wrote it, it says nothing that could be acted on; it is kept for a person to read.
      notes.append("\(error)")
      try Durable.rename(path, to: path + ".unreadable")
      return
    }
    guard let left else { return }
    for entry in left.entries { try recover(entry, of: left) }
    try Paths.removeFile(path)
    try Durable.syncFolder(repository)
  }

  /// Staging folders and half-written journals in the repository. Only a run that holds the lock makes them, so those
  /// that are there now belong to nobody.
  private mutating func removeLeftovers() {
    for name in (try? Paths.names(in: repository)) ?? [] {
      let isStaging = TemporaryName.staging.matches(name)
      let isHalfJournal = name.hasPrefix(Journal.name + ".") && name.hasSuffix(".new")
      guard isStaging || isHalfJournal else { continue }
      remove(Paths.join(repository, name))
    }
  }

  private mutating func recover(_ entry: Journal.Entry, of left: LeftJournal) throws(Problem) {
    let earlier =
      "An earlier run (dbmend \(left.action), process \(left.pid), begun \(UTCTime(seconds: left.started).iso))"
    let run = earlier + " died"
    let wasFolder = try takeBackFolder(entry)
    let now = Journal.FileMark(of: entry.store.path)
    if entry.phase == .notPutBack {
      notes.append(
        "\(earlier) could not put \(entry.store) back after its command (\(entry.command ?? "")). \(wayBack(entry))")
    } else if let command = entry.command {
      notes.append("\(run) \(aroundCommand(command, now, entry))")
    } else if entry.phase == .installing, wasFolder {
      notes.append(
        "\(run) while it put files of a verified copy into \(entry.store); the old content is in place again.")
    } else if entry.phase == .installing {
      notes.append("\(run) while it put a verified copy in the place of \(entry.store); \(inPlace(now, entry))")
    } else {
      notes.append("\(run) while it worked on a copy of \(entry.store); the old content is in place.")
    }
    try removeWorkFolder(of: entry)
  }

  /// Takes back what was exchanged of a folder; whether there was anything.
  private func takeBackFolder(_ entry: Journal.Entry) throws(Problem) -> Bool {
    guard let work = entry.work, TemporaryName.work.matches(Paths.name(of: work)),
      let status = try? FileStatus.of(work, followLinks: false), status.kind == .folder, status.user == geteuid()
    else { return false }
    return try FolderUndo.recover(in: work, of: entry.store.path)
  }

  /// Which content is in place after an installation that was cut short. The rename is atomic, so the number of the file
  /// tells; where a file cannot be renamed over, the content is written into the old one, and its size and time tell.
  private func inPlace(_ now: Journal.FileMark?, _ entry: Journal.Entry) -> String {
    let archive = entry.archive.map { " The archive \($0) holds the old content." } ?? ""
    if StorePath.isURI(entry.store.path) {
      return "the old or the new content is in place, since the server exchanges them in one step." + archive
    }
    guard let now else { return "no file is in place." + archive }
    if let new = entry.new, now.inode == new.inode { return "the new, verified content is in place." + archive }
    guard let old = entry.old, now.inode == old.inode else {
      return "another file is in place, which the run did not put there." + archive
    }
    if now == old { return "the old content is in place." }
    return "the old file is in place, and was written to since; check it." + archive
  }

  private func aroundCommand(_ command: String, _ now: Journal.FileMark?, _ entry: Journal.Entry) -> String {
    guard entry.phase == .command else {
      if let new = entry.new, let now, now.inode == new.inode {
        return "while it put \(entry.store) back after its command (\(command)); "
          + "the content from before the command is in place."
      }
      return "before \(entry.store) was put back after its command (\(command)). \(wayBack(entry))"
    }
    if let old = entry.old, now == old {
      return "while its command ran (\(command)). The file of \(entry.store) has not changed since."
    }
    return "while its command ran (\(command)). \(wayBack(entry))"
  }

  private func wayBack(_ entry: Journal.Entry) -> String {
    guard let archive = entry.archive else { return "Check \(entry.store)." }
    // By its path: that holds in every folder, and without the configuration.
    return "\(entry.store) may hold half of what the command does. Its content from before is in \(archive); "
      + "to go back to it run: dbmend restore \(archive) \(entry.store.path)"
  }

  /// Removes a work folder only when the journal can be right about it: its name is one that dbmend gives, it lies beside
  /// the store, it is a folder and no link, and belongs to this user.
  private mutating func removeWorkFolder(of entry: Journal.Entry) throws(Problem) {
    guard let work = entry.work else { return }
    guard FileStatus.exists(work) else { return }
    let isOurs =
      TemporaryName.work.matches(Paths.name(of: work)) && Paths.absolute(work) == work
      && Paths.folder(of: work) == Paths.resolved(Paths.folder(of: work)) && abandoned.isOwn(work)
    guard isOurs else {
      notes.append("The journal names \(work) as its work folder, which dbmend would not have made; it was left alone.")
      return
    }
    do throws(Problem) {
      try abandoned.remove(work, holding: "\(entry.store)")
    } catch {
      guard error.kind != .locked else { throw error }
      notes.append("What an earlier run left could not be removed: \(error)")
    }
  }

  private mutating func remove(_ path: String) {
    do throws(Problem) {
      try Paths.removeTree(path)
    } catch {
      notes.append("What an earlier run left could not be removed: \(error)")
    }
  }
}

/// Names that dbmend gives to folders of its own: a fixed beginning and six random letters or digits.
struct TemporaryName {
  let prefix: String

  static let work = TemporaryName(prefix: ".dbmend-work-")
  static let staging = TemporaryName(prefix: ".dbmend-staging-")

  /// A name that nobody has yet, in all likelihood.
  func make() -> String {
    let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    return prefix + String((0..<6).map { _ in letters[Int.random(in: letters.indices)] })
  }

  func matches(_ name: String) -> Bool {
    guard name.hasPrefix(prefix) else { return false }
    let rest = name.dropFirst(prefix.count)
    return rest.utf8.count == 6 && rest.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
  }
}
