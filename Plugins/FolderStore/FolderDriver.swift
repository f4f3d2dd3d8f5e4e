import MendKit

/// Folders of files: documents, assets, a folder of JSON. Each file is looked at, archived and mended by itself.
public struct FolderDriver: FileByFileDriver {
  /// What of a folder belongs to the store.
  let filter: FolderFilter
  /// Knows the files in a folder that can be looked into; nil where none are to be.
  let documents: (any Driver)?

  /// The driver of whole folders. `documents` is the driver that files of its kind are checked by.
  public init(documents: (any Driver)? = nil) {
    self.documents = documents
    filter = FolderFilter()
  }

  private init(documents: (any Driver)?, filter: FolderFilter) {
    self.documents = documents
    self.filter = filter
  }

  /// What the driver says of itself.
  public var description: PluginDescription { Self.own }

  private static let own = PluginDescription(
    id: "folder", title: "folders of files",
    discussion: """
      A folder with everything below it: files, folders and links. Links are kept as links and never followed; sockets, pipes \
      and devices are told and left alone. Every file is read, and held against the newest good archive: one of another content \
      with the same size and time of change was changed by its disk, and anything else that differs is told. JSON files are checked as JSON. \
      The files count as one table, `files`, for the checks of row counts.

      `include` and `exclude` are patterns of paths below the folder: `*` and `?` stand for characters of one name, `**` for \
      any folders. A pattern without a slash is one of names, wherever they stand; one that ends with a slash is of folders.

      A folder is a store where the configuration names it, or where `backup` or `repair` is given one in which no other store is \
      found. A copy of it is mended, so there has to be room for one; on a file system that clones files (XFS, Btrfs) it takes next to none. A database in it is archived like any other file, \
      without asking its engine: make it a store of its own and exclude it here.
      """,
    kind: .driver,
    finds: [
      FindingDescription(
        "file.rotten", .error, "a file changed since the newest good archive, but not its time of change"),
      FindingDescription("file.unreadable", .error, "a file cannot be read to its end, or a folder not be listed"),
      FindingDescription("file.removed", .info, "a file of the newest good archive is not there any more"),
      FindingDescription("file.changed", .info, "a file was written to since the newest good archive"),
      FindingDescription("file.added", .info, "a file is not in the newest good archive"),
      FindingDescription("file.special", .info, "a socket, pipe or device stands in the folder, and is left alone"),
    ],
    options: [
      OptionDescription(
        "include", .list(.string), "patterns of the files that belong to the store; all of them when left out"),
      OptionDescription(
        "exclude", .list(.string), "patterns of files and folders that do not, whatever `include` says"),
      OptionDescription("json", .boolean, default: .boolean(true), "whether files named `.json` are checked as JSON"),
    ])

  /// Every folder; one that a search comes upon is searched itself.
  public func recognise(_ file: FileHead) -> Recognition { file.isFolder ? .certain : .no }

  /// A search goes into folders.
  public var isFoundBySearch: Bool { false }

  /// Stores are folders.
  public var keepsFolders: Bool { true }

  /// The driver with the configuration's patterns.
  public func configured(by options: Options) throws(Problem) -> any Driver {
    FolderDriver(
      documents: options.flag("json") ? documents : nil,
      filter: FolderFilter(include: options.strings("include") ?? [], exclude: options.strings("exclude") ?? []))
  }

  /// Looks at everything in the folder, and reads nothing yet.
  public func open(_ path: String, patience: Double) throws(Problem) -> any StoreSession {
    try FolderSession(FolderContent(path, filter), documents: documents)
  }

  /// Everything in the folder, read when it is asked for. With `staging`, each file is copied there first, which is
  /// done again where somebody writes to it. In the raw form, what cannot be read is left out, or zeros.
  public func snapshot(
    _ path: String, form: SnapshotForm, staging: String?, patience: Double
  ) throws(Problem) -> StoreSnapshot {
    try FolderSnapshot(FolderContent(path, filter), isRaw: form == .raw, staging: staging).snapshot()
  }

  /// There is nothing beside the folder.
  public func settle(_ copy: String) throws(Problem) {}

  /// Names, sizes, times, numbers, owners and modes of everything in the folder, as one checksum.
  public func stamp(_ path: String) throws(Problem) -> StoreStamp { try FolderContent(path, filter).stamp }

  /// None.
  public func sidecars(of path: String) -> [String] { [] }

  // MARK: - Installing

