import CSystem
import MendKit

/// A file mapped for reading, where a block that the disk does not give reads as zeros and is remembered; or a small file that
/// was read already, since setting up a mapping costs more than its pages.
///
/// Unchecked, since its bytes are only read, and the file is only looked at by who made the mapping.
final class Mapping: @unchecked Sendable {
  /// The file's content.
  let bytes: UnsafeRawBufferPointer
  /// Where it begins.
  let start: UnsafeRawPointer
  private let file: FileHandle?
  private let slot: Int32?
  private let content: FileContent?

  /// Maps a file; nil when it is empty.
  init?(_ file: FileHandle, size: Int) throws(Problem) {
    guard size > 0 else { return nil }
    var slot: Int32 = 0
    guard let start = csystem_map(file.descriptor, size, &slot) else {
      throw SystemError.problem("map into memory", file.path)
    }
    self.start = UnsafeRawPointer(start)
    bytes = UnsafeRawBufferPointer(start: start, count: size)
    self.file = file
    self.slot = slot
    content = nil
  }

  /// Takes what was read; nil when that is nothing.
  init?(_ content: FileContent) {
    guard let start = content.bytes.baseAddress else { return nil }
    self.start = start
    bytes = content.bytes
    self.content = content
    file = nil
    slot = nil
  }

  deinit {
    guard let slot else { return }
    forget()
    csystem_unmap(slot)
  }

  /// Takes the pages of a large file out of the address space, on all processors: by itself the system does it on one, which
  /// takes as long as reading the file.
  private func forget() {
    let parts = bytes.count >> Self.forgotten
    guard parts > 1 else { return }
    let range = AddressRange(start: UInt(bitPattern: start), count: bytes.count)
    _ = Workers.map(parts, workers: Workers.processors) { part in
      let first = part << Self.forgotten
      let count = part == parts - 1 ? range.count - first : 1 << Self.forgotten
      _ = madvise(UnsafeMutableRawPointer(bitPattern: range.start + UInt(first)), count, MADV_DONTNEED)
    }
  }

  /// The bits of so many bytes that one worker takes at a time.
  private static let forgotten = 23

  private struct AddressRange {
    let start: UInt
    let count: Int
  }

  /// Whether what was read is what the file held: false when the file was cut off meanwhile. Throws when the disk did not give
  /// a block of it.
  func isWhole() throws(Problem) -> Bool {
    guard let slot, let file else { return true }
    var first = 0
    let count = csystem_map_faults(slot, &first)
    guard count > 0 else { return true }
    // A block that is not there, or that is there again, was not refused by the disk.
    if (try? file.read(1, at: first)) != nil { return false }
    throw Problem(
      .system, tried: "read", on: file.path,
      said: "\(count) blocks from byte \(first) on could not be read from the disk",
      advice: "Look at the system's log (dmesg) for the disk's errors, and copy the file to another disk.",
      code: "disk.read-error")
  }
}

extension WriteAheadLog {
  /// Logs up to so many bytes are read rather than mapped, and verified by one thread.
  private static let smallSize = 256 << 10

  /// Reads a log file; nil when it holds no valid header. Frames stand in the mapping as they do in the file.
  static func read(
    _ file: FileHandle, limit: Int? = nil, salts: [UInt32]? = nil
  ) throws(Problem) -> (log: WriteAheadLog, mapping: Mapping)? {
    // Where nobody holds the log, a checkpoint may cut it off at any moment.
    for _ in 0..<10 {
      let size = try file.status().size
      guard size >= headerSize else { return nil }
      guard let mapping = try mapping(file, size: size) else { continue }
      let workers = size > smallSize ? Workers.processors : 1
      let log = WriteAheadLog(mapping.bytes, limit: limit, salts: salts, workers: workers)
      if try mapping.isWhole() { return log.map { ($0, mapping) } }
    }
    throw StoreView.changed(file.path)
  }

  private static func mapping(_ file: FileHandle, size: Int) throws(Problem) -> Mapping? {
    guard size <= smallSize else { return try Mapping(file, size: size) }
    guard let content = try FileContent(file, size: size) else { return nil }
    return Mapping(content)
  }
}
