import CSystem

/// Makes a live folder what a verified copy of it is: what differs is exchanged one by one, each in one atomic step, so that the
/// folder itself stays, for programs that run in it and mounts that show it elsewhere.
///
/// The steps are written down before the first one. When one of them fails, all are taken back; when the process dies, the next
/// run takes them back (`FolderUndo.recover`).
public struct FolderReplacement {
  /// The live folder, links resolved.
  private let live: String
  /// The copy, on the same volume, in a work folder that is there for nothing else.
  private let copy: String
  private let isLeftOut: @Sendable (String, Bool) -> Bool

  /// The replacement of what is in a folder by a copy of it. What `isLeftOut` names is not touched.
  public init(_ live: String, by copy: String, leavingOut isLeftOut: @escaping @Sendable (String, Bool) -> Bool) {
    self.live = Paths.resolved(live)
    self.copy = copy
    self.isLeftOut = isLeftOut
  }

  /// Carries the replacement out. Nothing is changed where a file that differs has several names or is open in another process.
  /// Returns the paths of the files that differed.
  @discardableResult
  public func run() throws(Problem) -> [String] {
    let steps = try steps()
    guard !steps.isEmpty else { return [] }
    try refuse(steps)
    try Durable.syncVolume(of: copy)
    let undo = FolderUndo(live: live, copy: copy, steps: steps)
    do throws(Problem) {
      try begin(undo, upTo: steps.count)
      try confirm(steps, undo)
    } catch {
      try undo.takeBack()
      try undo.remove()
      throw error
    }
    try Durable.syncVolume(of: live)
    try undo.remove()
    return steps.filter { !$0.isFolder }.map(\.path)
  }

  /// Writes the steps down and carries out the first ones.
  private func begin(_ undo: FolderUndo, upTo count: Int) throws(Problem) {
    try undo.write()
    for (number, step) in undo.steps.prefix(count).enumerated() { try undo.perform(step, number) }
  }

  /// Leaves things as a run does that dies after so many steps; whether that were all of them, and it came to its end. For tests.
  func run(dyingAfter count: Int) throws(Problem) -> Bool {
    let undo = FolderUndo(live: live, copy: copy, steps: try steps())
    try begin(undo, upTo: count)
    guard count >= undo.steps.count else { return false }
    try undo.remove()
    return true
  }

  // MARK: - What is to be done

  private func steps() throws(Problem) -> [FolderUndo.Step] {
    let (copied, here) = (try FolderWalk(copy), try FolderWalk(live, isLeftOut: isLeftOut))
    // What cannot be listed in the copy would be removed, and what cannot be in the live folder would stay.
    if let problem = copied.problems.first ?? here.problems.first { throw problem }
    let (wanted, present) = (copied.entries, here.entries)
    let now = Dictionary(present.map { ($0.path, $0.status) }) { first, _ in first }
    let names = Set(wanted.map(\.path))
    var removals: [FolderUndo.Step] = []
    var additions: [FolderUndo.Step] = []
    for entry in wanted {
      guard let old = now[entry.path] else {
        additions.append(
          FolderUndo.Step(entry.status.kind == .folder ? .makeFolder : .add, entry.path, new: entry.status))
        continue
      }
      if old.kind == .folder, entry.status.kind == .folder {
        guard try !hasSameAttributes(entry.path) else { continue }
        additions.append(
          FolderUndo.Step(
            .attributes, entry.path, old: old, new: entry.status, attributes: try attributes(entry.path)))
      } else if old.kind == entry.status.kind {
        if try isSame(entry.path, old, entry.status) { continue }
        additions.append(FolderUndo.Step(.exchange, entry.path, old: old, new: entry.status))
      } else {
        removals.append(try removal(entry.path, old))
        additions.append(
          FolderUndo.Step(entry.status.kind == .folder ? .makeFolder : .add, entry.path, new: entry.status))
      }
    }
    for entry in present where !names.contains(entry.path) {
      guard [.file, .link, .folder].contains(entry.status.kind) else { continue }
      removals.append(try removal(entry.path, entry.status))
    }
    // What is in a folder goes before the folder does.
    return removals.sorted { $0.path > $1.path } + additions
  }

  private func removal(_ path: String, _ old: FileStatus) throws(Problem) -> FolderUndo.Step {
    guard old.kind == .folder else { return FolderUndo.Step(.remove, path, old: old) }
    return FolderUndo.Step(.removeFolder, path, old: old, attributes: try attributes(path))
  }

