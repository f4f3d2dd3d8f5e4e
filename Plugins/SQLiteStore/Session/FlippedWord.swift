import CSQLite
import MendKit

/// A definition in which one bit is not what it was, so that a word of SQL is no word any more.
enum FlippedWord {
  /// Longer definitions are not tried.
  private static let longest = 1 << 12
  /// Variants that are tried.
  private static let mostTrials = 2000

  /// The definition as it was: the only one that differs by a bit, has a keyword there, and is no error of syntax. nil where
  /// the library does not complain of syntax, or where not one such definition is found.
  static func mended(_ sql: String, said: String) -> String? {
    guard isAboutSyntax(said), sql.utf8.count <= longest,
      let memory = try? Connection.open(copy: ":memory:", create: true)
    else { return nil }
    defer { try? memory.close() }
    var bytes = Array(sql.utf8)
    var found: String?
    var trials = 0
    for at in bytes.indices {
      let byte = bytes[at]
      for bit in 0..<8 as Range<UInt8> {
        bytes[at] = byte ^ 1 << bit
        defer { bytes[at] = byte }
        guard isLetter(bytes[at]), isKeyword(bytes, around: at) else { continue }
        trials += 1
        guard trials <= mostTrials else { return nil }
        guard isSyntax(bytes, memory) else { continue }
        guard found == nil else { return nil }
        found = String(decoding: bytes, as: UTF8.self)
      }
    }
    return found
  }

  private static func isAboutSyntax(_ said: String) -> Bool {
    said.hasSuffix("syntax error") || said.hasPrefix("incomplete input") || said.hasPrefix("unrecognized token")
  }

  private static func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 }

  /// Whether the word around a letter is one of SQL.
  private static func isKeyword(_ bytes: [UInt8], around at: Int) -> Bool {
    func isPart(_ byte: UInt8) -> Bool {
      isLetter(byte) || byte == UInt8(ascii: "_") || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || byte >= 0x80
    }
    let start = bytes[..<at].lastIndex { !isPart($0) }.map { $0 + 1 } ?? 0
    let end = bytes[at...].firstIndex { !isPart($0) } ?? bytes.count
    guard end - start <= 32 else { return false }
    return bytes[start..<end].withUnsafeBytes { word in
      sqlite3_keyword_check(word.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(word.count)) != 0
    }
  }

  /// Whether the library reads a statement to its end, whatever it says of it then. Nothing is run.
  private static func isSyntax(_ bytes: [UInt8], _ memory: Connection) -> Bool {
    var statement: OpaquePointer?
    defer { sqlite3_finalize(statement) }
    let isRead = bytes.withUnsafeBytes { sql in
      sqlite3_prepare_v2(
        memory.handle, sql.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(sql.count), &statement, nil)
    }
    return isRead == SQLITE_OK || !isAboutSyntax(String(cString: sqlite3_errmsg(memory.handle)))
  }
}
