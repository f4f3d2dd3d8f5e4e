/// Where a page is, in the 64 bits that point to it: 26 of the chunk's number, 32 of the offset in it, 5 of the page's size and
/// one of its sort (`DataUtils.composePagePos`).
struct PagePosition: Hashable {
  /// The 64 bits.
  let bits: UInt64

  init(_ bits: UInt64) { self.bits = bits }

  /// Of a page at an offset of a chunk; without a size it says nothing of that.
  init(chunk: Int, offset: Int, size: Int = .max, isNode: Bool) {
    let code = (0..<31).first { size <= Self.mostBytes($0) } ?? 31
    bits = UInt64(chunk) << 38 | UInt64(offset) << 6 | UInt64(code) << 1 | (isNode ? 1 : 0)
  }

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
    return code == 31 ? nil : Self.mostBytes(code)
  }
  private static func mostBytes(_ code: Int) -> Int { (2 + (code & 1)) << ((code >> 1) + 4) }
  /// The page's chunk and offset alone.
  var place: UInt64 { bits >> 6 }
  /// The bits that a table of pages has of it.
  var entry: UInt64 { bits & 0x3F_FFFF_FFFF }

  /// What a number adds to the check value of a page: its two halves in one (`DataUtils.getCheckValue`).
  static func check(_ value: Int) -> UInt16 {
    UInt16(truncatingIfNeeded: value >> 16) ^ UInt16(truncatingIfNeeded: value)
  }
}
