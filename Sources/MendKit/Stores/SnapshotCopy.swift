/// A copy of a store in a private folder of temporary files: one consistent state, which goes away with the last who holds it.
public final class SnapshotCopy {
  /// The copy's main file; of a folder, the folder.
  public let path: String
  /// The folder that holds it and nothing else.
  public let folder: String
  private let place: PrivateFolder
  private let marks: [String: FileStatus]

  /// Copies the store at a path: as one consistent state, or, where it is too damaged for that, all its files byte for byte. Throws what
  /// the driver says of a store that cannot be copied, and a problem of kind `noSpace` where the folder for temporary files has no
  /// room for it.
  init(of store: String, _ driver: any Driver, patience: Double) throws(Problem) {
    place = try PrivateFolder("dbmend-snapshot-")
    folder = Paths.join(place.path, "store")
    do throws(Problem) {
      path = try Self.copy(of: store, driver, .consistent, into: folder, beside: place.path, patience)
    } catch {
      guard error.kind == .damaged || error.kind == .unsupported else { throw error }
      path = try Self.copy(of: store, driver, .raw, into: folder, beside: place.path, patience)
    }
    marks = try Self.marks(in: folder)
  }

  private static func copy(
    of store: String, _ driver: any Driver, _ form: SnapshotForm, into folder: String, beside place: String,
    _ patience: Double
  ) throws(Problem) -> String {
    do throws(Problem) {
      return try copy(of: store, driver, form, into: folder, staging: nil, patience)
    } catch {
      // What is written to all the time is copied while a lock is held.
      guard error.kind == .changing else { throw error }
      let staging = Paths.join(place, "staging")
      try Paths.makeFolder(staging, mode: 0o700)
      let path = try copy(of: store, driver, form, into: folder, staging: staging, patience)
      try Paths.removeTree(staging)
      return path
    }
  }

  private static func copy(
    of store: String, _ driver: any Driver, _ form: SnapshotForm, into folder: String, staging: String?,
    _ patience: Double
  ) throws(Problem) -> String {
    if FileStatus.exists(folder) { try Paths.removeTree(folder) }
    try Paths.makeFolder(folder, mode: 0o700)
    let snapshot = try driver.snapshot(store, form: form, staging: staging, patience: patience)
    defer { snapshot.close() }
    let members = try snapshot.write(into: folder)
    guard let main = members.first else {
      throw Problem(.damaged, tried: "make a copy of", on: store, said: "there is no file of it")
    }
    return main
  }

  /// Whether its files are as they were when it was made. What stands beside them now, such as a log that a reader left, is taken
  /// away. Of a folder, only what stands in it itself is looked at.
  var isUntouched: Bool {
    guard let now = try? Self.marks(in: folder) else { return false }
    for (name, mark) in marks where now[name] != mark { return false }
    for name in now.keys where marks[name] == nil {
      guard (try? Paths.removeTree(Paths.join(folder, name))) != nil else { return false }
    }
    return true
  }

  private static func marks(in folder: String) throws(Problem) -> [String: FileStatus] {
    var marks: [String: FileStatus] = [:]
    for name in try Paths.names(in: folder) {
      marks[name] = try FileStatus.of(Paths.join(folder, name), followLinks: false)
    }
    return marks
  }
}
