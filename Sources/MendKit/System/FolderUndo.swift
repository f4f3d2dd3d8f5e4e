import CSystem

/// The steps by which a folder is made what its copy is, written down so that they can be taken back.
public struct FolderUndo {
  /// One step.
  struct Step: Hashable {
    enum Change: String {
      case exchange, add, remove, attributes
      case makeFolder = "make-folder"
      case removeFolder = "remove-folder"
    }

    var change: Change
    /// The path below the folder.
    var path: String
    /// What stood there before.
    var old: FileStatus?
    /// What stands there afterwards.
    var new: FileStatus?
    /// Their numbers, as they were written down.
    var oldInode: UInt64
    var newInode: UInt64
    /// Of a folder, what it is given back.
    var attributes: FileAttributes

    var isFolder: Bool { change == .makeFolder || change == .removeFolder || change == .attributes }

    init(
      _ change: Change, _ path: String, old: FileStatus? = nil, new: FileStatus? = nil,
      attributes: FileAttributes = FileAttributes(user: geteuid(), group: getegid(), mode: 0o700)
    ) {
      self.change = change
      self.path = path
      self.old = old
      self.new = new
      oldInode = old?.inode ?? 0
      newInode = new?.inode ?? 0
      self.attributes = attributes
    }
  }

  let live: String
  let copy: String
  let steps: [Step]

  private static let suffix = ".undo"
  private static let awaySuffix = ".away"
  private static let format = "dbmend.undo/1"
  private static let longest = 1 << 30

  private var path: String { copy + Self.suffix }
  private var awayFolder: String { copy + Self.awaySuffix }

  /// Where what a step takes out of its place stands afterwards; nil where it takes nothing.
  func away(_ step: Step, _ number: Int) -> String? {
    switch step.change {
    case .exchange: Paths.join(copy, step.path)
    case .remove: Paths.join(awayFolder, String(number))
    case .add, .attributes, .makeFolder, .removeFolder: nil
    }
  }

  // MARK: - Doing

  func perform(_ step: Step, _ number: Int) throws(Problem) {
    let (place, new) = (Paths.join(live, step.path), Paths.join(copy, step.path))
    switch step.change {
    case .exchange: try exchange(new, place)
    case .add:
      guard try Durable.renameIfFree(new, to: place, syncingFolder: false) else {
        throw Problem(
          .changing, tried: "put a file at", on: place, said: "another process has just made one there",
          advice: "Stop the application and run dbmend again.")
      }
    case .remove:
      guard rename(place, Paths.join(awayFolder, String(number))) == 0 else {
        throw SystemError.problem("take out of its place", place)
      }
    case .makeFolder, .attributes:
      if step.change == .makeFolder, mkdir(place, 0o700) != 0 { throw SystemError.problem("make the folder", place) }
      let made = try FileHandle.open(place, O_RDONLY | O_DIRECTORY, tried: "open the folder")
      let wanted = try FileHandle.open(new, O_RDONLY | O_DIRECTORY, tried: "open the folder")
      try FileAttributes(of: wanted).applyAsAllowed(to: made)
    case .removeFolder:
      // What was left out of the comparison may be in it: then it stays.
      guard rmdir(place) == 0 || errno == ENOTEMPTY || errno == EEXIST else {
        throw SystemError.problem("remove the folder", place)
      }
    }
  }

  private func exchange(_ one: String, _ other: String) throws(Problem) {
    guard csystem_rename_exchange(one, other) == 0 else {
      throw SystemError.problem("exchange the verified copy with", other)
    }
  }

  // MARK: - Taking back

  /// Takes back what was done of the steps, the last one first.
  func takeBack() throws(Problem) {
    for (number, step) in steps.enumerated().reversed() {
      let (place, new) = (Paths.join(live, step.path), Paths.join(copy, step.path))
      let here = try? FileStatus.of(place, followLinks: false)
      switch step.change {
      case .exchange:
        guard here?.inode == step.newInode, (try? FileStatus.of(new, followLinks: false))?.inode == step.oldInode else {
          continue
        }
        try exchange(new, place)
      case .add:
        guard here?.inode == step.newInode, !FileStatus.exists(new) else { continue }
        guard rename(place, new) == 0 else { throw SystemError.problem("take out of its place again", place) }
      case .remove:
        let away = Paths.join(awayFolder, String(number))
        guard here == nil, FileStatus.exists(away) else { continue }
        guard rename(away, place) == 0 else { throw SystemError.problem("put back", place) }
      case .makeFolder: _ = rmdir(place)
      case .attributes:
        guard let here, here.kind == .folder else { continue }
        try give(step.attributes, to: place)
      case .removeFolder:
        guard here == nil else { continue }
        guard mkdir(place, 0o700) == 0 else { throw SystemError.problem("make the folder again", place) }
        try give(step.attributes, to: place)
      }
    }
    try Durable.syncVolume(of: live)
  }

