/// The rows that H2 writes: every value in quotes, a quote within one doubled; nothing at all for NULL.
enum CSV {
  /// The rows of a file.
  static func rows(_ bytes: [UInt8]) -> [[String?]] {
    var rows: [[String?]] = []
    var row: [String?] = []
    var index = 0
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "\""):
        var value: [UInt8] = []
        index += 1
        while index < bytes.count {
          if bytes[index] == UInt8(ascii: "\"") {
            index += 1
            guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { break }
          }
          value.append(bytes[index])
          index += 1
        }
        row.append(String(decoding: value, as: UTF8.self))
        if index < bytes.count, bytes[index] == UInt8(ascii: ",") { index += 1 }
        // A NULL at a row's end is nothing behind a comma.
        if index < bytes.count, bytes[index] == UInt8(ascii: "\n"), index > 0, bytes[index - 1] == UInt8(ascii: ",") {
          row.append(nil)
        }
      case UInt8(ascii: ","):
        row.append(nil)
        index += 1
        if index < bytes.count, bytes[index] == UInt8(ascii: "\n") { row.append(nil) }
      case UInt8(ascii: "\r"): index += 1
      case UInt8(ascii: "\n"):
        if row.isEmpty { row.append(nil) }
        rows.append(row)
        row = []
        index += 1
      default: index += 1
      }
    }
    if !row.isEmpty { rows.append(row) }
    return rows
  }
}
