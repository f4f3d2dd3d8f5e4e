/// A line of names and values, `name:value,name:"quoted, value"`: what MVStore writes headers, footers and its layout in
/// (`DataUtils.parseMap`). Numbers are in hexadecimal.
struct HeaderText {
  /// The values by their names.
  private(set) var values: [String: String] = [:]
  /// Where the name `fletcher` begins; nil where there is none.
  private var checksumStart: Int?
  private var checksum = ""

  /// Reads a line; nil where it is none.
  init?(_ bytes: ArraySlice<UInt8>) {
    var index = bytes.startIndex
    while index < bytes.endIndex {
      let start = index
      guard let colon = bytes[index...].firstIndex(of: UInt8(ascii: ":")) else { return nil }
      guard colon - start < Self.longestName else { return nil }
      let name = String(decoding: bytes[start..<colon], as: UTF8.self)
      index = colon + 1
      var value: [UInt8] = []
      scan: while index < bytes.endIndex {
        let byte = bytes[index]
        index += 1
        switch byte {
        case UInt8(ascii: ","): break scan
        case UInt8(ascii: "\""):
          while index < bytes.endIndex, bytes[index] != UInt8(ascii: "\"") {
            if bytes[index] == UInt8(ascii: "\\") { index += 1 }
            if index < bytes.endIndex { value.append(bytes[index]) }
            index += 1
          }
          index = min(index + 1, bytes.endIndex)
        default: value.append(byte)
        }
      }
      let text = String(decoding: value, as: UTF8.self)
      if name == "fletcher" {
        checksumStart = start
        checksum = text
      } else {
        values[name] = text
      }
    }
    guard !values.isEmpty else { return nil }
  }

  /// Reads a line that ends with its own checksum, with white space around it; nil where that is wrong.
  init?(checksummed bytes: ArraySlice<UInt8>) {
    var line = bytes
    while let first = line.first, first <= 0x20 { line.removeFirst() }
    while let last = line.last, last <= 0x20 { line.removeLast() }
    guard line.count <= Self.longestLine, let text = HeaderText(line), let start = text.checksumStart,
      start > line.startIndex, let sum = UInt64(text.checksum, radix: 16),
      UInt32(truncatingIfNeeded: sum) == Fletcher.sum(line[line.startIndex..<start - 1])
    else { return nil }
    self = text
  }

  private static let longestName = 64
  private static let longestLine = 4096

  /// A number; nil where there is none of the name, or it is no number.
  func number(_ name: String) -> Int? {
    guard let text = values[name], let value = UInt64(text, radix: 16) else { return nil }
    return Int(exactly: value)
  }

  /// A number with all of its 64 bits; nil where there is none of the name, or it is no number.
  func bits(_ name: String) -> UInt64? { values[name].flatMap { UInt64($0, radix: 16) } }
}
