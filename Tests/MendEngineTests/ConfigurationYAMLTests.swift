import MendKit
import Testing

@testable import MendEngine

@Suite("YAML with positions")
struct ConfigurationYAMLTests {
  private func parse(_ text: String) -> (root: YAMLNode?, errors: [String]) { parse(bytes: Array(text.utf8)) }

  private func parse(bytes: [UInt8]) -> (root: YAMLNode?, errors: [String]) {
    let complaints = ComplaintList()
    let document = YAMLDocument(parsing: bytes, complaints: complaints)
    let errors = complaints.complaints.map { "\($0.position.line):\($0.position.column): \($0.said)" }
    return (document.root, errors)
  }

  @Test("plain scalars are read by the core schema, and quoted ones are always text")
  func scalars() throws {
    let cases: [(String, OptionValue)] = [
      ("~", .null), ("null", .null), ("", .null), ("true", .boolean(true)), ("FALSE", .boolean(false)),
      ("yes", .string("yes")), ("12", .integer(12)), ("-3", .integer(-3)), ("+7", .integer(7)), ("0x1F", .integer(31)),
      ("0o17", .integer(15)), ("007", .integer(7)), ("1e3", .number(1000)), ("1.5", .number(1.5)), (".5", .number(0.5)),
      ("5.", .number(5)), ("-.inf", .number(-.infinity)), ("1e", .string("1e")), ("1_000", .string("1_000")),
      ("0x", .string("0x")), ("0x-1", .string("0x-1")), ("20%", .string("20%")), ("7d", .string("7d")),
      ("99999999999999999999", .number(1e20)), ("\"12\"", .string("12")), ("'true'", .string("true")),
      ("\"\"", .string("")), (".", .string(".")), ("-", .list([.null])), ("infinity", .string("infinity")),
      ("nan", .string("nan")), ("0b1", .string("0b1")),
    ]
    for (text, value) in cases {
      let root = text.isEmpty ? parse("a:").root?.pairs?.first?.value : parse(text).root
      #expect(root?.value == value, "\(text)")
    }
    #expect(parse("|\n  12\n").root?.value == .string("12\n"))
  }

  @Test("every key and every value knows its line and column, also behind wide characters and a byte order mark")
  func positions() throws {
    let root = try #require(parse("\u{FEFF}a: 1\nñé: { b: [x, y] }\n").root)
    let pairs = try #require(root.pairs)
    #expect(pairs.map(\.position) == [TextPosition(line: 1, column: 1), TextPosition(line: 2, column: 1)])
    #expect(root.node(at: ["a"]).position == TextPosition(line: 1, column: 4))
    #expect(root.node(at: ["ñé", "b", "1"]).position == TextPosition(line: 2, column: 14))
  }

