import MendKit

/// JSON files: profiles, settings, whatever a program keeps in one document.
public struct JSONDriver: SalvagingDriver, ComparingDriver, DocumentDriver {
  /// The driver; it holds no state.
  public init() {}

  /// What the driver says of itself.
  public var description: PluginDescription { Self.own }

  private static let own = PluginDescription(
    id: "json", title: "JSON files",
    discussion: """
      Reads the whole file, by the letter of RFC 8259, at any depth. What stands under the keys of the outermost object, \
      lists and objects alike, counts as tables for the checks, with a row for each element or member; a file that is one \
      list, or an object of more than 256 of them, has one table, `$`. A folder is not searched for JSON files: name them. A program that writes the file anew while it is read is noticed.
      """,
    kind: .driver,
    finds: [
      FindingDescription("file.malformed", .fatal, "the text stops being JSON, or ends too early"),
      FindingDescription("file.nul-tail", .error, "NUL bytes fill the file behind the text", isOfStore: true),
      FindingDescription("text.encoding", .error, "a text is not in UTF-8"),
      FindingDescription("file.byte-order-mark", .error, "a byte order mark stands before the text", isOfStore: true),
      FindingDescription("document.duplicate-key", .warning, "an object has a key twice"),
      FindingDescription("document.lone-surrogate", .warning, "an escape stands for half a character"),
    ])

  private static let suffix = ".json"

  /// Packages, tools and reports are in JSON too: a file is a store where somebody says so.
  public var isFoundBySearch: Bool { false }

