import Testing

@testable import SQLiteStore

@Suite("Texts as numbers and as subjects of patterns")
struct ExpressionsTextTests {
  private func withBytes<R>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try Array(text.utf8).withUnsafeBytes(body)
  }

  @Test("a decimal is the real that SQLite makes of it, or not sure", arguments: [1, 2] as [UInt64])
  func decimals(seed: UInt64) throws {
    let oracle = Oracle()
    var numbers = SeededNumbers(seed: seed)
    var sure = 0
    let all = 4000
    for _ in 0..<all {
      let digits = numbers.below(16) + 1
      var text = String((0..<digits).map { _ in Character(String(numbers.below(10))) })
      if numbers.chance(80) {
        text.insert(".", at: text.index(text.startIndex, offsetBy: numbers.below(digits + 1)))
      }
      if numbers.chance(25) { text += "e\(numbers.below(40) - 20)" }
      if numbers.chance(20) { text = "-" + text }
      guard case .rows(let rows) = oracle.rows("SELECT CAST('\(text)' AS REAL)") else { continue }
      guard let number = withBytes(text, { try? TextNumber($0).real }) else { continue }
      sure += 1
      #expect(PlainValue.real(number.bitPattern) == rows[0][0], "\(text)")
    }
    #expect(sure > all * 3 / 4)
  }

  @Test("a number of more digits than a real holds, or of a large exponent, is not sure")
  func manyDigits() {
    for text in ["0.30000000000000004", "1e300", "1e-30", "9007199254740993.5", "1234567890123456789"] {
      #expect(withBytes(text) { try? TextNumber($0).real } == nil, "\(text)")
    }
  }

  @Test("a pattern matches the texts that it matches in SQLite", arguments: [true, false])
  func patterns(isGlob: Bool) throws {
    let oracle = Oracle()
    var numbers = SeededNumbers(seed: isGlob ? 5 : 6)
    let signs =
      isGlob
      ? ["a", "b", "A", "*", "?", "[ab]", "[^a]", "[", "]", "-", "é", "[a-é]", "*"]
      : ["a", "b", "A", "%", "_", "é", "%", "É"]
    let letters = ["a", "b", "A", "B", "é", "日", "-", "]", "["]
    for _ in 0..<3000 {
      let pattern = (0..<numbers.below(6)).map { _ in numbers.pick(signs) }.joined()
      let text = (0..<numbers.below(7)).map { _ in numbers.pick(letters) }.joined()
      let sql = "SELECT '\(text)' \(isGlob ? "GLOB" : "LIKE") '\(pattern)'"
      guard case .rows(let rows) = oracle.rows(sql) else { continue }
      let native = try withBytes(text) { text in
        try withBytes(pattern) { try WildcardPattern($0, style: isGlob ? .glob : .like(escape: 0)).matches(text) }
      }
      #expect((rows[0][0] == .integer(1)) == native, "\(sql)")
    }
  }
}