  @Test("a key that stands twice is an error that names both lines")
  func duplicates() {
    #expect(
      parse("a: 1\nb: 2\n\"a\": 3\nc: {x: 1, x: 2}\n").errors == [
        "3:1: the key 'a' stands twice, first in line 1; only one of the two can hold",
        "4:11: the key 'x' stands twice, first in line 4; only one of the two can hold",
      ])
  }

  @Test("anchors, aliases, tags, several documents and keys that are no text are refused")
  func refusals() {
    #expect(parse("a: &x 1\nb: *x\n").errors.count == 2)
    #expect(parse("a: &x 1\nb: *x\n").errors.last?.contains("aliases") == true)
    #expect(
      parse("a: !!str 1\n").errors.first?.hasPrefix("1:4: the tag 'tag:yaml.org,2002:str' is not supported") == true)
    #expect(parse("a: 1\n---\nb: 2\n").errors == ["2:1: a second document begins here; only one is read"])
    #expect(parse("? [a]\n: 1\n").errors == ["1:3: expected a key that is a single word or text"])
    #expect(parse("?\n: 1\n").errors == ["1:2: expected a key that is a single word or text"])
    #expect(parse("a: \"x\\0y\"\n").errors.first?.contains("NUL") == true)
  }

  @Test("a thousand aliases of aliases expand to nothing")
  func aliasBomb() {
    var text = "a0: &a0 [x]\n"
    for index in 1...40 { text += "a\(index): &a\(index) [*a\(index - 1), *a\(index - 1)]\n" }
    #expect(!parse(text).errors.isEmpty)
  }

  @Test("a depth beyond 64 levels is refused, however deep")
  func depth() {
    #expect(parse(String(repeating: "[", count: 63) + String(repeating: "]", count: 63)).errors.isEmpty)
    #expect(parse(String(repeating: "[", count: 300_000)).errors == ["1:65: nested deeper than 64 levels"])
    #expect(parse(String(repeating: "{a: ", count: 100_000)).errors.first?.contains("nested deeper") == true)
  }

  @Test("a text that is not YAML is an error at its place, with what was probably done")
  func syntax() {
    #expect(parse("a: 1\n\tb: 2\n").errors.first?.contains("a tab cannot indent") == true)
    #expect(parse("a: [1, 2\nb: 3\n").errors.count == 1)
    #expect(parse("a: @x\n").errors.first?.hasPrefix("1:4: ") == true)
    #expect(parse("a: @x\n").errors.first?.contains("stands in quotes") == true)
    #expect(parse(bytes: [0x61, 0x3A, 0x0A, 0x62, 0xFF, 0x0A]).errors.first?.hasPrefix("2:2: ") == true)
    #expect(parse(bytes: [0xFF, 0xFE, 0x61, 0x00]).errors.first?.contains("UTF-8") == true)
  }

  @Test("what is written in quotes or wrapped reads back as it was, whatever it holds")
  func roundTrip() {
    let texts = [
      "users", "order items", "yes", "NULL", "12", "1e3", "", "a: b", "#x", "- x", "'", "\"", "\\", "tab\t",
      "line\nline",
      "ñandú", "表", "\u{1F600}", "\u{1}\u{7F}\u{85}\u{2028}\u{FEFF}\u{FFFE}", "*a", "&a", "!x", "%x", "@x", "[x]",
      "{x}",
      "a,b", "x ", " x", "2024-01-15", "=", "<<", String(repeating: "k", count: 1500), "~", "80%", "a#b",
      "path/to/x.db",
    ]
    let value = OptionValue.map(texts.map { OptionPair($0, .list([.string($0), .integer(1)])) })
    let wrapped = "a:\n  b: " + YAMLText.wrapped(value, indent: 4, before: 5) + "\n"
    let (root, errors) = parse(wrapped)
    #expect(errors.isEmpty)
    #expect(root?.node(at: ["a", "b"]).value == value)
    let list = OptionValue.list(texts.map { .string($0) })
    #expect(parse(YAMLText.wrapped(list, indent: 2, before: 0)).root?.value == list)
    #expect(parse(YAMLText.flow(list)).root?.value == list)
  }

  @Test("a good file that is cut anywhere, or has any byte changed, is read or refused, and nothing worse")
  func fuzz() {
    let good = Array(ConfigurationSamples.whole.utf8)
    for end in 0...good.count { _ = try? load(Array(good[..<end])) }
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<3000 {
      var bytes = good
      for _ in 0...random(4) { bytes[random(bytes.count)] = UInt8(random(256)) }
      if random(3) == 0 { bytes.insert(contentsOf: "\n\t&[{*:-".utf8.prefix(random(8)), at: random(bytes.count)) }
      do throws(Problem) {
        _ = try load(bytes)
      } catch {
        #expect(error.kind == .configuration)
        #expect(!error.description.contains("\u{1B}"))
      }
    }
  }

  private func load(_ bytes: [UInt8]) throws(Problem) -> Configuration {
    try ConfigurationLoader.parse(bytes, file: "dbmend.yaml", registry: ConfigurationStubs.registry)
  }
}
