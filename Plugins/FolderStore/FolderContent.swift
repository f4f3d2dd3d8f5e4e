import CXXHash
import MendKit

/// Everything of a folder that belongs to the store, as the system told it at one moment. Nothing of it was read yet.
struct FolderContent: Sendable {
  /// The folder.
  let path: String
  /// What is in it, a folder before what is in that.
  let entries: [FolderWalk.Entry]
  /// Folders that could not be listed, each with the reason.
  let problems: [Problem]
  let stamp: StoreStamp
  private let filter: FolderFilter

  /// Looks at a folder. A folder with the lock of a repository in it is one of archives, and left out.
  init(_ path: String, _ filter: FolderFilter) throws(Problem) {
    let status = try FileStatus.of(path)
    guard status.kind == .folder else {
      throw Problem(
        .damaged, tried: "open", on: path, said: "it is a \(status.kind.rawValue), not a folder",
        code: "file.not-a-file")
    }
    self.path = path
    self.filter = filter
    let walk = try FolderWalk(path) { name, isFolder in
      filter.leavesOut(name, isFolder: isFolder)
        || (isFolder && FileStatus.exists(Paths.join(Paths.join(path, name), ".dbmend.lock")))
    }
    entries = walk.entries
    problems = walk.problems
    stamp = Self.stamp(status, walk.entries)
  }

  /// The files among the entries, by their numbers.
  var files: [Int] { entries.indices.filter { entries[$0].status.kind == .file } }

  /// Size of all files together, in bytes.
  var bytes: Int { stamp.size }

  /// Whether a path, or a folder above it, does not belong to the store.
  func leavesOut(_ path: String, isFolder: Bool) -> Bool {
    var above = Paths.folder(of: path)
    while above != "." {
      if filter.leavesOut(above, isFolder: true) { return true }
      above = Paths.folder(of: above)
    }
    return filter.leavesOut(path, isFolder: isFolder)
  }

  private static func stamp(_ folder: FileStatus, _ entries: [FolderWalk.Entry]) -> StoreStamp {
    var size = 0
    var modified = entries.isEmpty ? folder.modified : Int64.min
    var sum: UInt64 = 0
    for entry in entries {
      let status = entry.status
      if status.kind == .file { size += status.size }
      modified = max(modified, status.modified)
      var words: [UInt64] = [
        sum, status.inode, UInt64(bitPattern: Int64(status.size)), UInt64(bitPattern: status.modified),
        UInt64(status.mode) << 32 | UInt64(status.user), UInt64(status.group),
      ]
      // What is in a folder has entries of its own, and work in it leaves its size and time changed.
      if status.kind == .folder { (words[2], words[3]) = (0, 0) }
      sum = words.withUnsafeBytes { XXH3_64bits($0.baseAddress, $0.count) }
      var name = entry.path
      sum ^= name.withUTF8 { XXH3_64bits_withSeed($0.baseAddress, $0.count, sum) }
    }
    return StoreStamp(
      size: size, modified: modified, inode: folder.inode, changeCounter: nil, log: [UInt64(entries.count), sum])
  }
}
