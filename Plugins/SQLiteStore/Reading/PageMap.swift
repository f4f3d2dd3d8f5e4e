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
  private let sidePages: PageTable
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
    side = try view.overlay?.mapping()
    sidePages = view.overlay?.pages ?? PageTable()
    guard sidePages.count == 0 || view.overlay?.pageSize == pageSize else {
      throw Problem(
        .damaged, tried: "lay the pages of a log or journal over", on: path,
        said: "their page 1 says that pages have \(pageSize) bytes, but they have \(view.overlay?.pageSize ?? 0)",
        advice: "Restore the file from a backup.", code: "file.malformed")
    }
    wholePages = fileSize / pageSize
    // What neither the file nor the overlay holds can only be on the freelist, and a trunk that is held must name it.
    let held = max((fileSize + pageSize - 1) / pageSize, Int(sidePages.largest ?? 0))
    filePages = UInt32(clamping: min((view.size + pageSize - 1) / pageSize, held * (usableSize / 4)))
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
    if let side, let at = sidePages[number] { return side.start + at }
    let index = Int(number) - 1
    if index < wholePages, let main { return main.start + index * pageSize }
    return UnsafeRawPointer(spare) + (index == wholePages ? 0 : pageSize)
  }

  /// Says that a page will be read soon, so that its bytes are on their way while the one before is read.
  @inline(__always) func prefetch(_ number: UInt32) {
    if let page = self[number] { csystem_prefetch(page, min(pageSize, Self.prefetched)) }
  }

  /// Bytes at the start of a page that are fetched ahead: of larger pages, processors fetch the rest by themselves.
  private static let prefetched = 4096

  /// Says that hardly any page is looked at from now on.
  func isDone() {
    main?.isDone()
    side?.isDone()
  }

  /// Throws when the system could not read a part of the files, or one was cut off meanwhile.
  func confirmRead() throws(Problem) {
    for mapping in [main, side].compactMap({ $0 }) {
      guard try mapping.isWhole() else { throw StoreView.changed(path) }
    }
  }
}
