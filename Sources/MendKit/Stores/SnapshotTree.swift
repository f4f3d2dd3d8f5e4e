/// Folders that are written as they are: with the owners, modes, attributes and times of the live ones.
extension StoreSnapshot {
  /// Writes everything in the folder into another one, where nothing of its name stands yet.
  func writeTree(into folder: String) throws(Problem) {
    var folders: [SnapshotMember] = []
    for member in members {
      try Self.write(member, into: folder, stamp)
      if member.kind == .folder { folders.append(member) }
    }
    try finish(folders, in: folder)
  }

  /// Writes some of what is in the folder, by the names of members, into another one; what was written, in the order of the
  /// members. Folders on the way are made.
  public func write(only names: Set<String>, into folder: String) throws(Problem) -> [ListedFile] {
    var written: [ListedFile] = []
    var folders: [SnapshotMember] = []
    for member in members where names.contains(member.name) {
      try Paths.makeFolder(Paths.folder(of: Paths.join(folder, member.name)))
      try Self.write(member, into: folder, stamp)
      if member.kind == .folder { folders.append(member) }
      written.append(
        ListedFile(
          name: member.name, kind: member.kind, size: member.size, modified: member.modified ?? stamp.modified,
          attributes: member.attributes))
    }
    try finish(folders, in: folder)
    try confirm()
    return written
  }

  private static func write(_ member: SnapshotMember, into folder: String, _ stamp: StoreStamp) throws(Problem) {
    let path = Paths.join(folder, member.name)
    switch member.kind {
    case .folder:
      guard mkdir(path, 0o700) == 0 else { throw SystemError.problem("make the folder", path) }
    case .link(let target):
      guard symlink(target, path) == 0 else { throw SystemError.problem("make the link", path) }
      _ = lchown(path, member.attributes.user, member.attributes.group)
      FileTimes.set(member.modified ?? stamp.modified, ofLink: path)
    case .file:
      try member.write(to: path)
      try finish(member, FileHandle.update(path), stamp)
    }
  }

  /// Folders come last, the innermost first: what is made in one changes its time, and one may forbid to write in it.
  private func finish(_ folders: [SnapshotMember], in place: String) throws(Problem) {
    for member in folders.reversed() {
      let path = Paths.join(place, member.name)
      try Self.finish(member, FileHandle.open(path, O_RDONLY | O_DIRECTORY, tried: "open the folder"), stamp)
    }
  }

  private static func finish(_ member: SnapshotMember, _ file: FileHandle, _ stamp: StoreStamp) throws(Problem) {
    try member.attributes.applyAsAllowed(to: file)
    FileTimes.set(member.modified ?? stamp.modified, of: file)
    file.close()
  }
}
