/// Whether a content can be compressed at all.
enum Density {
  /// The level for what cannot: zstd looks at it less closely than at its usual level, and finds as little.
  static let level = 1

  private static let enough = 16 << 10

  /// Whether pieces of a content look like what pictures, films, archives and encrypted files are made of: every byte about as
  /// frequent as any other. Few pieces tell nothing.
  ///
  /// Two bytes of one piece are the same with a probability of 1/256 where all values are equally frequent, whatever the length of the
  /// piece; in texts it is some 16/256, in programs more. A fiftieth of text among pictures already makes it 1.3/256.
  static func isDense(_ pieces: [[UInt8]]) -> Bool {
    guard pieces.reduce(0, { $0 + $1.count }) >= enough else { return false }
    var same = 0
    var pairs = 0
    for piece in pieces {
      var counts = [Int](repeating: 0, count: 256)
      for byte in piece { counts[Int(byte)] += 1 }
      for count in counts { same += count * (count - 1) }
      pairs += piece.count * (piece.count - 1)
    }
    return same * 256 * 10 <= pairs * 13
  }
}
