/// Why bytes are not what they should be.
struct Undecodable: Error {
  var said: String
}

/// Bytes of a page or of a value, none of which is to be trusted. Numbers have their lowest byte first, as on every machine that dbmend
/// runs on: those of a server whose machine has it otherwise make no sense, and nothing is decoded.
struct PageBytes {
  let all: [UInt8]

  init(_ all: some Sequence<UInt8>) { self.all = Array(all) }

  var count: Int { all.count }

  /// A number that begins at an offset.
  func number<Number: FixedWidthInteger>(_ type: Number.Type, at offset: Int) throws(Undecodable) -> Number {
    let size = Number.bitWidth / 8
    guard offset >= 0, offset <= count - size else { throw Undecodable(said: "it ends within a number") }
    return all.withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self)) }
  }

  /// So many bytes from an offset on.
  func part(_ offset: Int, _ length: Int) throws(Undecodable) -> ArraySlice<UInt8> {
    guard offset >= 0, length >= 0, offset <= count - length else {
      throw Undecodable(said: "\(length) bytes at \(offset) are beyond its end at \(count)")
    }
    return all[offset..<offset + length]
  }

  /// An offset, moved on to where a value may begin.
  static func aligned(_ offset: Int, to alignment: Int) -> Int { (offset + alignment - 1) / alignment * alignment }
}
