import CSystem
import MendKit
import Synchronization

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
  /// Takes pages out of the address space; nil where that is not worth a thread.
  private let forgetting: Forgetting?
  private let begun = Mutex<Workers.Pending<Void>?>(nil)

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
    forgetting = Forgetting(bytes)
  }

  /// Takes what was read; nil when that is nothing.
  init?(_ content: FileContent) {
    guard let start = content.bytes.baseAddress else { return nil }
    self.start = start
    bytes = content.bytes
    self.content = content
    file = nil
    slot = nil
    forgetting = nil
  }

  deinit {
    guard let slot else { return }
    forgetting?.run()
    begun.withLock { $0 = nil }
    csystem_unmap(slot)
  }

  /// Says that hardly any page is looked at from now on: another thread begins to take them out of the address space, which
  /// for a whole file takes as long as reading it.
  func isDone() {
    guard let forgetting else { return }
    begun.withLock { if $0 == nil { $0 = Workers.begin(forgetting.run) } }
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

/// Takes the pages of a large file out of the address space, part by part, by as many threads as are at it: the system by
/// itself does it on one. A page that is looked at all the same is mapped again.
private final class Forgetting: Sendable {
  /// The bits of so many bytes that are taken out at a time.
  private static let partBits = 22

  private let start: UInt
  private let count: Int
  private let next = Atomic(0)

  /// Nil where there is but one part.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 1 << Self.partBits else { return nil }
    start = UInt(bitPattern: bytes.baseAddress)
    count = bytes.count
  }

  func run() {
    while true {
      let first = next.wrappingAdd(1, ordering: .relaxed).oldValue << Self.partBits
      guard first < count else { return }
      let size = min(count - first, 1 << Self.partBits)
      _ = madvise(UnsafeMutableRawPointer(bitPattern: start + UInt(first)), size, MADV_DONTNEED)
    }
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
