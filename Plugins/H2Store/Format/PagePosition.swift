/// Where a page is, in the 64 bits that point to it: 26 of the chunk's number, 32 of the offset in it, 5 of the page's size and
/// one of its sort (`DataUtils.composePagePos`).
struct PagePosition: Hashable {
  /// The 64 bits.
  let bits: UInt64

  init(_ bits: UInt64) { self.bits = bits }

  /// The chunk's number.
  var chunk: Int { Int(bits >> 38) }
  /// Bytes from the beginning of the chunk.
  var offset: Int { Int((bits >> 6) & 0xFFFF_FFFF) }
  /// Whether it points to a page that has children.
  var isNode: Bool { bits & 1 == 1 }
  /// Whether it points to a page in a chunk.
  var isSaved: Bool { bits & ~1 != 0 }
  /// Bytes that the page takes at most; nil where that is more than can be said here.
  var mostBytes: Int? {
    let code = Int((bits >> 1) & 31)
    return code == 31 ? nil : (2 + (code & 1)) << ((code >> 1) + 4)
  }
  /// The bits that a table of pages has of it.
  var entry: UInt64 { bits & 0x3F_FFFF_FFFF }
}