  private func give(_ attributes: FileAttributes, to folder: String) throws(Problem) {
    try attributes.applyAsAllowed(
      to: FileHandle.open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, tried: "open the folder"))
  }

  /// Takes the steps back that a run left half done in a work folder; the folder that was worked on, nil where there is nothing
  /// to take back.
  public static func recover(in work: String, of folder: String) throws(Problem) -> Bool {
    var found = false
    for name in try Paths.names(in: work) {
      let subfolder = Paths.join(work, name)
      guard (try? FileStatus.of(subfolder, followLinks: false))?.kind == .folder else { continue }
      for file in try Paths.names(in: subfolder) where file.hasSuffix(suffix) {
        guard let undo = try read(Paths.join(subfolder, file), folder) else { continue }
        try undo.takeBack()
        try undo.remove()
        found = true
      }
    }
    return found
  }

  /// The folders that a run left half done, by the steps in its work folder.
  public static func folders(in work: String) -> [String] {
    var folders: [String] = []
    for name in (try? Paths.names(in: work)) ?? [] {
      let subfolder = Paths.join(work, name)
      for file in (try? Paths.names(in: subfolder)) ?? [] where file.hasSuffix(suffix) {
        let path = Paths.join(subfolder, file)
        guard let file = try? FileHandle.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, tried: "open the steps of"),
          let bytes = try? file.readAll(limit: longest), let folder = (try? JSONValue(parsing: bytes))?["folder"]?.string
        else { continue }
        folders.append(folder)
      }
    }
    return folders
  }

  // MARK: - The steps on the disk

  func write() throws(Problem) {
    try Paths.makeFolder(awayFolder, mode: 0o700)
    let lines: [JSONValue] = steps.map { step in
      .array([
        .string(step.change.rawValue), .string(step.path), .string(String(step.oldInode)),
        .string(String(step.newInode)), .integer(step.attributes.mode), .integer(Int(step.attributes.user)),
        .integer(Int(step.attributes.group)), step.attributes.extendedJSON ?? .object([]),
      ])
    }
    let value = JSONValue.object(["format": .string(Self.format), "folder": .string(live), "steps": .array(lines)])
    try Durable.write(value.utf8(), to: path, mode: 0o600)
  }

  func remove() throws(Problem) {
    try Paths.removeFile(path)
    try Durable.syncFolder(Paths.folder(of: path))
  }

  /// The steps that a file holds; nil where they are of another folder, or no steps at all.
  private static func read(_ path: String, _ folder: String) throws(Problem) -> FolderUndo? {
    let file = try FileHandle.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, tried: "open the steps of an earlier run")
    guard let value = try? JSONValue(parsing: file.readAll(limit: longest)), value["format"]?.string == format,
      value["folder"]?.string == folder, let items = value["steps"]?.array
    else { return nil }
    var steps: [Step] = []
    for item in items {
      // Earlier releases wrote no extended attributes down.
      guard let parts = item.array, (7...8).contains(parts.count),
        let change = parts[0].string.flatMap(Step.Change.init(rawValue:)), let path = parts[1].string,
        Self.isPlain(path), let old = parts[2].string.flatMap({ UInt64($0) }),
        let new = parts[3].string.flatMap({ UInt64($0) }), let mode = parts[4].integer,
        let user = parts[5].integer.flatMap({ UInt32(exactly: $0) }),
        let group = parts[6].integer.flatMap({ UInt32(exactly: $0) }),
        let extended = FileAttributes.extended(parts.count > 7 ? parts[7] : nil)
      else { return nil }
      var step = Step(
        change, path,
        attributes: FileAttributes(user: user, group: group, mode: mode & 0o7777, extended: extended))
      (step.oldInode, step.newInode) = (old, new)
      steps.append(step)
    }
    return FolderUndo(live: folder, copy: String(path.dropLast(suffix.count)), steps: steps)
  }

  private static func isPlain(_ path: String) -> Bool {
    !path.isEmpty
      && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !["", ".", ".."].contains($0) }
  }
}
