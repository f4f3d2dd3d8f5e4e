import MendKit

/// The rows of `COPY … TO STDOUT` in the text format: one to a line, values between tabs, `\N` for NULL.
/// https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"
enum CopyText {
  static func rows(_ bytes: [UInt8]) -> [[String?]] {
    var rows: [[String?]] = []
    var start = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: newline) ?? bytes.count
      rows.append(values(bytes[start..<end]))
      start = end + 1
    }
    return rows
  }

  private static let newline = UInt8(ascii: "\n")
  private static let tab = UInt8(ascii: "\t")
  private static let backslash = UInt8(ascii: "\\")

  static func values(_ line: ArraySlice<UInt8>) -> [String?] {
    line.split(separator: tab, omittingEmptySubsequences: false).map(value)
  }

  private static func value(_ field: ArraySlice<UInt8>) -> String? {
    guard field.contains(backslash) else { return String(decoding: field, as: UTF8.self) }
    if field.elementsEqual([backslash, UInt8(ascii: "N")]) { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(field.count)
    var rest = field
    while let byte = rest.popFirst() {
      guard byte == backslash, let next = rest.popFirst() else {
        bytes.append(byte)
        continue
      }
      bytes.append(escapes[next] ?? next)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9,
    UInt8(ascii: "v"): 11,
  ]
}

/// Rows in a file, as psql takes them in: of its commands only `\copy` reads a file of this machine.
enum CopyFile {
  /// The line that tells psql to copy a file into a table with columns, in SQL. A quote in the path is doubled, and nothing else
  /// in it means anything.
  static func command(_ table: String, from path: String, encoding: String) throws(Problem) -> String {
    guard !path.contains(where: \.isNewline), !table.contains(where: \.isNewline) else {
      throw Problem(
        .unsupported, tried: "read rows from", on: path, said: "psql takes no path and no name with a line break in it",
        advice: "Name another repository, with a plain path.")
    }
    let quoted = path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
    return "\\copy \(table) from '\(quoted)' with (encoding \(Quoting.text(encoding)))\n"
  }
}
