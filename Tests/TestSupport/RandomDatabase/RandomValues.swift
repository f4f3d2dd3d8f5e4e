/// Values and conditions as SQL writes them: the ordinary, and what sits at the edges of the record format.
struct RandomValues {
  /// The longest text or blob in bytes.
  let longest: Int

  private static let words = [
    "''", "'a'", "'A'", "'abc'", "'ABC'", "'aBc'", "'abc '", "'abc  '", "'ABC   '", "'zebra'", "'Zebra'", "' abc'",
    "'12'",
    "'-7'", "'1.5'", "' 7 '", "'1e3'", "'0x10'", "'9223372036854775808'", "'Ärger'", "'ärger'", "'Ωmega €'", "'😀 grin'",
    "'it''s'", "char(9,10,13)", "'a' || char(0) || 'b'", "char(0)", "'tab' || char(9)", "char(65533)", "char(1114111)",
  ]
  // Bytes that are text in no encoding, one half of a surrogate pair, and an odd number of bytes for UTF-16.
  private static let oddTexts = [
    "CAST(x'ff41fe' AS TEXT)", "CAST(x'c0af' AS TEXT)", "CAST(x'00d8' AS TEXT)", "CAST(x'61' AS TEXT)",
    "CAST(x'eda080' AS TEXT)", "CAST(x'610062' AS TEXT)",
  ]
  private static let integers = [
    "0", "1", "-1", "2", "7", "127", "128", "-128", "-129", "255", "32767", "32768", "-32768", "-32769", "8388607",
    "8388608", "-8388609", "2147483647", "2147483648", "-2147483649", "140737488355327", "140737488355328",
    "-140737488355329", "9007199254740992", "9007199254740993", "9223372036854775807", "-9223372036854775808",
  ]
  private static let reals = [
    "0.0", "-0.0", "(0.0 * -1)", "1.0", "-1.0", "3.0", "0.5", "0.1", "-2.25", "1e10", "1e15", "1e18", "1e19", "-1e19",
    "140737488355328.0", "9007199254740993.0", "9223372036854775807.0", "-9223372036854775808.0", "1e300", "9e999",
    "-9e999", "5e-324", "2.5e-10",
  ]

  /// A value that suits a column of a type.
  func value(_ type: String, _ random: inout SeededRandom) -> String {
    if random.chance(8) { return "NULL" }
    let type = type.uppercased()
    if type.contains("INT") || type.contains("BOOL") { return integer(&random) }
    if type.contains("CHAR") || type.contains("TEXT") || type.contains("CLOB") { return text(&random) }
    if type.contains("BLOB") { return blob(&random) }
    if type.contains("REAL") || type.contains("FLOA") || type.contains("DOUB") {
      return random.chance(50) ? real(&random) : integer(&random)
    }
    return any(&random)
  }

  /// A value of any type.
  func any(_ random: inout SeededRandom) -> String {
    switch random.int(0...9) {
    case 0: "NULL"
    case 1...3: integer(&random)
    case 4...5: real(&random)
    case 6...8: text(&random)
    default: blob(&random)
    }
  }

  /// A whole number.
  func integer(_ random: inout SeededRandom) -> String {
    random.chance(40) ? random.pick(Self.integers) : String(random.int(-100...100))
  }

  /// A number with a point.
  func real(_ random: inout SeededRandom) -> String {
    random.chance(60) ? random.pick(Self.reals) : "\(random.int(-1000...1000)).\(random.pick(["0", "5", "25", "1"]))"
  }

  /// A text, seldom one that is none.
  func text(_ random: inout SeededRandom) -> String {
    switch random.int(0...19) {
    case 0: random.pick(Self.oddTexts)
    case 1...2: "printf('%.*c', \(length(&random)), '\(random.pick(["x", "Y", "z", "é"]))')"
    case 3...9: "'\(random.pick(["key", "Key", "name", "item"])) \(random.int(0...400))'"
    default: random.pick(Self.words)
    }
  }

  /// Bytes.
  func blob(_ random: inout SeededRandom) -> String {
    switch random.int(0...9) {
    case 0: "x''"
    case 1: "zeroblob(\(length(&random)))"
    case 2: "CAST(printf('%.*c', \(length(&random)), 'b') AS BLOB)"
    default: "x'" + random.bytes(random.int(1...24)).map { hexadecimal($0) }.joined() + "'"
    }
  }

  /// A value that follows from the row number `i`, for statements that make many rows.
  func byNumber(_ type: String, _ random: inout SeededRandom) -> String {
    let type = type.uppercased()
    let factor = random.pick([1, 7, 31, 7919])
    let modulus = random.pick([3, 17, 101, 100_003])
    let some: String
    if type.contains("INT") || type.contains("BOOL") {
      some = random.pick(["i", "-i", "i * \(factor) % \(modulus)", "i * \(factor) * \(modulus) * 1000003", "(i % 3)"])
    } else if type.contains("CHAR") || type.contains("TEXT") || type.contains("CLOB") {
      some = random.pick([
        "'name ' || (i * \(factor) % \(modulus))", "printf('%0*d', 1 + i % 30, i)",
        "CASE i % 4 WHEN 0 THEN 'ABC' WHEN 1 THEN 'abc' WHEN 2 THEN 'abc ' ELSE 'Abc' || i END",
        "printf('%.*c', i * \(factor) % \(max(2, longest / 4)), 'q') || i",
      ])
    } else if type.contains("BLOB") {
      some = random.pick([
        "zeroblob(i % 50)", "CAST('b' || i AS BLOB)", "zeroblob(i * \(factor) % \(max(2, longest / 3)))",
      ])
    } else if type.contains("REAL") || type.contains("FLOA") || type.contains("DOUB") {
      some = random.pick(["i / 3.0", "i", "i * 1.0", "(i - 10) / 4.0", "i * 1e14"])
    } else {
      some = random.pick([
        "i", "i / 2.0", "'n' || i",
        "CASE i % 4 WHEN 0 THEN i WHEN 1 THEN i / 2.0 WHEN 2 THEN 't' || i ELSE x'00ff' END",
      ])
    }
    return random.chance(25) ? "CASE WHEN i % \(random.int(2...9)) = 0 THEN NULL ELSE \(some) END" : some
  }

  private func length(_ random: inout SeededRandom) -> Int {
    switch random.int(0...9) {
    case 0...4: random.int(1...max(1, min(longest, 120)))
    case 5...8: random.int(1...max(1, longest / 4))
    default: random.int(1...longest)
    }
  }

  private func hexadecimal(_ byte: UInt8) -> String {
    let text = String(byte, radix: 16)
    return text.count == 1 ? "0" + text : text
  }
}
