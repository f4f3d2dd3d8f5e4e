import CSystem

/// Everything in a folder, without following a link and without opening a file.
public struct FolderWalk: Sendable {
  /// One thing in the folder.
  public struct Entry: Sendable {
    /// The path below the folder.
    public var path: String
    /// What the system says of it; of a link, of the link itself.
    public var status: FileStatus
  }

  /// What was found, sorted folder by folder: a folder comes before what is in it.
  public private(set) var entries: [Entry] = []
  /// Folders below that could not be listed, each with the reason.
  public private(set) var problems: [Problem] = []
  private let isLeftOut: @Sendable (_ path: String, _ isFolder: Bool) -> Bool

  /// Walks through a folder. What `isLeftOut` names is passed over, a folder with all that is in it. Throws where the folder itself
  /// cannot be listed, or holds a name that is no UTF-8, which could not be spoken of.
  public init(
    _ folder: String, isLeftOut: @escaping @Sendable (_ path: String, _ isFolder: Bool) -> Bool = { _, _ in false }
  ) throws(Problem) {
    self.isLeftOut = isLeftOut
    try list(folder, below: "", Self.statuses(in: folder), WorkLane())
  }

  /// A name in a folder and what the system says of it, or why it says nothing.
  private typealias Item = (name: String, status: Result<FileStatus, Problem>)

  /// What is in one folder, looked at through the folder itself: for whole paths the system goes through all folders above
  /// again and again.
  private static func statuses(in folder: String) throws(Problem) -> [Item] {
    let handle = try FileHandle.open(folder, O_RDONLY | O_DIRECTORY | O_NONBLOCK, tried: "list")
    defer { handle.close() }
    return try Paths.names(in: handle).map { name in
      do throws(Problem) {
        return (name, .success(try FileStatus.of(name, in: handle)))
      } catch {
        return (name, .failure(error))
      }
    }
  }

  /// Takes up what is in one folder, and goes through the folders among it, of which the lane looks into every second one.
  private mutating func list(
    _ folder: String, below prefix: String, _ items: [Item], _ lane: WorkLane
  ) throws(Problem) {
    var found: [Entry] = []
    for item in items {
      if let entry = try entry(item, in: folder, below: prefix) { found.append(entry) }
    }
    var folders = found.filter { $0.status.kind == .folder }.map { Paths.join(folder, $0.path) }[...]
    var ahead: WorkLane.Piece<Result<[Item], Problem>>?
    for entry in found {
      entries.append(entry)
      guard entry.status.kind == .folder, let full = folders.popFirst() else { continue }
      let below: Result<[Item], Problem>
      if let piece = ahead {
        ahead = nil
        below = piece.value
      } else {
        if let next = folders.first { ahead = lane.begin { Self.result(in: next) } }
        below = Self.result(in: full)
      }
      switch below {
      case .success(let items): try list(folder, below: entry.path, items, lane)
      case .failure(let problem): problems.append(problem)
      }
    }
  }

  private static func result(in folder: String) -> Result<[Item], Problem> {
    Result { () throws(Problem) in try statuses(in: folder) }
  }

  /// The entry of something in a folder; nil where it is left out, not there any more, or a problem that was noted.
  private mutating func entry(_ item: Item, in folder: String, below prefix: String) throws(Problem) -> Entry? {
    let path = prefix.isEmpty ? item.name : prefix + "/" + item.name
    switch item.status {
    case .success(let status):
      return isLeftOut(path, status.kind == .folder) ? nil : Entry(path: path, status: status)
    case .failure(let problem):
      if problem.kind != .missing { problems.append(problem) }
      guard item.name.contains("\u{FFFD}") else { return nil }
      throw Problem(
        .unsupported, tried: "look at", on: Paths.join(folder, path), said: "its name is not valid UTF-8",
        advice: "Give it a name in UTF-8, or take it out of the folder.")
    }
  }
}
