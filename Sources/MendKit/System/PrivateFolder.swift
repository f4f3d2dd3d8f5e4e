/// A folder that nobody else looks into, for copies that an engine's client may open; it goes with the last who holds it.
public final class PrivateFolder {
  /// The folder's path.
  public let path: String

  /// Makes one below `place`, or, where that is nil, in the folder for temporary files. Its name begins with `prefix`.
  public init(_ prefix: String, in place: String? = nil) throws(Problem) {
    let given = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    path = try Paths.makeTemporaryFolder(Paths.join(place ?? (given.isEmpty ? "/tmp" : given), prefix))
  }

  deinit { try? Paths.removeTree(path) }
}
