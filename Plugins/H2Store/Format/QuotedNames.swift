/// The names in quotes in a statement that H2 wrote, up to its first parenthesis: `CREATE TABLE "PUBLIC".U&"schl\00fcssel"(…`.
struct QuotedNames {
  /// The names.
  private(set) var names: [String] = []
  /// What stands between them.
  private(set) var words = ""

  /// Reads a statement in UTF-8.
  init(_ sql: [UInt8]) {
    var between: [UInt8] = []
    var index = 0
    while index < sql.count, sql[index] != UInt8(ascii: "(") {
      guard sql[index] == UInt8(ascii: "\"") else {
        between.append(sql[index])
        index += 1
        continue
      }
      let isEscaped = between.suffix(2) == [UInt8(ascii: "U"), UInt8(ascii: "&")]
      if isEscaped { between.removeLast(2) }
      var name: [UInt8] = []
      index += 1
      while index < sql.count {
        if sql[index] == UInt8(ascii: "\"") {
          guard index + 1 < sql.count, sql[index + 1] == UInt8(ascii: "\"") else { break }
          index += 1
        }
        name.append(sql[index])
        index += 1
      }
      index += 1
      names.append(isEscaped ? Self.unescaped(name) : String(decoding: name, as: UTF8.self))
    }
    words = String(decoding: between, as: UTF8.self)
  }

  /// `\00fc` is a unit of UTF-16, `\+01F600` a character, two backslashes are one.
  private static func unescaped(_ name: [UInt8]) -> String {
    var units: [UInt16] = []
    var index = 0
    func number(_ count: Int) -> UInt32? {
      guard index + count <= name.count else { return nil }
      return UInt32(String(decoding: name[index..<index + count], as: UTF8.self), radix: 16)
    }
    while index < name.count {
      let byte = name[index]
      index += 1
      guard byte == UInt8(ascii: "\\"), index < name.count else {
        units.append(UInt16(byte))
        continue
      }
      if name[index] == UInt8(ascii: "\\") {
        units.append(UInt16(byte))
        index += 1
      } else if name[index] == UInt8(ascii: "+") {
        index += 1
        if let scalar = number(6).flatMap({ Unicode.Scalar($0) }) { units += Array(Character(scalar).utf16) }
        index += 6
      } else {
        if let unit = number(4) { units.append(UInt16(truncatingIfNeeded: unit)) }
        index += 4
      }
    }
    return String(decoding: units, as: UTF16.self)
  }
}