  /// What a live folder is given back when its step is taken back.
  private func attributes(_ path: String) throws(Problem) -> FileAttributes {
    try FileAttributes(
      of: FileHandle.open(
        Paths.join(live, path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, tried: "look at the attributes of"))
  }

  /// Whether a file or link of the copy says what the live one says. Times are of no matter, owners and modes are.
  private func isSame(_ path: String, _ old: FileStatus, _ new: FileStatus) throws(Problem) -> Bool {
    let (one, other) = (Paths.join(live, path), Paths.join(copy, path))
    if old.kind == .link { return try Paths.linkTarget(one) == Paths.linkTarget(other) }
    guard old.kind == .file else { return true }
    guard old.size == new.size, try hasSameAttributes(path) else { return false }
    // A file that the disk does not give is not the same as one that it gives.
    return (try? FileHandle.read(one).isEqual(to: FileHandle.read(other))) ?? false
  }

  private func hasSameAttributes(_ path: String) throws(Problem) -> Bool {
    let files = try (FileHandle.read(Paths.join(live, path)), FileHandle.read(Paths.join(copy, path)))
    return try FileAttributes(of: files.0) == FileAttributes(of: files.1)
  }

  private func refuse(_ steps: [FolderUndo.Step]) throws(Problem) {
    for step in steps {
      guard let old = step.old, old.kind == .file else { continue }
      guard old.links == 1 else { throw Self.hardLink(Paths.join(live, step.path), old.links) }
      if let new = step.new, geteuid() != 0, new.user != old.user || new.group != old.group {
        throw Problem(
          .denied, tried: "give the new file the owner of", on: Paths.join(live, step.path), said: "this user may not",
          advice: "Run dbmend as the file's owner, or as root.")
      }
    }
    try refuseIfOpen(steps)
  }

  private func refuseIfOpen(_ steps: [FolderUndo.Step]) throws(Problem) {
    let files = steps.compactMap(\.old).filter { $0.kind == .file }
    let openers = OpenFiles.processes(holding: Set(files.map { .init(device: $0.device, inode: $0.inode) }))
    guard openers.isEmpty else {
      let names = openers.map { "\($0.program) (process \($0.pid))" }.joined(separator: ", ")
      throw Problem(
        .refused, tried: "replace files in", on: live, said: "one of them is open in \(names)",
        advice: "Stop that process, or have a before_repair hook stop it, and run dbmend again.", code: "store.in-use",
        blockers: openers)
    }
  }

  /// The refusal of a file with several names.
  public static func hardLink(_ path: String, _ links: Int) -> Problem {
    Problem(
      .refused, tried: "replace", on: path,
      said: "the file has \(links) names (hard links), and the others would keep the old content",
      advice: "Make it a file of its own (cp it and mv the copy over it).", code: "file.hard-link")
  }

  /// What came away has to be what was compared, and nobody may have opened it.
  private func confirm(_ steps: [FolderUndo.Step], _ undo: FolderUndo) throws(Problem) {
    for (number, step) in steps.enumerated() {
      guard let old = step.old, old.kind == .file, let away = undo.away(step, number) else { continue }
      let status = try FileStatus.of(away, followLinks: false)
      guard status.inode == old.inode, status.size == old.size, status.modified == old.modified else {
        throw Problem(
          .changing, tried: "replace", on: Paths.join(live, step.path),
          said: "something wrote to it in the last moment",
          advice: "Stop the application and run dbmend again.")
      }
    }
    try refuseIfOpen(steps)
  }
}

extension Paths {
  /// What a symbolic link says; a target that is not UTF-8 is a problem.
  public static func linkTarget(_ path: String) throws(Problem) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = readlink(path, &buffer, buffer.count)
    guard count >= 0 else { throw SystemError.problem("read the link", path) }
    guard let target = String(validating: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) else {
      throw Problem(
        .unsupported, tried: "read the link", on: path, said: "where it leads to is not valid UTF-8",
        advice: "Take it out of the folder, or exclude it.")
    }
    return target
  }
}

extension FileHandle {
  /// Whether two files have the same bytes.
  public func isEqual(to other: FileHandle) throws(Problem) -> Bool {
    guard try status().size == other.status().size else { return false }
    let size = 512 << 10
    let buffers = (
      UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096),
      UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
    )
    defer {
      buffers.0.deallocate()
      buffers.1.deallocate()
    }
    var offset = 0
    while true {
      let count = try read(into: buffers.0, at: offset)
      guard try other.read(into: buffers.1, at: offset) == count else { return false }
      guard count > 0, let one = buffers.0.baseAddress, let two = buffers.1.baseAddress else { return true }
      guard memcmp(one, two, count) == 0 else { return false }
      offset += count
    }
  }
}
