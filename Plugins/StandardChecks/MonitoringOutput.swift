import MendKit

/// What a Monitoring Plugins program wrote, by the Monitoring Plugins Development Guidelines ("Plugin Output for Nagios"): a
/// line for people, behind a `|` what was measured; then, perhaps, more lines, and again behind a `|` measures up to the end.
struct MonitoringOutput {
  /// The first line, without what was measured; empty where the program wrote none.
  private(set) var said = ""
  /// The further lines, those that are blank left out.
  private(set) var more: [String] = []
  /// What was measured. What is not written as the guidelines say is left out.
  private(set) var measures: [Measure] = []

  /// Lines and measures beyond these are left out.
  private static let mostLines = 200
  private static let mostMeasures = 1000
  private static let longestLine = 1000

  init(_ bytes: [UInt8]) {
    // Not `isNewline`: vertical tabs and the like belong to the text.
    let lines = String(decoding: bytes, as: UTF8.self).split(omittingEmptySubsequences: false) {
      $0 == "\n" || $0 == "\r\n"
    }
    guard let first = lines.first else { return }
    let (text, data) = Self.parted(first)
    said = Self.plain(text)
    var measured = data.map { [$0] } ?? []
    var isData = false
    for line in lines.dropFirst().prefix(Self.mostLines + Self.mostMeasures) {
      if isData {
        measured.append(line)
        continue
      }
      let (text, data) = Self.parted(line)
      let plain = Self.plain(text)
      if !plain.isEmpty, more.count < Self.mostLines { more.append(plain) }
      if let data {
        measured.append(data)
        isData = true
      }
    }
    for data in measured where measures.count < Self.mostMeasures {
      var reader = PerformanceData(data)
      while measures.count < Self.mostMeasures, let measure = reader.next() { measures.append(measure) }
    }
  }

  private static func parted(_ line: Substring) -> (text: Substring, data: Substring?) {
    guard let bar = line.firstIndex(of: "|") else { return (line, nil) }
    return (line[..<bar], line[line.index(after: bar)...])
  }

  /// Without control characters, and no longer than anybody reads.
  private static func plain(_ text: Substring) -> String {
    let scalars = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) }
    let words = String(scalars).split(separator: " ", omittingEmptySubsequences: false)
    let start = words.firstIndex { !$0.isEmpty } ?? words.endIndex
    let end = words.lastIndex { !$0.isEmpty }.map { $0 + 1 } ?? start
    return String(words[start..<end].joined(separator: " ").prefix(longestLine))
  }
}

/// Performance data: `'label'=value[UOM];[warn];[crit];[min];[max]`, any number of them with blanks between.
struct PerformanceData {
  private let text: [Character]
  private var index = 0

  init(_ text: Substring) { self.text = Array(text) }

  /// The next that can be read; nil at the end. `U` stands for a value that could not be determined: it is left out.
  mutating func next() -> Measure? {
    while true {
      while index < text.count, text[index].isWhitespace { index += 1 }
      guard index < text.count else { return nil }
      let label = label()
      let value = upToBlank()
      if let label, let measure = Self.measure(label, value) { return measure }
    }
  }

  /// The label before an equals sign; nil where there is none. In quotes it may hold blanks, and two quotes stand for one.
  private mutating func label() -> String? {
    var label = ""
    let isQuoted = text[index] == "'"
    if isQuoted { index += 1 }
    while index < text.count {
      let character = text[index]
      if isQuoted, character == "'" {
        index += 1
        if index < text.count, text[index] == "'" {
          label.append("'")
          index += 1
          continue
        }
        guard index < text.count, text[index] == "=" else { return nil }
        index += 1
        return label.isEmpty ? nil : label
      }
      if !isQuoted, character == "=" {
        index += 1
        return label.isEmpty ? nil : label
      }
      if !isQuoted, character.isWhitespace { return nil }
      label.append(character)
      index += 1
    }
    return nil
  }

  private mutating func upToBlank() -> [Character] {
    let start = index
    while index < text.count, !text[index].isWhitespace { index += 1 }
    return Array(text[start..<index])
  }

  private static func measure(_ label: String, _ data: [Character]) -> Measure? {
    let fields = data.split(separator: ";", omittingEmptySubsequences: false).map { String($0) }
    guard let first = fields.first, let (value, unit) = quantity(first) else { return nil }
    func field(_ place: Int) -> String? {
      place < fields.count && !fields[place].isEmpty && fields[place].count <= 100 ? fields[place] : nil
    }
    return Measure(
      String(label.prefix(200)), value, unit: unit,
      warning: field(1).flatMap { isRange($0) ? $0 : nil }, critical: field(2).flatMap { isRange($0) ? $0 : nil },
      minimum: field(3).flatMap(number), maximum: field(4).flatMap(number))
  }

  /// A number and its unit, which has no digits, quotes or commas.
  private static func quantity(_ text: String) -> (Double, String)? {
    var count = 0
    let characters = Array(text)
    func isDigit(_ place: Int) -> Bool {
      place < characters.count && characters[place].isASCII && characters[place].isNumber
    }
    if count < characters.count, "+-".contains(characters[count]) { count += 1 }
    while isDigit(count) || (count < characters.count && characters[count] == ".") { count += 1 }
    if count < characters.count, "eE".contains(characters[count]) {
      let sign = count + 1 < characters.count && "+-".contains(characters[count + 1]) ? 1 : 0
      if isDigit(count + 1 + sign) {
        count += 1 + sign
        while isDigit(count) { count += 1 }
      }
    }
    guard let value = Double(String(characters[..<count])), value.isFinite else { return nil }
    let unit = String(characters[count...])
    guard unit.count <= 20, !unit.contains(where: { $0.isNumber || ",.'\"=+-".contains($0) }) else { return nil }
    return (value, unit)
  }

  private static func number(_ text: String) -> Double? {
    guard let (value, unit) = quantity(text), unit.isEmpty else { return nil }
    return value
  }

  /// A range: `10`, `10:`, `~:10`, `10:20`, `@10:20`.
  private static func isRange(_ text: String) -> Bool {
    let bounds = (text.hasPrefix("@") ? text.dropFirst() : text[...]).split(
      separator: ":", omittingEmptySubsequences: false
    ).map(String.init)
    switch bounds.count {
    case 1: return number(bounds[0]) != nil
    case 2:
      return (bounds[0] == "~" || bounds[0].isEmpty || number(bounds[0]) != nil)
        && (bounds[1].isEmpty || number(bounds[1]) != nil)
    default: return false
    }
  }
}
