/// The checksum of the texts in an MVStore file: Fletcher's with 32 bits, over words of 16 bits, big-endian
/// (`DataUtils.getFletcher32`).
enum Fletcher {
  /// The sum of some bytes; an odd last byte counts as a word with a zero behind it.
  static func sum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var first: UInt32 = 0xFFFF
    var second: UInt32 = 0xFFFF
    var index = bytes.startIndex
    let end = bytes.startIndex + (bytes.count & ~1)
    while index < end {
      // More words than 360 would need more than 32 bits.
      let stop = min(index + 720, end)
      while index < stop {
        first &+= UInt32(bytes[index]) << 8 | UInt32(bytes[index + 1])
        second &+= first
        index += 2
      }
      first = fold(first)
      second = fold(second)
    }
    if index < bytes.endIndex {
      first &+= UInt32(bytes[index]) << 8
      second &+= first
    }
    return fold(second) << 16 | fold(first)
  }

  private static func fold(_ sum: UInt32) -> UInt32 { (sum & 0xFFFF) + (sum >> 16) }
}
