import Foundation
import MendKit
import Testing

@Suite("JSON")
struct JSONTests {
  private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

  @Test("what is written reads back as it was")
  func roundTrip() throws {
    let value: JSONValue = .object([
      "text": .string("a\"\\\n\t\u{1}é😀"),
      "numbers": .array([.integer(-9_007_199_254_740_993), .number(0.5), .number(1e300)]),
      "none": .null, "left out": nil, "yes": .boolean(true), "empty": .object([]), "list": .array([]),
    ])
    #expect(try parse(value.text()) == value)
    #expect(try parse(value.text(pretty: true)) == value)
    #expect(value["left out"] == nil)
  }

  @Test(
    "where a text stops being JSON is told by the byte",
    arguments: [("{\"a\":1,}", 7), ("[1 2]", 3), ("", 0), ("\"abc", 4), ("01", 1), ("[1]x", 3), ("\"\\ud800\"", 7)])
  func errors(_ text: String, _ byte: Int) throws {
    #expect(throws: JSONSyntaxError.self) { try parse(text) }
    do { _ = try parse(text) } catch let error as JSONSyntaxError { #expect(error.byte == byte, "\(text): \(error)") }
  }

  @Test("what steers a terminal is escaped, above ASCII too, and reads back as it was")
  func steering() throws {
    let text = "\u{1B}[2J\u{7F}\u{9B}2J\u{202E}gnp\u{2066}é€\u{A0}\u{1F600}"
    let written = JSONValue.string(text).text()
    #expect(written == #""\u001b[2J\u007f\u009b2J\u202egnp\u2066é€\#u{A0}\#u{1F600}""#)
    #expect(try JSONValue(parsing: written.utf8) == .string(text))
  }

  @Test("nesting is bounded, so that no text overflows the stack")
  func depth() {
    #expect(throws: JSONSyntaxError.self) {
      try JSONValue(parsing: [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000))
    }
  }

  @Test("the cases of JSONTestSuite are answered as their names say")
  func testSuite() throws {
    let corpus = ProcessInfo.processInfo.environment["DBMEND_CORPUS"] ?? "../shared/corpus"
    guard let names = try? Paths.names(in: corpus + "/json") else {
      print("note: no corpus at \(corpus); JSONTestSuite was not tried. Set DBMEND_CORPUS to have it.")
      return
    }
    for name in names {
      let bytes = try FileHandle.read("\(corpus)/json/\(name)").readAll(limit: 1 << 20)
      let isAccepted = (try? JSONValue(parsing: bytes)) != nil
      if name.hasPrefix("y_") { #expect(isAccepted, "\(name)") }
      if name.hasPrefix("n_") { #expect(!isAccepted, "\(name)") }
    }
  }
}
