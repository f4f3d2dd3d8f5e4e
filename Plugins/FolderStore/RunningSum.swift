import CXXHash
import MendKit

/// The sum of a content that comes piece by piece.
final class RunningSum {
  private let state: OpaquePointer

  /// The sum of nothing yet; the path is for problems.
  init(of path: String) throws(Problem) {
    guard let state = XXH3_createState() else {
      throw Problem(.system, tried: "compute the checksum of", on: path, said: "no memory is left")
    }
    self.state = state
    XXH3_128bits_reset(state)
  }

  deinit { XXH3_freeState(state) }

  func update(_ bytes: UnsafeRawBufferPointer) { XXH3_128bits_update(state, bytes.baseAddress, bytes.count) }

  var value: FolderReading.Sum {
    let sum = XXH3_128bits_digest(state)
    return FolderReading.Sum(high: sum.high64, low: sum.low64)
  }
}
