/// Puts a single changed byte of a block right by the block's checksum.
///
/// The checksum is the exclusive or of every 64-bit word times an odd constant. So what it is off by tells, for each word, what that
/// word would have to be for the sum to be right. Where exactly one word would have to change in one byte alone, that is what
/// happened: of a block in which more is damaged, a word that fits turns up by chance less than once in a hundred thousand. The
/// upper half of a word weighs upon the upper half of the sum alone, where words fit too easily: there nothing is put right.
enum BlockCorrection {
  /// The block as it was; nil where its checksum does not tell.
  static func corrected(_ block: [UInt8]) -> [UInt8]? {
    guard block.count > 16, block.count % 8 == 0, let stored = block.uint64(0) else { return nil }
    let difference = stored ^ Checksum.of(block[8...])
    // A changed byte changes that byte of the product and those above it.
    guard difference != 0, difference.trailingZeroBitCount < 32 else { return nil }
    if isOneByte(difference) {
      // The checksum itself is damaged: a changed word would show in the bytes above, too.
      var result = block
      result.set(stored ^ difference, at: 0)
      return result
    }
    let inverse = Checksum.inverse
    var found: (place: Int, word: UInt64)?
    for place in stride(from: 8, to: block.count, by: 8) {
      guard let word = block.uint64(place) else { return nil }
      let candidate = ((word &* Checksum.factor) ^ difference) &* inverse
      guard isOneByte(candidate ^ word) else { continue }
      guard found == nil else { return nil }
      found = (place, candidate)
    }
    guard let found else { return nil }
    var result = block
    result.set(found.word, at: found.place)
    return result
  }

  private static func isOneByte(_ difference: UInt64) -> Bool {
    let low = difference.trailingZeroBitCount / 8
    return difference != 0 && difference >> UInt64(low * 8) < 256
  }
}
