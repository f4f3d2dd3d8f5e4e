@testable import MendArchive
@testable import MendKit

/// Archives that dbmend would never write, made byte for byte.
struct Crafted {
  /// One member as a header of the ustar format tells it.
  struct Member {
    var name: String
    var content: [UInt8] = []
    /// The type flag: `0` for a file, `1` for a hard link, `2` for a symbolic one, `3` for a device.
    var type: Character = "0"
    var link = ""
    /// What the header says; the content's size where left out.
    var size: Int?
  }

  var members: [Member] = []

  /// The archive as a tar file.
  var tar: [UInt8] {
    var bytes: [UInt8] = []
    for member in members {
      bytes += header(member)
      bytes += member.content
      bytes += [UInt8](repeating: 0, count: (512 - member.content.count % 512) % 512)
    }
    return bytes + [UInt8](repeating: 0, count: 1024)
  }

  private func header(_ member: Member) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
    }
    func octal(_ number: Int, _ digits: Int) -> String {
      let text = String(number, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    put(member.name, at: 0)
    put(octal(0o644, 7), at: 100)
    put(octal(0, 7), at: 108)
    put(octal(0, 7), at: 116)
    put(octal(member.size ?? member.content.count, 11), at: 124)
    put(octal(0, 11), at: 136)
    put("        ", at: 148)
    put(String(member.type), at: 156)
    put(member.link, at: 157)
    put("ustar", at: 257)
    put("00", at: 263)
    put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
    header[154] = 0
    return header
  }

  /// A zstd frame of blocks that are not compressed (RFC 8878, section 3.1.1.2).
  static func zstd(_ content: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58]
    var offset = 0
    repeat {
      let count = min(content.count - offset, 128 << 10)
      let isLast = offset + count == content.count
      let header = count << 3 | (isLast ? 1 : 0)
      bytes += (0..<3).map { UInt8(truncatingIfNeeded: header >> (8 * $0)) }
      bytes += content[offset..<(offset + count)]
      offset += count
    } while offset < content.count
    return bytes
  }

  /// A manifest that lists these files truly.
  static func manifest(_ files: [(name: String, content: [UInt8])]) throws -> Manifest {
    var members: [Manifest.Member] = []
    for file in files {
      let digests = try Digests(sha256: true)
      file.content.withUnsafeBytes { digests.update($0) }
      let digest = try digests.finish()
      members.append(
        Manifest.Member(
          name: file.name, size: file.content.count, sha256: digest.sha256 ?? "", xxh3: digest.xxh3))
    }
    return Manifest(
      store: identity, kind: "sqlite", engine: "SQLite 3.40.1", version: "0.1.0", taken: noon, sequence: 1,
      verdict: .healthy, reason: "backup", rows: [:], stamp: nil, members: members)
  }

  /// Writes the archive with a manifest as its last member.
  func write(_ path: String, manifest: Manifest) throws {
    var all = self
    all.members.append(Member(name: "manifest.json", content: Array(manifest.text().utf8)))
    let file = try FileHandle.create(path, mode: 0o600)
    try file.write(Self.zstd(all.tar), at: 0)
  }
}
