import MendKit

/// The file of a store, before any driver opens it.
enum StoreFile {
  /// How many bytes a driver recognises a file by.
  static let headSize = 4096

  /// The beginning of a file. Throws for what is not there, is no regular file, or may not be read; waits for no pipe.
  static func head(of path: String) throws(Problem) -> FileHead {
    let status = try FileStatus.of(path)
    guard status.kind == .file else {
      throw Problem(
        .damaged, tried: "open", on: path, said: "it is a \(status.kind.rawValue), not a file",
        advice: "Name the database's own file.", code: "file.not-a-file")
    }
    let file = try FileHandle.open(path, O_RDONLY | O_NONBLOCK, tried: "open")
    defer { file.close() }
    return FileHead(path: path, bytes: try file.read(headSize, at: 0), size: status.size)
  }
}

extension Engine {
  /// The driver of a store: of the kind that the configuration gives, else of the kind that the file's beginning shows,
  /// else, for a file that is damaged beyond recognition, of the kind that its newest archive has.
  func driver(of store: ManagedStore, head: FileHead?) throws(Problem) -> (any Driver)? {
    if let kind = store.kind {
      if let driver = registry.driver(kind) { return driver }
      throw Problem(
        .unsupported, tried: "open", on: store.writtenPath, said: "no driver here is called '\(kind)'",
        advice: "See 'dbmend plugins' for the kinds of store that this dbmend knows.")
    }
    if let head, let driver = registry.driver(forFile: head) { return driver }
    guard let records = try? repository(of: store).records(of: store.identity) else { return nil }
    return records.last?.manifest.flatMap { registry.driver($0.kind) }
  }
}
