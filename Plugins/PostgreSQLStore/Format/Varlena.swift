/// A value of varying length: a head of one byte or four, which tells its length; perhaps compressed; perhaps kept apart (TOAST), and
/// then 18 bytes that tell where. https://www.postgresql.org/docs/current/storage-toast.html
enum Varlena {
  /// Where a value is that is kept apart.
  struct Pointer: Hashable {
    var value: UInt32
    var relation: UInt32
    /// Its size as it is kept.
    var size: Int
    /// Its size when it is not compressed.
    var rawSize: Int
    var method: Int
  }

  /// What the head of a value says.
  enum Content {
    case plain([UInt8])
    case apart(Pointer)
  }

  /// Longer values are none (`MaxAllocSize`); larger ones than this are not decoded here.
  private static let mostBytes = 256 << 20
  private static let pointerSize = 18
  private static let onDisk: UInt8 = 18

  /// How many bytes a value takes in its row, its head included.
  static func size(_ row: PageBytes, at offset: Int) throws(Undecodable) -> Int {
    let first = try row.number(UInt8.self, at: offset)
    if first == 1 {
      guard try row.number(UInt8.self, at: offset + 1) == onDisk else {
        throw Undecodable(said: "it is kept apart in a way that is not known")
      }
      return pointerSize
    }
    if first & 1 == 1 { return Int(first >> 1) }
    let size = Int(try row.number(UInt32.self, at: offset) >> 2)
    guard size >= 4 else { throw Undecodable(said: "its length is \(size)") }
    return size
  }

  /// What a value holds that was taken from a row.
  static func content(_ bytes: [UInt8]) throws(Undecodable) -> Content {
    let value = PageBytes(bytes)
    let first = try value.number(UInt8.self, at: 0)
    if first == 1 {
      let raw = Int(try value.number(Int32.self, at: 2)) - 4
      let info = try value.number(UInt32.self, at: 6)
      let pointer = Pointer(
        value: try value.number(UInt32.self, at: 10), relation: try value.number(UInt32.self, at: 14),
        size: Int(info & 0x3FFF_FFFF), rawSize: raw, method: Int(info >> 30))
      guard raw >= 0, raw <= mostBytes, pointer.size <= raw else { throw Undecodable(said: "its length is \(raw)") }
      return .apart(pointer)
    }
    if first & 1 == 1 { return .plain(Array(bytes.dropFirst())) }
    if first & 2 == 0 { return .plain(Array(bytes.dropFirst(4))) }
    let info = try value.number(UInt32.self, at: 4)
    return .plain(
      try decompressed(bytes.dropFirst(8), to: Int(info & 0x3FFF_FFFF), method: Int(info >> 30)))
  }

  /// What a value holds that was kept apart, of all its pieces.
  static func content(_ pieces: [UInt8], of pointer: Pointer) throws(Undecodable) -> [UInt8] {
    guard pieces.count == pointer.size else {
      throw Undecodable(said: "\(pieces.count) bytes of it are kept apart, and it has \(pointer.size)")
    }
    guard pointer.size < pointer.rawSize else { return pieces }
    // The size before it was compressed stands before it once more.
    return try decompressed(pieces.dropFirst(4), to: pointer.rawSize, method: pointer.method)
  }

  private static func decompressed(
    _ source: ArraySlice<UInt8>, to size: Int, method: Int
  ) throws(Undecodable) -> [UInt8] {
    guard size <= mostBytes else { throw Undecodable(said: "its length is \(size)") }
    let result =
      switch method {
      case 0: pglz(Array(source), size)
      case 1: lz4(Array(source), size)
      default: nil as [UInt8]?
      }
    guard let result, result.count == size else { throw Undecodable(said: "what it is compressed to makes no sense") }
    return result
  }

  /// PostgreSQL's own compression (`pg_lzcompress.c`): a byte of flags for eight pieces, each a byte as it is, or how far back and how
  /// many.
  static func pglz(_ source: [UInt8], _ size: Int) -> [UInt8]? {
    var result: [UInt8] = []
    var at = 0
    while at < source.count, result.count < size {
      var flags = source[at]
      at += 1
      for _ in 0..<8 where at < source.count && result.count < size {
        if flags & 1 == 0 {
          result.append(source[at])
          at += 1
        } else {
          guard at + 1 < source.count else { return nil }
          var length = Int(source[at] & 0x0F) + 3
          let back = Int(source[at] & 0xF0) << 4 | Int(source[at + 1])
          at += 2
          if length == 18 {
            guard at < source.count else { return nil }
            length += Int(source[at])
            at += 1
          }
          guard back > 0, back <= result.count else { return nil }
          for _ in 0..<min(length, size - result.count) { result.append(result[result.count - back]) }
        }
        flags >>= 1
      }
    }
    return at == source.count ? result : nil
  }

  /// A block of LZ4: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
  static func lz4(_ source: [UInt8], _ size: Int) -> [UInt8]? {
    var result: [UInt8] = []
    var at = 0
    func length(_ first: Int) -> Int? {
      var length = first
      guard first == 15 else { return first }
      while at < source.count {
        length += Int(source[at])
        at += 1
        if source[at - 1] != 255 { return length }
      }
      return nil
    }
    while at < source.count {
      let token = source[at]
      at += 1
      guard let literals = length(Int(token >> 4)), literals <= source.count - at, literals <= size - result.count
      else { return nil }
      result += source[at..<at + literals]
      at += literals
      if at == source.count { return result }
      guard at + 1 < source.count else { return nil }
      let back = Int(source[at]) | Int(source[at + 1]) << 8
      at += 2
      guard let match = length(Int(token & 15)), back > 0, back <= result.count, match + 4 <= size - result.count
      else { return nil }
      for _ in 0..<match + 4 { result.append(result[result.count - back]) }
    }
    return nil
  }
}
