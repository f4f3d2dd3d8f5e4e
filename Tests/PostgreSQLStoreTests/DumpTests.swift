import MendKit
import TestSupport
import Testing

@testable import PostgreSQLStore

@Suite("Dumps of PostgreSQL")
struct DumpTests {
  private func isText(_ pieces: [[UInt8]]) -> Bool {
    var check = UTF8Check()
    for piece in pieces { piece.withUnsafeBytes { check.take($0) } }
    return check.isValid
  }

  @Test("a character that the end of a piece cuts is still one, and bytes that are none are told wherever they stand")
  func characters() {
    let text = Array("Grüße, 漢字 and 🐘, plain again\n".utf8)
    for place in 0...text.count { #expect(isText([Array(text[..<place]), Array(text[place...])])) }
    for place in 0..<text.count {
      var torn = text
      torn[place] = 0xFF
      #expect(!isText([torn]))
      #expect(!isText([Array(torn[..<place]), Array(torn[place...])]))
    }
  }

  /// A dump with one table, whose rows come in these chunks.
  private func dump(_ chunks: [[UInt8]]) -> [UInt8] {
    var head = Array("PGDMP".utf8) + [1, 14, 0, 4, 8, 1]
    func number(_ value: Int) -> [UInt8] { [0] + (0..<4).map { UInt8(value >> (8 * $0) & 0xFF) } }
    func text(_ text: String) -> [UInt8] { number(text.utf8.count) + Array(text.utf8) }
    for _ in 0..<8 { head += number(0) }
    head += text("shop") + text("15") + text("15") + number(2)
    head += number(1) + number(0) + text("0") + text("0") + text("ENCODING") + text("ENCODING") + number(2)
    head += text("SET client_encoding = 'UTF8';") + text("") + text("") + text("") + text("") + text("") + text("")
    head += text("false") + [1, 1, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
    head += number(7) + number(1) + text("0") + text("0") + text("users") + text("TABLE DATA") + number(3) + text("")
    head += text("") + text("") + text("public") + text("") + text("") + text("ada") + text("false") + [1, 1, 0, 0, 0]
    let place = head.count + 9
    return head + [2, UInt8(place & 0xFF), UInt8(place >> 8), 0, 0, 0, 0, 0, 0] + [1] + number(7)
      + chunks.flatMap { number($0.count) + $0 } + number(0)
  }

  @Test("rows are counted, and their text read, however they are cut into chunks and wherever a block of reading ends")
  func chunks() throws {
    let folder = try TemporaryFolder("dbmend-dump")
    let path = folder.file("shop.dump")
    let rows = (1...40_000).map { Array("\($0)\tGrüße und 漢字 \($0)\n".utf8) }
    let end = [Array("\\.\n\n\n".utf8)]
    try Durable.write(dump(rows + end), to: path, mode: 0o600)
    #expect(try DumpContent(path)?.rows == ["users": 40_000])
    let whole = (rows + end).flatMap(\.self)
    for size in [7, 4096, 3 << 20] {
      let chunks = stride(from: 0, to: whole.count, by: size).map { Array(whole[$0..<min($0 + size, whole.count)]) }
      try Durable.write(dump(chunks), to: path, mode: 0o600)
      let content = try #require(try DumpContent(path))
      #expect(content.rows == ["users": 40_000] && content.invalid.isEmpty, "\(size)")
    }
    var torn = rows
    torn[33_333][3] = 0xFF
    try Durable.write(dump(torn + end), to: path, mode: 0o600)
    #expect(try DumpContent(path)?.invalid == ["users"])
  }

  @Test("what is no dump, and one that ends anywhere, has no content and does no harm")
  func torn() throws {
    let folder = try TemporaryFolder("dbmend-dump")
    var head = Array("PGDMP".utf8) + [1, 14, 0, 4, 8, 1]
    func number(_ value: UInt8) -> [UInt8] { [0, value, 0, 0, 0] }
    func text(_ text: String) -> [UInt8] { number(UInt8(text.utf8.count)) + Array(text.utf8) }
    for _ in 0..<8 { head += number(0) }
    head += text("shop") + text("15") + text("15") + number(1)
    head += number(7) + number(1) + text("0") + text("0") + text("users") + text("TABLE DATA") + number(3) + text("")
    head += text("") + text("") + text("public") + text("") + text("") + text("ada") + text("false") + [1, 1, 0, 0, 0]
    let place = head.count + 9
    let rows = Array("1\tAda\n2\tGrace\n\\.\n\n\n".utf8)
    let whole =
      head + [2, UInt8(place & 0xFF), UInt8(place >> 8), 0, 0, 0, 0, 0, 0] + [1] + number(7)
      + number(UInt8(rows.count)) + rows + number(0)
    let path = folder.file("shop.dump")
    try Durable.write(whole, to: path, mode: 0o600)
    #expect(try DumpContent(path)?.rows == ["users": 2])
    for count in stride(from: 0, to: whole.count, by: 3) {
      try Durable.write(Array(whole[..<count]), to: path, mode: 0o600)
      #expect(try DumpContent(path) == nil, "\(count) bytes")
    }
  }
}