  /// Beside the folder, or in it where it is a volume of its own.
  public func workPlace(of path: String) -> String? {
    let above = Paths.folder(of: path)
    guard let own = try? FileStatus.of(path), let other = try? FileStatus.of(above) else { return above }
    return own.device == other.device && !FileReplacement.isMountRoot(path) && access(above, W_OK) == 0 ? above : path
  }

  /// Exchanges what differs, file by file, with the steps written down before; nothing else in the folder is touched.
  public func install(_ copy: String, over path: String, expected: StoreStamp?, patience: Double) throws(Problem) {
    guard FileStatus.exists(path) else {
      try Durable.syncVolume(of: copy)
      guard try Durable.renameIfFree(copy, to: path) else {
        throw Problem(
          .refused, tried: "put a folder at", on: path, said: "another process has just made one there",
          advice: "Stop the application and run dbmend again.")
      }
      return
    }
    if let obstacle = installObstacle(path) { throw obstacle }
    if let expected, try stamp(path) != expected {
      throw Problem(
        .changing, tried: "replace files in", on: path, said: "another process wrote there meanwhile",
        advice: "Stop the application and run dbmend again.", code: "store.changing")
    }
    let filter = filter
    try FolderReplacement(path, by: copy) { filter.leavesOut($0, isFolder: $1) }.run()
  }

  /// No folder, one that may not be written, or one with files that have several names.
  public func installObstacle(_ path: String) -> Problem? {
    do throws(Problem) {
      let status = try FileStatus.of(path)
      guard status.kind == .folder else {
        return Problem(
          .refused, tried: "replace files in", on: path, said: "it is a \(status.kind.rawValue), not a folder")
      }
      guard access(path, W_OK) == 0 else { return SystemError.problem("write in the folder", path) }
      let linked = try FolderContent(path, filter).entries.first { $0.status.kind == .file && $0.status.links > 1 }
      return linked.map { FolderReplacement.hardLink(Paths.join(path, $0.path), $0.status.links) }
    } catch {
      return error.kind == .missing ? nil : error
    }
  }

  /// The processes that have a file of the folder open.
  public func openers(of path: String) -> [Blocker] {
    let entries = (try? FolderContent(path, filter))?.entries ?? []
    return OpenFiles.processes(
      holding: Set(entries.map { .init(device: $0.status.device, inode: $0.status.inode) }))
  }

  // MARK: - File by file

  /// What is not as an archive has it.
  public func differences(of path: String, from notes: BackupNotes) throws(Problem) -> [FileDifference] {
    try FolderComparison(FolderContent(path, filter), notes).differences()
  }

  /// Asks the driver of documents.
  public func remnant(_ file: String, of archived: String) throws(Problem) -> String? {
    guard let driver = documents as? any ComparingDriver else { return nil }
    let comparison = try driver.comparison(of: file, isUnchanged: false, restores: false, patience: 0)
    let backup = try FileHandle.read(archived)
    let size = try backup.status().size
    let member = SnapshotMember(name: archived, size: size, attributes: try FileAttributes(of: backup)) {
      (offset, buffer) throws(Problem) in try backup.read(into: buffer, at: offset)
    }
    _ = try member.read { (bytes) throws(Problem) in try comparison.take(bytes) }
    let result = try comparison.finish()
    return result.isSame ? result.reason : nil
  }

  /// Puts files of an archive into a working copy, in the place of what stands there. A folder gets its owner, mode and time when
  /// all that goes into it is there; what else is in it stays.
  public func take(_ files: [ListedFile], from folder: String, into copy: String) throws(Problem) {
    for file in files {
      let path = FolderComparison.pathBelow(file.name)
      let (from, to) = (Paths.join(folder, file.name), Paths.join(copy, path))
      try Paths.makeFolder(Paths.folder(of: to))
      if file.kind == .folder {
        if (try? FileStatus.of(to, followLinks: false).kind) != .folder { try Paths.removeTree(to) }
        try Paths.makeFolder(to)
      } else {
        try Paths.removeTree(to)
        try Durable.rename(from, to: to)
      }
    }
    for file in files.reversed() where file.kind == .folder {
      let path = Paths.join(copy, FolderComparison.pathBelow(file.name))
      let handle = try FileHandle.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, tried: "open the folder")
      defer { handle.close() }
      try file.attributes.applyAsAllowed(to: handle)
      FileTimes.set(file.modified, of: handle)
    }
  }
}
