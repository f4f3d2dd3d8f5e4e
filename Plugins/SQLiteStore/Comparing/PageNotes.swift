import CXXHash
import MendKit

/// What an archive keeps of each page of its database: a checksum, and the tree that it belongs to.
///
/// All numbers are big-endian: 16 bytes `dbmend.pages/1` with two NULs, the page size and the number of pages (4 bytes each),
/// the XXH3 with 64 bits of each page (8 bytes each), and of each page the root of its b-tree (4 bytes each), its overflow pages
/// among them; 0 for a page that belongs to none.
struct PageNotes {
  static let magic = Array("dbmend.pages/1".utf8) + [0, 0]
  private static let headerSize = 24

  let pageSize: Int
  let pageCount: UInt32
  private let bytes: [UInt8]

  /// Reads notes that nobody vouches for; nil where they are none.
  init?(_ bytes: [UInt8]) {
    let numbers = BigEndian(bytes: bytes)
    guard bytes.starts(with: Self.magic), let size = numbers.uint32(16), let count = numbers.uint32(20),
      (512...65536).contains(size), size & (size - 1) == 0, bytes.count == Self.size(pageCount: Int(count))
    else { return nil }
    pageSize = Int(size)
    pageCount = count
    self.bytes = bytes
  }

  /// What notes begin with; the sums of the pages follow, then their owners.
  static func header(pageSize: Int, pageCount: Int) -> [UInt8] {
    magic + BigEndian.bytes(UInt32(pageSize)) + BigEndian.bytes(UInt32(pageCount))
  }

  /// Bytes of notes.
  static func size(pageCount: Int) -> Int { headerSize + pageCount * 12 }

  /// The root of the tree that a page belongs to; 0 for none.
  func owner(_ page: UInt32) -> UInt32 {
    guard page > 0, page <= pageCount else { return 0 }
    return BigEndian(bytes: bytes).uint32(Self.headerSize + Int(pageCount) * 8 + (Int(page) - 1) * 4) ?? 0
  }

  /// The pages whose content has another sum than the notes say.
  func differing(_ pages: PageMap, workers: Int) -> [UInt32] {
    let chunk = 4096
    let count = Int(min(pageCount, pages.pageCount))
    let parts = Workers.map((count + chunk - 1) / chunk, workers: workers) { part in
      let first = part * chunk
      return bytes.withUnsafeBytes { notes -> [UInt32] in
        (first..<min(first + chunk, count)).compactMap { index in
          let number = UInt32(index + 1)
          guard let page = pages[number] else { return nil }
          let sum = notes.loadUnaligned(fromByteOffset: Self.headerSize + index * 8, as: UInt64.self)
          return XXH3_64bits(page, pages.pageSize) == UInt64(bigEndian: sum) ? nil : number
        }
      }
    }
    return parts.flatMap { $0 }
  }
}
