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
    try list(folder, below: "", Self.statuses(in: folder))
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

  private mutating func list(_ folder: String, below prefix: String, _ items: [Item]) throws(Problem) {
    for item in items {
      let path = prefix.isEmpty ? item.name : prefix + "/" + item.name
      let full = Paths.join(folder, path)
      let status: FileStatus
      switch item.status {
      case .success(let found): status = found
      case .failure(let problem):
        if problem.kind != .missing { problems.append(problem) }
        guard item.name.contains("\u{FFFD}") else { continue }
        throw Problem(
          .unsupported, tried: "look at", on: full, said: "its name is not valid UTF-8",
          advice: "Give it a name in UTF-8, or take it out of the folder.")
      }
      if isLeftOut(path, status.kind == .folder) { continue }
      entries.append(Entry(path: path, status: status))
      guard status.kind == .folder else { continue }
      let below: [Item]
      do throws(Problem) {
        below = try Self.statuses(in: full)
      } catch {
        problems.append(error)
        continue
      }
      try list(folder, below: path, below)
    }
  }
}
