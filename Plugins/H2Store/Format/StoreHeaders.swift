import MendKit

/// The two headers of an MVStore file, in its first two blocks. Both say the same unless a write was interrupted.
struct StoreHeaders: Hashable {
  /// A block, of the file and of chunks.
  static let blockSize = 4096
  /// Where the first chunk may begin.
  static let end = 2 * blockSize

  /// One of the two headers.
  struct Header: Hashable {
    /// The version of the format that is needed to write to the file.
    var format: Int
    /// The version of the format that is needed to read it.
    var readFormat: Int
    /// Size of a block in bytes.
    var blockSize: Int
    /// A chunk that was written not long ago, if not the newest one.
    var chunk: Int
    /// The block that this chunk begins at.
    var block: Int
    /// The version of the store that this chunk holds.
    var version: Int
    /// When the store was made, in milliseconds since 1970.
    var created: UInt64
    /// Whether the store was closed, so that this chunk is the newest.
    var isClean: Bool

    init?(_ text: HeaderText) {
      guard text.values["H"] == "2" else { return nil }
      format = text.number("format") ?? 1
      readFormat = text.number("formatRead") ?? format
      blockSize = text.number("blockSize") ?? StoreHeaders.blockSize
      chunk = text.number("chunk") ?? 0
      block = text.number("block") ?? 2
      version = text.number("version") ?? 0
      created = text.bits("created") ?? 0
      isClean = (text.number("clean") ?? 0) != 0
    }
  }

  /// The file's first two blocks, or what there is of them.
  let bytes: [UInt8]
  /// The headers whose checksums are right, by their block.
  let headers: [Header?]

  /// Reads the headers of a file.
  init(_ file: FileHandle) throws(Problem) { self.init(try file.read(Self.end, at: 0)) }

  /// The headers in the first bytes of a file.
  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    headers = (0..<2).map { number in
      let start = number * Self.blockSize
      guard bytes.count > start else { return nil }
      let block = bytes[start..<min(bytes.count, start + Self.blockSize)]
      let line = block.prefix { $0 != UInt8(ascii: "\n") }
      return HeaderText(checksummed: line).flatMap { Header($0) }
    }
  }

  /// The header of the newest version; nil where both are damaged.
  var newest: Header? { headers.compactMap { $0 }.max { $0.version < $1.version } }

  /// Whether both are there and say the same, and the store was closed.
  var isClean: Bool { headers[0] != nil && headers[0] == headers[1] && headers[0]?.isClean == true }

  /// The numbers of the headers that are damaged, as words of a sentence.
  var damaged: [String] {
    (0..<2).filter { headers[$0] == nil }.map { $0 == 0 ? "the first header" : "the second header" }
  }

  /// Whether bytes begin as an MVStore file does.
  static func hasMagic(_ bytes: [UInt8]) -> Bool { bytes.starts(with: Array("H:2,".utf8)) }

  /// Whether bytes begin as a file does that H2 encrypts.
  static func isEncrypted(_ bytes: [UInt8]) -> Bool { bytes.starts(with: Array("H2encrypt\n".utf8)) }

  /// Both headers for a store whose newest chunk is this one, as H2 writes them. `old` tells when the store was made.
  static func bytes(for chunk: Chunk, like old: Header?, format: Int) -> [UInt8] {
    var line =
      "H:2,block:\(hexadecimal(chunk.block)),blockSize:1000,chunk:\(hexadecimal(chunk.id)),"
      + "created:\(String(old?.created ?? 0, radix: 16)),format:\(hexadecimal(old?.format ?? format))"
    if let old, old.readFormat != old.format { line += ",formatRead:\(hexadecimal(old.readFormat))" }
    line += ",version:\(hexadecimal(chunk.version))"
    let sum = Fletcher.sum(Array(line.utf8)[...])
    line += ",fletcher:\(String(sum, radix: 16))\n"
    let block = Array(line.utf8) + [UInt8](repeating: 0, count: blockSize - line.utf8.count)
    return block + block
  }

  private static func hexadecimal(_ number: Int) -> String { String(number, radix: 16) }
}
