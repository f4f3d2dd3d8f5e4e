import MendKit

/// What of a folder belongs to the store: by the patterns of the configuration, and never what is dbmend's own.
struct FolderFilter: Sendable {
  private let include: [PathPattern]
  private let exclude: [PathPattern]

  init(include: [String] = [], exclude: [String] = []) {
    self.include = include.map(PathPattern.init)
    self.exclude = exclude.map(PathPattern.init)
  }

  /// Where archives are kept when nothing else is said, and what a run leaves for its work.
  private static let ownNames = ["dbmend-archives"]
  private static let ownPrefix = ".dbmend-"

  /// Whether a path below the folder does not belong to the store; of a folder, neither does what is in it.
  func leavesOut(_ path: String, isFolder: Bool) -> Bool {
    let name = Paths.name(of: path)
    if name.hasPrefix(Self.ownPrefix) || (isFolder && Self.ownNames.contains(name)) { return true }
    if exclude.contains(where: { $0.matches(path, isFolder: isFolder) }) { return true }
    guard !isFolder, !include.isEmpty else { return false }
    return !include.contains { $0.matches(path, isFolder: false) || $0.matchesAbove(path) }
  }
}

/// A pattern of paths: `*` and `?` within one name, `**` for any number of folders.
struct PathPattern: Sendable {
  private let parts: [[Character]]
  private let isOfFolders: Bool

  init(_ text: String) {
    var text = Substring(text)
    isOfFolders = text.hasSuffix("/")
    if isOfFolders { text = text.dropLast() }
    let isAnchored = text.contains("/")
    if text.hasPrefix("/") { text = text.dropFirst() }
    let parts = text.split(separator: "/").map(Array.init)
    self.parts = isAnchored ? parts : [Self.anyFolders] + parts
  }

  private static let anyFolders: [Character] = ["*", "*"]

  func matches(_ path: String, isFolder: Bool) -> Bool {
    if isOfFolders, !isFolder { return false }
    return Self.match(parts[...], path.split(separator: "/").map(Array.init)[...])
  }

  /// Whether a folder above the path is meant.
  func matchesAbove(_ path: String) -> Bool {
    let names = path.split(separator: "/").map(Array.init)
    return (1..<max(1, names.count)).contains { Self.match(parts[...], names[..<$0]) }
  }

  private static func match(_ pattern: ArraySlice<[Character]>, _ names: ArraySlice<[Character]>) -> Bool {
    guard let first = pattern.first else { return names.isEmpty }
    if first == anyFolders {
      // `a/**` is everything in `a`, and not `a` itself.
      if pattern.count == 1 { return !names.isEmpty }
      return names.indices.contains { match(pattern.dropFirst(), names[$0...]) }
    }
    guard let name = names.first, matchName(first[...], name[...]) else { return false }
    return match(pattern.dropFirst(), names.dropFirst())
  }

  /// One name against one part, going back only to the last `*`, so that no pattern takes long.
  private static func matchName(_ pattern: ArraySlice<Character>, _ name: ArraySlice<Character>) -> Bool {
    var (here, there) = (pattern.startIndex, name.startIndex)
    var star: (pattern: Int, name: Int)?
    while there < name.endIndex {
      if here < pattern.endIndex, pattern[here] == "*" {
        star = (here, there)
        here += 1
      } else if here < pattern.endIndex, pattern[here] == "?" || pattern[here] == name[there] {
        here += 1
        there += 1
      } else if let last = star {
        star = (last.pattern, last.name + 1)
        here = last.pattern + 1
        there = last.name + 1
      } else {
        return false
      }
    }
    return pattern[here...].allSatisfy { $0 == "*" }
  }
}
