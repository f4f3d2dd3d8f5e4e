import MendKit

/// The header of a live log's index, the `-shm` file (SQLite's WAL format, section 2): how far readers may read.
struct LogIndex {
  /// The bytes on which the index's users lock: writer, checkpointer, recovery, five read marks, and the one that every
  /// connection holds for as long as it has the index open.
  enum LockByte {
    static let writer = 120
    static let checkpointer = 121
    static let recovery = 122
    static let firstReadMark = 123
    static let readMarks = 5
    static let deadMansSwitch = 128
  }

  /// The last valid frame.
  let frames: Int
  /// The salts of the log that the index is of.
  let salts: [UInt32]

  /// Reads the header of an index; nil when it is not initialised or is being written just now.
  init?(_ file: FileHandle) throws(Problem) {
    let bytes = try file.read(96, at: 0)
    guard bytes.count == 96, bytes[0..<48].elementsEqual(bytes[48..<96]), bytes[12] != 0 else { return nil }
    // The index is in the byte order of the machine, but for the salts, which are a copy of the log's header.
    func native(_ offset: Int) -> UInt32 {
      bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    }
    guard native(0) == 3_007_000 else { return nil }
    frames = Int(native(16))
    let view = BigEndian(bytes: bytes)
    salts = [view.uint32(32) ?? 0, view.uint32(36) ?? 0]
  }
}