  /// Certain by the name and the first character; likely by one of them. A file of another suffix is something else.
  public func recognise(_ file: FileHead) -> Recognition {
    let name = Paths.name(of: file.path).lowercased()
    let text = file.bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? file.bytes.dropFirst(3) : file.bytes[...]
    let isSpace: (UInt8) -> Bool = { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    let first = text.drop(while: isSpace)
    if name.hasSuffix(Self.suffix) {
      guard let byte = first.first else { return .likely }
      return Array("{[\"-0123456789tfn".utf8).contains(byte) ? .certain : .likely
    }
    guard !name.contains("."), first.first == UInt8(ascii: "{") else { return .no }
    let second = first.dropFirst().drop(while: isSpace).first
    return second == UInt8(ascii: "\"") || second == UInt8(ascii: "}") ? .likely : .no
  }

  /// Reads the file. Half a document that was written just now is looked at again: its program may be about to write the rest.
  public func open(_ path: String, patience: Double) throws(Problem) -> any StoreSession {
    let start = Clock.system.steady()
    while true {
      let session = try JSONSession(FileHandle.read(Paths.resolved(path)))
      guard session.isPerhapsBeingWritten, Clock.system.steady() - start < patience else { return session }
      session.end()
      usleep(5_000)
    }
  }

  /// Takes the bytes for the file.
  public func open(_ path: String, holding bytes: [UInt8]) -> any StoreSession { JSONSession(bytes, of: path) }

  /// There is nothing beside the file.
  public func settle(_ copy: String) throws(Problem) {}

  /// The file's bytes. The consistent form is a whole document: a program that empties its file and writes it anew may be in the
  /// middle of that, whatever the checks saw a moment ago.
  public func snapshot(
    _ path: String, form: SnapshotForm, staging: String?, patience: Double
  ) throws(Problem) -> StoreSnapshot {
    let file: FileHandle
    let status: FileStatus
    if form == .consistent {
      (file, status) = try wholeFile(path, patience: patience)
    } else {
      file = try FileHandle.read(Paths.resolved(path))
      status = try file.status()
    }
    guard let staging else {
      let member = SnapshotMember(
        name: Paths.name(of: file.path), size: status.size, attributes: try FileAttributes(of: file)
      ) { offset, buffer throws(Problem) in try file.read(into: buffer, at: offset) }
      return StoreSnapshot(
        members: [member], stamp: Self.stamp(status),
        confirm: { () throws(Problem) in try JSONSession.confirm(file, status) })
    }
    // A file that is written all the time is read at once, and again where that was not fast enough.
    let content = try JSONSession.read(file)
    if form == .consistent, JSONDocument(content.bytes).fault != nil { throw JSONSession.changed(file.path) }
    let target = Paths.join(staging, "snapshot-" + Paths.name(of: file.path))
    let copy = try FileHandle.create(target, mode: 0o600)
    try copy.write(content.bytes, at: 0)
    let member = SnapshotMember(
      name: Paths.name(of: file.path), size: content.bytes.count, attributes: try FileAttributes(of: file)
    ) { offset, buffer throws(Problem) in try copy.read(into: buffer, at: offset) }
    return StoreSnapshot(
      members: [member], stamp: Self.stamp(content.status), stagedPath: target,
      release: { try? Paths.removeFile(target) })
  }

  /// The file in a state in which it holds a document, and that state.
  private func wholeFile(_ path: String, patience: Double) throws(Problem) -> (FileHandle, FileStatus) {
    let start = Clock.system.steady()
    while true {
      let file = try FileHandle.read(Paths.resolved(path))
      let content = try JSONSession.read(file)
      let document = JSONDocument(content.bytes)
      guard let fault = document.fault else { return (file, content.status) }
      guard content.status.isJustWritten, Clock.system.steady() - start < patience else {
        throw JSONSession.damaged(document, fault, at: file.path)
      }
      file.close()
      usleep(5_000)
    }
  }

  /// Size and time of the last change.
  public func stamp(_ path: String) throws(Problem) -> StoreStamp { Self.stamp(try FileStatus.of(path)) }

  private static func stamp(_ status: FileStatus) -> StoreStamp {
    StoreStamp(
      size: status.size, modified: status.modified, inode: status.inode, changeCounter: nil, log: [])
  }

  /// None.
  public func sidecars(of path: String) -> [String] { [] }

  /// Puts a copy in the place of the file, in one rename.
  public func install(_ copy: String, over path: String, expected: StoreStamp?, patience: Double) throws(Problem) {
    let replacement = FileReplacement(path)
    guard FileStatus.exists(replacement.path) else { return try replacement.installNew(copy) }
    if let obstacle = replacement.obstacle() { throw obstacle }
    let file = try FileHandle.read(replacement.path)
    let status = try file.status()
    try replacement.refuseIfOpen(status)
    if let expected, Self.stamp(status) != expected { throw JSONSession.changed(replacement.path) }
    let verified = try FileHandle.update(copy)
    try replacement.mustHand(attributesOf: file, to: verified)
    try verified.sync()
    file.close()
    try replacement.mustExchange(copy, with: status) { away in
      away.inode == status.inode && Self.stamp(away) == Self.stamp(status)
    }
    try Paths.removeFile(copy)
  }

  /// A hard link, a file or a folder that may not be written.
  public func installObstacle(_ path: String) -> Problem? { FileReplacement(path).obstacle() }

  /// The processes that have the file open.
  public func openers(of path: String) -> [Blocker] {
    guard let status = try? FileStatus.of(path) else { return [] }
    return OpenFiles.processes(device: status.device, inode: status.inode)
  }

  // MARK: - Mending

  /// Leaves the part that is certainly whole, closed.
  public func salvage(_ copy: String, with aid: SalvageAid) throws(Problem) -> RepairOutcome {
    try JSONClosing(try JSONSession.document(copy)).write(to: copy)
  }

  /// Whether a value is left.
  public func isSalvageable(_ path: String) -> Bool {
    (try? JSONSession.document(path)).map { JSONClosing($0).isWorthIt } ?? false
  }

  /// Nothing, where all that goes is around the text.
  public func salvagePlan(_ path: String) -> (loss: Loss, reason: String) {
    guard let document = try? JSONSession.document(path) else { return (.rows, "keeps what is whole") }
    return JSONClosing(document).plan
  }

  /// Holds the file against a backup of it, byte by byte.
  public func comparison(of path: String, isUnchanged: Bool, restores: Bool, patience: Double) throws(Problem)
    -> any StoreComparison
  {
    JSONComparison(
      try JSONSession.document(path), isUnchanged: isUnchanged, target: restores ? path : nil)
  }
}
