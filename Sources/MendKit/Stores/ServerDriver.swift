/// A driver whose stores a server keeps. A working copy of one is another store on the same server; what can be mended at no loss is
/// mended in the store itself, since the server makes each step of that whole or not at all.
public protocol ServerDriver: SQLDriver {
  /// Where a new working copy of a store is to go. Nothing is made yet; the place is noted in the folder (`RemoteCopies`), so
  /// that the copy can be let go of even after a crash.
  func placeForCopy(of path: String, in folder: String) throws(Problem) -> String

  /// Makes the store at a place and fills it from the members of an archive or a snapshot, which stand under these paths, the main
  /// one first. `path` is the store that it is to take the place of.
  func fill(_ copy: String, from members: [String], for path: String) throws(Problem)

  /// What became of the store that the last `install` of this process at a path replaced, as a sentence; nil where there was none.
  func replaced(at path: String) -> String?

  /// Writes a store to a file, in the form that archives have.
  func export(_ copy: String, to file: String) throws(Problem)
}

/// Working copies that are no files: each is noted in the folder where its files would be, before it is made.
public enum RemoteCopies {
  private static let name = ".dbmend-copy-elsewhere"

  /// Notes a copy in a folder.
  public static func note(_ copy: String, in folder: String) throws(Problem) {
    let path = Paths.join(folder, name)
    let before = (try? FileHandle.read(path).readAll(limit: 1 << 16)) ?? []
    try Durable.write(before + Array((copy + "\n").utf8), to: path, mode: 0o600)
  }

  /// The copies that are noted in a folder and in the folders in it.
  public static func noted(below folder: String) -> [String] {
    var copies: [String] = []
    for entry in (try? Paths.names(in: folder)) ?? [] {
      let path = Paths.join(folder, entry)
      guard let status = try? FileStatus.of(path, followLinks: false) else { continue }
      if status.kind == .folder {
        copies += noted(below: path)
      } else if entry == name, status.kind == .file, let bytes = try? FileHandle.read(path).readAll(limit: 1 << 16) {
        copies += String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
      }
    }
    return copies
  }
}
