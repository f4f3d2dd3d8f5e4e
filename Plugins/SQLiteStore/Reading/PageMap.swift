import CSystem
import MendKit

/// The pages of a view, mapped for reading: the file, with the pages of a log or journal laid over it.
///
/// Unchecked, since what is mapped is only read, and all else is set when it is made.
final class PageMap: @unchecked Sendable {
  /// Bytes behind the end of each page that may be read, so that loops can take whole words.
  static let slack = 16

  let pageSize: Int
  /// Bytes of a page that SQLite uses: all but the reserved ones at its end.
  let usableSize: Int
  /// Pages of the database by its header, as far as the file has them.
  let pageCount: UInt32
  /// Pages by the header alone; more than `pageCount` when the file was cut off.
  let claimedPages: UInt32
  /// Whole and partial pages of the file.
  let filePages: UInt32

  private let main: Mapping?
  private let side: Mapping?
  private let sidePages: [UInt32: Int]
  /// The last page of a file whose size is no multiple of a page, filled up with zeros; and the page of zeros that stands for
  /// those which a log counts and nothing holds.
  private let spare: UnsafeMutableRawPointer
  private let wholePages: Int
  private let path: String

  /// Maps a view. `header` is that of the view's page one.
  init(_ view: StoreView, header: DatabaseHeader) throws(Problem) {
    path = view.path
    pageSize = header.pageSize
    usableSize = header.pageSize - header.reservedBytes
    let fileSize = view.status.size
    main = if let content = view.content { Mapping(content) } else { try Mapping(view.file, size: fileSize) }
    if let overlay = view.overlaid, try overlay.file.status().size > 0 {
      side = try Mapping(overlay.file, size: try overlay.file.status().size)
      sidePages = overlay.pages
    } else {
      side = nil
      sidePages = [:]
    }
    wholePages = fileSize / pageSize
    filePages = UInt32(clamping: (view.size + pageSize - 1) / pageSize)
    claimedPages = header.trustedPageCount ?? filePages
    pageCount = min(claimedPages, filePages)
    spare = UnsafeMutableRawPointer.allocate(byteCount: 2 * pageSize + Self.slack, alignment: 16)
    spare.initializeMemory(as: UInt8.self, repeating: 0, count: 2 * pageSize + Self.slack)
    if fileSize % pageSize > 0 {
      let part = UnsafeMutableRawBufferPointer(start: spare, count: fileSize % pageSize)
      _ = try view.file.read(into: part, at: wholePages * pageSize)
    }
  }

  deinit { spare.deallocate() }

  /// A page's bytes; nil when the database has no such page.
  @inline(__always) subscript(_ number: UInt32) -> UnsafeRawPointer? {
    guard number > 0, number <= pageCount else { return nil }
    if side != nil, let at = sidePages[number], let side { return side.start + at }
    let index = Int(number) - 1
    if index < wholePages, let main { return main.start + index * pageSize }
    return UnsafeRawPointer(spare) + (index == wholePages ? 0 : pageSize)
  }

  /// Throws when the system could not read a part of the file.
  func confirmRead() throws(Problem) {
    for mapping in [main, side].compactMap({ $0 }) {
      guard let fault = mapping.fault else { continue }
      throw Problem(
        .system, tried: "read", on: path,
        said: "\(fault.count) blocks from byte \(fault.first) on could not be read from the disk",
        advice: "Look at the system's log (dmesg) for the disk's errors, and copy the file to another disk.",
        code: "disk.read-error")
    }
  }
}

/// A file mapped for reading, where a block that the disk does not give reads as zeros and is remembered; or a small file that
/// was read already, since setting up a mapping costs more than its pages.
private final class Mapping: @unchecked Sendable {
  let start: UnsafeRawPointer
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
    self.slot = slot
    content = nil
  }

  /// Takes what was read; nil when that is nothing.
  init?(_ content: FileContent) {
    guard let start = content.bytes.baseAddress else { return nil }
    self.start = start
    self.content = content
    slot = nil
  }

  deinit { if let slot { csystem_unmap(slot) } }

  var fault: (first: Int, count: Int)? {
    guard let slot else { return nil }
    var first = 0
    let count = csystem_map_faults(slot, &first)
    return count > 0 ? (first, count) : nil
  }
}
