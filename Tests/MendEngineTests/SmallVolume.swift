import MendKit
import TestSupport

/// A tmpfs of a few hundred kilobytes over a folder.
final class SmallVolume {
  private let path: String

  init(_ path: String, bytes: Int) throws {
    self.path = path
    let result = try run("mount", "-t", "tmpfs", "-o", "size=\(bytes)", "tmpfs", path)
    guard result.exit == 0 else { throw PreparationFailed(result.errors) }
  }

  deinit { _ = try? run("umount", "-l", path) }
}
