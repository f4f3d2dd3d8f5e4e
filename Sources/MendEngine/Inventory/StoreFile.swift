import MendKit

/// The file of a store, before any driver opens it.
enum StoreFile {
  /// How many bytes a driver recognises a file by.
  static let headSize = 4096

  /// The beginning of a file, or a folder without one. Throws for what is not there, is neither, or may not be read; waits for no
  /// pipe.
  static func head(of path: String) throws(Problem) -> FileHead {
    let status = try FileStatus.of(path)
    if status.kind == .folder { return FileHead(path: path, bytes: [], size: 0, isFolder: true) }
    guard status.kind == .file else { throw notAFile(path, status.kind) }
    let file = try FileHandle.open(path, O_RDONLY | O_NONBLOCK, tried: "open")
    defer { file.close() }
    return FileHead(path: path, bytes: try file.read(headSize, at: 0), size: status.size)
  }
}

extension StoreFile {
  /// The problem of a folder, a pipe or a device under a store's name.
  static func notAFile(_ path: String, _ kind: FileStatus.Kind) -> Problem {
    Problem(
      .damaged, tried: "open", on: path, said: "it is a \(kind.rawValue), not a \(kind == .file ? "folder" : "file")",
      advice: kind == .file ? nil : "Name the database's own file.", code: "file.not-a-file")
  }
}

extension Engine {
  /// The driver of a store: of the kind that the configuration gives, else of the kind that the file's beginning shows,
  /// else, for a file that is damaged beyond recognition, of the kind that its newest archive has.
  func driver(of store: ManagedStore, head: FileHead?) throws(Problem) -> (any Driver)? {
    if let kind = store.kind {
      if let driver = registry.driver(kind) { return try driver.configured(by: store.options) }
      throw Problem(
        .unsupported, tried: "open", on: store.writtenPath, said: "no driver here is called '\(kind)'",
        advice: "See 'dbmend plugins' for the kinds of store that this dbmend knows.")
    }
    // Of a folder nothing tells whether it is one that was archived, or stands where a file was.
    let archived = head?.isFolder == true ? archivedKind(of: store).flatMap { registry.driver($0) } : nil
    let found =
      archived ?? head.flatMap { registry.driver(forFile: $0) }
      ?? archivedKind(of: store).flatMap { registry.driver($0) }
    return try found.map { (driver) throws(Problem) in try driver.configured(by: store.options) }
  }

  /// The kind that the newest archive of a store has.
  private func archivedKind(of store: ManagedStore) -> String? {
    (try? repository(of: store).records(of: store.identity))?.last?.manifest?.kind
  }
}

extension Driver {
  fileprivate func configured(by pairs: [OptionPair]) throws(Problem) -> any Driver {
    pairs.isEmpty ? self : try configured(by: Options(pairs, defaults: description))
  }
}
