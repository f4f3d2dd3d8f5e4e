import MendKit

/// The three headers that a DuckDB file begins with: the main one, and two of which the one with the higher iteration counts.
struct FileHeaders: Equatable {
  /// The bytes of the headers, as far as the file has them.
  let bytes: [UInt8]
  /// The two database headers in their places; nil for one whose checksum or whose fields are wrong.
  let states: [DatabaseHeader?]
  /// Whether the checksum of the main header is right.
  let isMainSound: Bool

  /// The size of each header in bytes.
  static let size = 4096
  /// Where the blocks begin.
  static let end = 3 * size
  /// What stands behind the main header's checksum.
  static let magic = Array("DUCK".utf8)

  init(_ bytes: [UInt8]) {
    self.bytes = Array(bytes.prefix(Self.end))
    isMainSound = Self.isSound(bytes, 0)
    states = [1, 2].map { Self.isSound(bytes, $0) ? DatabaseHeader(bytes, at: $0 * Self.size) : nil }
  }

  /// Reads the headers of a file.
  init(_ file: FileHandle) throws(Problem) { self.init(try file.read(Self.end, at: 0)) }

  private static func isSound(_ bytes: [UInt8], _ number: Int) -> Bool {
    let start = number * size
    guard bytes.count >= start + size else { return false }
    return bytes.withUnsafeBytes { Checksum.isSound(UnsafeRawBufferPointer(rebasing: $0[start..<start + size])) }
  }

  /// Whether the magic bytes are in their place.
  var hasMagic: Bool { Self.hasMagic(bytes) }

  /// Whether the magic bytes are in their place.
  static func hasMagic(_ bytes: [UInt8]) -> Bool { bytes.dropFirst(8).starts(with: magic) }

  /// The version of the storage format.
  var version: UInt64 { bytes.uint64(12) ?? 0 }

  /// Whether the content is encrypted.
  var isEncrypted: Bool { hasMagic && isMainSound && (bytes.uint64(20) ?? 0) & 1 == 1 }

  /// What identifies the database in the files of newer versions; zeros in those of older ones.
  var identifier: [UInt8] { Array(bytes.dropFirst(124).prefix(16)) }

  /// The version of DuckDB that made the file, as it calls itself; empty where the file does not say.
  var writer: String {
    let text = bytes.dropFirst(52).prefix(32).prefix { $0 != 0 }
    return text.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? String(decoding: text, as: UTF8.self) : ""
  }

  /// The place of the header that counts, 0 or 1; nil where none is sound.
  var activePlace: Int? {
    switch (states[0], states[1]) {
    case (let one?, let other?): one.iteration > other.iteration ? 0 : 1
    case (_?, nil): 0
    case (nil, _?): 1
    case (nil, nil): nil
    }
  }

  /// The header that counts.
  var active: DatabaseHeader? { activePlace.flatMap { states[$0] } }

  /// Whether the engine would take all three.
  var areSound: Bool { hasMagic && isMainSound && states[0] != nil && states[1] != nil }

  /// Which headers are damaged, for a message.
  var damaged: [String] {
    var names: [String] = []
    if !isMainSound || !hasMagic { names.append("the main header") }
    if states[0] == nil { names.append("the first database header") }
    if states[1] == nil { names.append("the second database header") }
    return names
  }
}

/// The state of the database after a checkpoint.
struct DatabaseHeader: Equatable {
  /// The number of the checkpoint.
  var iteration: UInt64
  /// Where the catalog begins: a block, and in the highest byte a part of it.
  var metaBlock: UInt64
  /// Where the list of free blocks begins, in the same form.
  var freeList: UInt64
  /// The number of blocks.
  var blockCount: Int
  /// The size of a block in the file.
  var blockSize: Int
  /// The number of the form that the catalog is written in: 1 for the oldest, 0 where the file does not say.
  var compatibility: UInt64

  /// The value of a pointer that leads nowhere.
  static let nowhere = UInt64.max

  init?(_ bytes: [UInt8], at start: Int) {
    guard let iteration = bytes.uint64(start + 8), let meta = bytes.uint64(start + 16),
      let free = bytes.uint64(start + 24), let count = bytes.uint64(start + 32), let size = bytes.uint64(start + 40)
    else { return nil }
    let blockSize = size == 0 ? 262_144 : size
    guard blockSize >= 16_384, blockSize <= 262_144, blockSize & (blockSize - 1) == 0, count < 1 << 40 else {
      return nil
    }
    self.iteration = iteration
    metaBlock = meta
    freeList = free
    blockCount = Int(count)
    self.blockSize = Int(blockSize)
    compatibility = bytes.uint64(start + 56) ?? 0
  }
}
