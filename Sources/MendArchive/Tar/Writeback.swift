import CSystem
import MendKit

/// Has the disk work while more is written to a large file; else all of it would wait for the sync at the end. A hint
/// only.
struct Writeback {
  private static let step = 16 << 20
  private var started = 0

  /// To be told, in rising order, up to which offset the file was written.
  mutating func wrote(_ file: FileHandle, upTo offset: Int) {
    guard offset - started >= Self.step else { return }
    csystem_start_writeback(file.descriptor, Int64(started), Int64(offset - started))
    started = offset
  }
}
