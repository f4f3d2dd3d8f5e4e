import Foundation
import MendKit
import TestSupport
import Testing

@testable import JSONStore

/// Tells nobody of anything.
struct Deaf: JSONVisitor {
  mutating func began(_ kind: JSONKind, at start: Int, key: Range<Int>?, level: Int) {}
  mutating func ended(_ kind: JSONKind, _ range: Range<Int>, level: Int) {}
}

@Suite("JSON: what is JSON and what is not")
struct ScannerTests {
  private func document(_ text: String) -> JSONDocument { JSONDocument(Array(text.utf8)) }

  @Test("every file of JSONTestSuite is answered as its name says")
  func corpus() throws {
    guard let folder = Corpus.folder("json") else {
      print("note: no corpus; JSONTestSuite was not tried. Set DBMEND_CORPUS to have it.")
      return
    }
    let names = try Paths.names(in: folder)
    #expect(names.count > 300)
    for name in names {
      let document = JSONDocument(try FileHandle.read(Paths.join(folder, name)).readAll(limit: 1 << 24))
      switch name.first {
      case "y": #expect(document.fault == nil && document.remarks.counts[.notUTF8] == nil, "\(name)")
      case "n": #expect(document.fault != nil || document.nulCount > 0, "\(name)")
      default: continue
      }
    }
  }

  @Test(
    "the place and the reason are told to the byte, the line and the character",
    arguments: [
      ("[1, 2", 5, 1, 6, "the text ends before what is open was closed"),
      ("{\"ä\": tru}", 10, 1, 10, "expected a value"),
      ("{\n \"a\": 1,\n}", 11, 3, 1, "expected a key in quotes"),
      ("[1\n2]", 3, 2, 1, "expected ',' or ']'"),
      ("\"a\u{1}\"", 2, 1, 3, "a control character in a text"),
      ("[01]", 1, 1, 2, "a number with a leading zero"),
      ("[1.]", 3, 1, 4, "expected a digit"),
      ("[-", 2, 1, 3, "the text ends within a number"),
      ("[\"\\u12G4\"]", 6, 1, 7, "expected four hexadecimal digits"),
      ("[\"\\q\"]", 2, 1, 3, "an unknown escape"),
      ("{} x", 3, 1, 4, "something stands behind the value"),
      ("", 0, 1, 1, "the text ends where a value should stand"),
    ])
  func places(_ text: String, _ byte: Int, _ line: Int, _ character: Int, _ said: String) throws {
    let document = document(text)
    let fault = try #require(document.fault)
    // The word that is no word begins where a value should.
    #expect(fault.said == said)
    if !text.contains("tru}") { #expect(fault.byte == byte) }
    let position = document.position(of: byte)
    #expect(position.line == line)
    if !text.contains("ä") { #expect(position.character == character) }
  }

  @Test("no depth is too deep")
  func depth() {
    let deep = String(repeating: "[", count: 200_000)
    #expect(document(deep).fault?.isEnd == true)
    #expect(document(deep + String(repeating: "]", count: 200_000)).fault == nil)
    #expect(document(String(repeating: "{\"a\":", count: 100_000)).fault?.isEnd == true)
  }

  @Test("keys that are there twice are found, however they are spelled, in small and in large objects")
  func duplicates() {
    #expect(document(#"{"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]}"#).remarks.counts[.duplicateKey] == nil)
    #expect(document(#"{"a": 1, "\u0061": 2}"#).remarks.counts[.duplicateKey] == 1)
    #expect(document(#"{"o": {"a": 1}, "o": {}}"#).remarks.counts[.duplicateKey] == 1)
    let many = (0..<500).map { "\"key \($0)\": \($0)" }.joined(separator: ",")
    #expect(document("{\(many)}").remarks.counts[.duplicateKey] == nil)
    #expect(document("[{\(many)}, {\(many), \"key 3\": 1, \"key 499\": 2}]").remarks.counts[.duplicateKey] == 2)
  }

  @Test("half characters and bytes that are no UTF-8 are found; whole ones are not")
  func characters() {
    #expect(document(#"["\uD83D\uDE00", "😀", "\u00e4"]"#).remarks.counts.isEmpty)
    #expect(document(#"["\uD83D", "\uDE00", "\uD83Dx"]"#).remarks.counts[.loneSurrogate] == 3)
    for bytes: [UInt8] in [
      [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5], [0xE4], [0xF4, 0x90, 0x80, 0x80], [0xE0, 0x80, 0x80],
    ] {
      let document = JSONDocument([0x5B, 0x22] + bytes + [0x22, 0x5D])
      #expect(document.fault == nil && (document.remarks.counts[.notUTF8] ?? 0) > 0, "\(bytes)")
    }
  }

  @Test("other encodings are told from damage")
  func encodings() {
    let text = "{\"a\": 1}"
    for (encoding, name) in [
      (String.Encoding.utf16LittleEndian, "UTF-16"), (.utf16BigEndian, "UTF-16"), (.utf16, "UTF-16"),
      (.utf32BigEndian, "UTF-32"),
    ] {
      #expect(JSONDocument(Array(text.data(using: encoding) ?? Data())).otherEncoding == name)
    }
    #expect(document(text).otherEncoding == nil)
  }

  @Test("mutated documents never crash, and are accepted exactly when the other parser here accepts them")
  func mutations() throws {
    var numbers = SystemRandomNumberGenerator()
    let seed = UInt64.random(in: 0...UInt64.max, using: &numbers)
    var random = Steps(state: seed | 1)
    let sample = Array(
      #"{"schema_version": 3, "users": [{"id": 1, "name": "Ada \u00e4 \"x\"", "tags": [], "n": -1.5e3}, {"id": 2}], "on": true, "none": null}"#
        .utf8)
    let alphabet = Array("{}[]\",:\\u0123.eE+-tfn aä\u{0}\n".utf8)
    for _ in 0..<20_000 {
      var bytes = sample
      for _ in 0...random.next(3) {
        let at = random.next(bytes.count)
        switch random.next(4) {
        case 0: bytes[at] = alphabet[random.next(alphabet.count)]
        case 1: bytes.remove(at: at)
        case 2: bytes.insert(alphabet[random.next(alphabet.count)], at: at)
        default: bytes.removeSubrange(at..<min(bytes.count, at + random.next(9)))
        }
        if bytes.isEmpty { bytes = [0x7B] }
      }
      let document = JSONDocument(bytes)
      let isSound = document.fault == nil && document.remarks.counts[.notUTF8] == nil && document.nulCount == 0
      guard document.remarks.counts[.loneSurrogate] == nil else { continue }
      let other: Bool
      do throws(JSONSyntaxError) {
        _ = try JSONValue(parsing: bytes)
        other = true
      } catch { other = false }
      #expect(isSound == other, "\(String(decoding: bytes, as: UTF8.self)), seed \(seed)")
      guard document.fault != nil else { continue }
      // What is closed is JSON again.
      let closing = JSONClosing(document)
      let folder = try TemporaryFolder()
      let path = try folder.write(bytes, to: "a.json")
      if closing.isWorthIt, random.next(20) == 0 {
        _ = try closing.write(to: path)
        #expect(JSONDocument(try folder.read("a.json")).fault == nil, "\(String(decoding: bytes, as: UTF8.self))")
      }
    }
  }

  /// A xorshift generator.
  private struct Steps {
    var state: UInt64
    mutating func next(_ bound: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(truncatingIfNeeded: state >> 33) % max(1, bound)
    }
  }
}
