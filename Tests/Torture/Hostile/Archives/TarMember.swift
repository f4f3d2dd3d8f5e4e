import MendKit

/// One member of a tar archive as its header tells it, which may be anything but true.
struct TarMember {
  var name: [UInt8]
  var content: [UInt8]
  /// The type flag: `0` for a file, `1` for a hard link, `2` for a symbolic one, `3` for a device, `x` for a pax header.
  var type: UInt8
  var link: [UInt8]
  var mode = 0o644
  var owner = 0
  /// The field of the size as it stands, twelve bytes at most; what the content has where left out.
  var size: [UInt8]?
  /// Added to the checksum of the header.
  var error = 0

  init(
    _ name: String, _ content: [UInt8] = [], type: Character = "0", link: String = "", size: String? = nil
  ) {
    self.name = Array(name.utf8)
    self.content = content
    self.type = type.asciiValue ?? 0x30
    self.link = Array(link.utf8)
    self.size = size.map { Array($0.utf8) }
  }

  /// Header and content, in blocks of 512 bytes.
  var bytes: [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ bytes: some Sequence<UInt8>, at offset: Int, _ room: Int) {
      for (index, byte) in bytes.prefix(room).enumerated() { header[offset + index] = byte }
    }
    func octal(_ number: Int, _ digits: Int) -> String.UTF8View {
      let text = String(number, radix: 8)
      return (String(repeating: "0", count: max(0, digits - text.count)) + text).utf8
    }
    put(name, at: 0, 100)
    put(octal(mode, 7), at: 100, 8)
    put(octal(owner, 7), at: 108, 8)
    put(octal(owner, 7), at: 116, 8)
    put(size ?? Array(octal(content.count, 11)), at: 124, 12)
    put(octal(1_700_000_000, 11), at: 136, 12)
    put("        ".utf8, at: 148, 8)
    header[156] = type
    put(link, at: 157, 100)
    put("ustar".utf8, at: 257, 5)
    put("00".utf8, at: 263, 2)
    put(octal(header.reduce(0) { $0 + Int($1) } + error, 6), at: 148, 6)
    header[154] = 0
    return header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }

  /// A pax header that says these things of the member behind it, or of all where it is global.
  static func pax(_ records: [(String, String)], global: Bool = false) -> TarMember {
    TarMember("./PaxHeaders/x", records.flatMap { record($0.0, Array($0.1.utf8)) }, type: global ? "g" : "x")
  }

  /// One record of a pax header, with its own length in front.
  static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
    let rest = [0x20] + Array(key.utf8) + [0x3D] + value + [0x0A]
    var length = rest.count + 1
    while "\(length)".utf8.count + rest.count != length { length = "\(length)".utf8.count + rest.count }
    return Array("\(length)".utf8) + rest
  }

  /// A whole archive.
  static func tar(_ members: [TarMember]) -> [UInt8] {
    members.flatMap(\.bytes) + [UInt8](repeating: 0, count: 1024)
  }

  /// The plain members of an archive that dbmend wrote.
  static func members(of tar: [UInt8]) -> [(name: String, content: [UInt8])] {
    var found: [(name: String, content: [UInt8])] = []
    var offset = 0
    while offset + 512 <= tar.count, tar[offset] != 0 {
      let size = Int(String(decoding: tar[(offset + 124)..<(offset + 135)], as: UTF8.self), radix: 8) ?? 0
      if tar[offset + 156] == 0x30 {
        let name = String(decoding: tar[offset..<(offset + 100)].prefix { $0 != 0 }, as: UTF8.self)
        found.append((name, Array(tar[(offset + 512)..<(offset + 512 + size)])))
      }
      offset += 512 + (size + 511) / 512 * 512
    }
    return found
  }
}

/// Zstd frames made by hand (RFC 8878).
enum Zstd {
  private static let magic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]

  /// A frame of blocks that are not compressed. The window is `1 << (10 + window)` bytes.
  static func frame(_ content: [UInt8], window: UInt8 = 11) -> [UInt8] {
    var bytes: [UInt8] = magic + [0x00, window << 3]
    var offset = 0
    repeat {
      let count = min(content.count - offset, 128 << 10)
      bytes += block(count, type: 0, isLast: offset + count == content.count)
      bytes += content[offset..<(offset + count)]
      offset += count
    } while offset < content.count
    return bytes
  }

  /// A frame of one byte so many times over, which takes four bytes for each 128 KiB.
  static func run(_ byte: UInt8, _ count: Int, before: [UInt8] = [], after: [UInt8] = []) -> [UInt8] {
    var bytes: [UInt8] = magic + [0x00, 0x58]
    for part in stride(from: 0, to: before.count, by: 128 << 10) {
      let piece = before[part..<min(before.count, part + (128 << 10))]
      bytes += block(piece.count, type: 0, isLast: false) + piece
    }
    var left = count
    while left > 0 {
      bytes += block(min(left, 128 << 10), type: 1, isLast: false) + [byte]
      left -= min(left, 128 << 10)
    }
    for part in stride(from: 0, to: after.count, by: 128 << 10) {
      let piece = after[part..<min(after.count, part + (128 << 10))]
      bytes += block(piece.count, type: 0, isLast: false) + piece
    }
    return bytes + block(0, type: 0, isLast: true)
  }

  /// A frame that decoders pass over.
  static func skippable(_ count: Int) -> [UInt8] {
    [0x50, 0x2A, 0x4D, 0x18] + (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
      + [UInt8](repeating: 0x5A, count: count)
  }

  private static func block(_ count: Int, type: Int, isLast: Bool) -> [UInt8] {
    let header = count << 3 | type << 1 | (isLast ? 1 : 0)
    return (0..<3).map { UInt8(truncatingIfNeeded: header >> (8 * $0)) }
  }
}
