import MendKit
import TestSupport

/// What a program and its children changed below a folder, call by call, as the interposer wrote it down.
struct Trace {
  /// One call. The numbers are those of `interposer.c`.
  enum Event: UInt32 {
    case create = 1
    case data, size, rename, exchange, link, unlink, makeFolder, removeFolder, symlink, meta, sync, syncVolume, mapped
  }

  struct Record {
    var event: Event
    var inode: UInt64
    var offset: Int
    /// The size, or the mode.
    var length: Int
    var modified: Int64
    /// Absolute paths.
    var first: String
    var second: String
    var data: [UInt8]
  }

  let records: [Record]

  init(_ log: [UInt8]) throws {
    var records: [Record] = []
    try log.withUnsafeBytes { bytes in
      var place = 0
      while place < bytes.count {
        let head = 64
        guard place + head <= bytes.count else { throw PreparationFailed("the record of changes is cut short") }
        func number<Value: FixedWidthInteger>(_ offset: Int, _: Value.Type) -> Value {
          bytes.loadUnaligned(fromByteOffset: place + offset, as: Value.self)
        }
        let lengths = [Int(number(40, UInt32.self)), Int(number(44, UInt32.self)), Int(number(48, UInt64.self))]
        guard let event = Event(rawValue: number(0, UInt32.self)), place + head + lengths.reduce(0, +) <= bytes.count
        else { throw PreparationFailed("the record of changes is not one") }
        var start = place + head
        let parts = lengths.map { length in
          defer { start += length }
          return Array(bytes[start..<start + length])
        }
        records.append(
          Record(
            event: event, inode: number(8, UInt64.self), offset: Int(number(16, Int64.self)),
            length: Int(number(24, Int64.self)), modified: number(32, Int64.self),
            first: String(decoding: parts[0], as: UTF8.self), second: String(decoding: parts[1], as: UTF8.self),
            data: parts[2]))
        place = start
      }
    }
    self.records = records
  }
}
