import MendKit

/// Looks into a file of a folder by the driver of its kind.
struct DocumentCheck {
  private let driver: any Driver
  private let findingsPerCause: Int

  init(_ driver: any Driver, findingsPerCause: Int) {
    self.driver = driver
    self.findingsPerCause = findingsPerCause
  }

  private static let headSize = 4096

  /// What is wrong with the file, with its place in the folder; nothing of one that is of no such kind. `content` is all of it, where
  /// it is at hand.
  func findings(_ path: String, size: Int, name: String, content: UnsafeRawBufferPointer?) -> [Finding] {
    // A name that says nothing is no promise: of such a file only the content could tell, and many are of no kind at all.
    guard Paths.name(of: name).dropFirst().contains("."),
      driver.recognise(FileHead(path: path, bytes: [], size: size)) != .no
    else { return [] }
    do throws(Problem) {
      let session = try session(path, content)
      defer { session.end() }
      return try session.verifyIntegrity(IntegrityRequest(findingsPerCause: findingsPerCause, workers: 1)).map {
        finding in
        var finding = finding
        finding.location.file = name
        finding.message = "\(name): \(finding.message)"
        return finding
      }
    } catch {
      // One that is being written at this moment is looked at the next time.
      guard error.kind != .missing, error.kind != .changing else { return [] }
      return [
        Finding(
          error.code ?? "file.malformed", .error, at: .init(file: name), "\(name): could not \(error.tried) it",
          evidence: error.said)
      ]
    }
  }

  private func session(_ path: String, _ content: UnsafeRawBufferPointer?) throws(Problem) -> any StoreSession {
    guard let content, let driver = driver as? any DocumentDriver else { return try driver.open(path, patience: 0) }
    return driver.open(path, holding: Array(content))
  }
}
