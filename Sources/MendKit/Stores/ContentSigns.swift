/// What the bytes of a file that no driver is certain of tell about it.
public enum ContentSigns {
  /// Why a file looks encrypted, in a few words; nil when it does not. Reads at most 16 blocks of 4096 bytes.
  ///
  /// Encrypted pages cannot be told from noise, and there is nothing else in such a file. So a file looks encrypted
  /// when it begins with no known magic, has a size that whole pages or sectors make up, and every block that is looked
  /// at has its byte values spread as evenly as chance would have it. One page of noise in a database is damage, not
  /// encryption.
  public static func encryption(of file: FileHandle) throws(Problem) -> String? {
    let size = try file.status().size
    let head = try file.read(64, at: 0)
    for magic in encryptedMagics where head.starts(with: magic.bytes) { return "it begins as \(magic.title) does" }
    guard size >= 1024, size % 512 == 0, knownKind(head) == nil else { return nil }
    let blocks = min(16, (size + blockSize - 1) / blockSize)
    for block in 0..<blocks {
      let at = size <= blockSize ? 0 : (size - blockSize) / max(1, blocks - 1) * block / 512 * 512
      guard isNoise(try file.read(blockSize, at: at)) else { return nil }
    }
    return
      "no byte value is more frequent than another in any of \(blocks == 1 ? "its one block" : "\(blocks) blocks"), "
      + "and no known magic stands at its beginning"
  }

  /// What sort of file begins with these bytes, as a noun phrase; nil when it is none of the common ones.
  public static func knownKind(_ head: [UInt8]) -> String? {
    for magic in magics where head.starts(with: magic.bytes) { return magic.title }
    return nil
  }

  private static let blockSize = 4096

  /// Pearson's chi-squared test against an even spread over 256 values: the statistic of random bytes has a mean of 255
  /// and a standard deviation of 22.6; text, records and zeros are at many thousands.
  static func isNoise(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= 512 else { return false }
    var counts = [Int](repeating: 0, count: 256)
    for byte in bytes { counts[Int(byte)] += 1 }
    let expected = Double(bytes.count) / 256
    var statistic = 0.0
    for count in counts {
      let difference = Double(count) - expected
      statistic += difference * difference / expected
    }
    return statistic < 255 + 9 * 22.6
  }

  private struct Magic {
    let bytes: [UInt8]
    let title: String

    init(_ bytes: [UInt8], _ title: String) {
      self.bytes = bytes
      self.title = title
    }

    init(_ text: String, _ title: String) { self.init(Array(text.utf8), title) }
  }

  private static let encryptedMagics = [
    Magic("age-encryption.org/", "a file that age encrypted"), Magic("Salted__", "a file that openssl encrypted"),
    Magic("-----BEGIN PGP MESSAGE", "an OpenPGP message"),
    Magic([0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE], "a LUKS volume"),
  ]

  private static let magics = [
    Magic("SQLite format 3\0", "a SQLite database"), Magic([0x1F, 0x8B], "a gzip file"),
    Magic([0x28, 0xB5, 0x2F, 0xFD], "a Zstandard file"), Magic([0xFD, 0x37, 0x7A, 0x58, 0x5A], "an xz file"),
    Magic("BZh", "a bzip2 file"), Magic([0x04, 0x22, 0x4D, 0x18], "an LZ4 file"),
    Magic([0x50, 0x4B, 0x03, 0x04], "a zip archive"), Magic([0x37, 0x7A, 0xBC, 0xAF], "a 7-Zip archive"),
    Magic("Rar!", "a RAR archive"), Magic([0x89, 0x50, 0x4E, 0x47], "a PNG image"),
    Magic([0xFF, 0xD8, 0xFF], "a JPEG image"), Magic("GIF8", "a GIF image"), Magic("RIFF", "a RIFF file"),
    Magic("%PDF", "a PDF document"), Magic([0x7F, 0x45, 0x4C, 0x46], "an ELF program"), Magic("#!", "a script"),
    Magic("PGDMP", "a dump of pg_dump"), Magic("OggS", "an Ogg file"), Magic("wOF", "a web font"),
  ]
}
