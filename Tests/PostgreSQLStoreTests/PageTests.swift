import MendKit
import TestSupport
import Testing

@testable import PostgreSQLStore

@Suite("Pages of PostgreSQL")
struct PageTests {
  @Test("numbers are written as the server writes them")
  func numbers() throws {
    func text(_ bytes: [UInt8]) throws -> String { try StoredNumeric.text(PageBytes(bytes)) }
    // 12345.678, in the short form: weight 1, scale 3.
    #expect(try text([0x81, 0x81, 0x01, 0x00, 0x29, 0x09, 0x7C, 0x1A]) == "12345.678")
    #expect(try text([0x00, 0x80]) == "0")
    #expect(try text([0x00, 0xC0]) == "NaN")
    // -0.0001, weight -1, scale 4.
    #expect(try text([0x7F, 0xA2, 0x01, 0x00]) == "-0.0001")
    #expect(throws: Undecodable.self) { try text([0x81, 0x81, 0xFF, 0x7F]) }
  }

  @Test("times are written as the server takes them in")
  func times() throws {
    #expect(try StoredTime.date(0) == "2000-01-01")
    #expect(try StoredTime.date(-1) == "1999-12-31")
    #expect(try StoredTime.date(8_825) == "2024-02-29")
    #expect(try StoredTime.date(-730_120) == "0001-12-31 BC")
    #expect(try StoredTime.date(.max) == "infinity")
    #expect(try StoredTime.timestamp(-1, zone: "+00") == "1999-12-31 23:59:59.999999+00")
    #expect(try StoredTime.timestamp(.min + 1, zone: "").hasSuffix("BC"))
    #expect(throws: Undecodable.self) { try StoredTime.time(86_400_000_001) }
  }

  @Test("what is compressed comes out, and what makes no sense does not")
  func compression() {
    #expect(Varlena.pglz([0x08, 97, 98, 99, 0x06, 3], 12) == Array("abcabcabcabc".utf8))
    #expect(Varlena.pglz([0x01, 0x06, 3], 9) == nil)
    #expect(Varlena.lz4([0x35, 97, 98, 99, 3, 0, 0x00], 12) == Array("abcabcabcabc".utf8))
    #expect(Varlena.lz4([0x35, 97, 98, 99, 9, 0, 0x00], 12) == nil)
    #expect(Varlena.lz4([0xF0], 12) == nil)
  }

  /// Numbers that look random, and are the same every time.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  @Test("whatever stands in a page, reading it ends, and nothing is read beyond it")
  func hostile() {
    var numbers = Numbers(state: 7)
    let text = ValueLayout(length: -1, alignment: 4)
    let types: [ValueType] = [
      .text, .numeric, .json, .bits, .network, .interval, .array(of: .json, text), .array(of: .numeric, text),
      .array(of: .integer, ValueLayout(length: 4, alignment: 4)), .uuid, .timestamp, .date, .timeWithZone,
    ]
    let columns = [
      RowColumn(name: "a", layout: ValueLayout(length: 4, alignment: 4), type: .integer, isDropped: false),
      RowColumn(name: "b", layout: text, type: .text, isDropped: false),
      RowColumn(name: "c", layout: ValueLayout(length: -2, alignment: 1), type: .text, isDropped: false),
    ]
    for round in 0..<400 {
      var page = (0..<1024).map { _ in UInt8.random(in: 0...255, using: &numbers) }
      // Some with a head and line pointers that are nearly right.
      if round % 2 == 0 {
        page.replaceSubrange(12..<18, with: [40, 0, 200, 0, 0, 4])
        for pointer in 0..<4 {
          let raw = UInt32(200 + 104 * pointer) | 1 << 15 | UInt32(100) << 17
          withUnsafeBytes(of: raw.littleEndian) { page.replaceSubrange(24 + 4 * pointer..<28 + 4 * pointer, with: $0) }
          page[200 + 104 * pointer + 22] = 24
        }
      }
      let heap = HeapPage(page, block: 0)
      let row = HeapRow(page: heap, columns: columns)
      for item in 0...heap.pointers.count + 1 { _ = try? row.values(of: item, besides: []) }
      _ = heap.hiddenItems(besides: [1])
      for index in heap.pointers.indices { _ = row.isGoneWithEntries(index + 1) }
      for type in types { _ = try? type.text(of: Array(page.prefix(Int.random(in: 0...200, using: &numbers)))) }
      _ = try? Varlena.content(Array(page.prefix(40)))
      _ = Varlena.pglz(page, 4000)
      _ = Varlena.lz4(page, 4000)
    }
  }
}
