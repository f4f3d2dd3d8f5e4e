import MendKit

/// How the bytes of a type become text that the server takes in again.
indirect enum ValueType: Sendable {
  case boolean, byte, integer, unsigned, real, double, numeric
  case text, name, bytes, uuid
  case date, time, timeWithZone, timestamp, timestampWithZone, interval
  case network, hardwareAddress, bits, point, json
  /// Its labels by their numbers.
  case enumeration([UInt32: String])
  /// Of elements of a type.
  case array(of: ValueType, ValueLayout)
  /// One that is not decoded here.
  case unknown(String)

  /// The text of a value whose head is taken off.
  func text(of bytes: [UInt8]) throws(Undecodable) -> [UInt8] {
    let value = PageBytes(bytes)
    switch self {
    case .text: return bytes
    case .name: return Array(bytes.prefix { $0 != 0 })
    case .byte: return bytes
    case .bytes: return Array(("\\x" + Hexadecimal.text(bytes)).utf8)
    case .json: return try StoredJSON(value).text()
    case .array(let type, let layout): return try StoredArray(value, of: type, layout).text()
    default: return Array(try shortText(of: value).utf8)
    }
  }

  private func shortText(of value: PageBytes) throws(Undecodable) -> String {
    switch self {
    case .boolean:
      let byte = try value.number(UInt8.self, at: 0)
      guard byte <= 1 else { throw Undecodable(said: "it is neither true nor false") }
      return byte == 1 ? "t" : "f"
    case .integer:
      switch value.count {
      case 2: return String(try value.number(Int16.self, at: 0))
      case 4: return String(try value.number(Int32.self, at: 0))
      default: return String(try value.number(Int64.self, at: 0))
      }
    case .unsigned: return String(try value.number(UInt32.self, at: 0))
    case .real: return "\(Float(bitPattern: try value.number(UInt32.self, at: 0)))"
    case .double: return "\(try double(value, at: 0))"
    case .point: return "(\(try double(value, at: 0)),\(try double(value, at: 8)))"
    case .numeric: return try StoredNumeric.text(value)
    case .uuid:
      var text = Hexadecimal.text(Array(try value.part(0, 16)))
      for place in [20, 16, 12, 8] { text.insert("-", at: text.index(text.startIndex, offsetBy: place)) }
      return text
    case .date: return try StoredTime.date(try value.number(Int32.self, at: 0))
    case .time: return try StoredTime.time(try value.number(Int64.self, at: 0))
    case .timeWithZone:
      return try StoredTime.time(value.number(Int64.self, at: 0)) + StoredTime.zone(value.number(Int32.self, at: 8))
    case .timestamp: return try StoredTime.timestamp(value.number(Int64.self, at: 0), zone: "")
    case .timestampWithZone: return try StoredTime.timestamp(value.number(Int64.self, at: 0), zone: "+00")
    case .interval: return try StoredTime.interval(value)
    case .network: return try network(value)
    case .hardwareAddress:
      return value.all.map { Hexadecimal.text([$0]) }.joined(separator: ":")
    case .bits: return try bits(value)
    case .enumeration(let labels):
      guard let label = labels[try value.number(UInt32.self, at: 0)] else {
        throw Undecodable(said: "it is none of the type's labels")
      }
      return label
    case .unknown(let name): throw Undecodable(said: "values of the type \(name) are not decoded")
    case .text, .name, .byte, .bytes, .json, .array: throw Undecodable(said: "it is no short value")
    }
  }

  private func double(_ value: PageBytes, at offset: Int) throws(Undecodable) -> Double {
    Double(bitPattern: try value.number(UInt64.self, at: offset))
  }

  /// Family, bits of the mask, address (`inet_struct`).
  private func network(_ value: PageBytes) throws(Undecodable) -> String {
    let family = try value.number(UInt8.self, at: 0)
    let mask = try value.number(UInt8.self, at: 1)
    let address = value.all.dropFirst(2)
    switch (family, address.count) {
    case (2, 4) where mask <= 32:
      return address.map { String($0) }.joined(separator: ".") + "/\(mask)"
    case (3, 16) where mask <= 128:
      let groups = stride(from: 2, to: 18, by: 2).map {
        String(Int(value.all[$0]) << 8 | Int(value.all[$0 + 1]), radix: 16)
      }
      return groups.joined(separator: ":") + "/\(mask)"
    default: throw Undecodable(said: "it is no address")
    }
  }

  /// How many bits, and their bytes.
  private func bits(_ value: PageBytes) throws(Undecodable) -> String {
    let count = Int(try value.number(Int32.self, at: 0))
    guard count >= 0, (count + 7) / 8 == value.count - 4 else { throw Undecodable(said: "it has not so many bits") }
    var text = ""
    for bit in 0..<count {
      let byte = value.all[4 + bit / 8]
      text += byte >> (7 - bit % 8) & 1 == 1 ? "1" : "0"
    }
    return text
  }
}

/// `numeric`: sign, weight and scale in two bytes or four, and digits to the base of 10000 (`numeric.c`).
enum StoredNumeric {
  static func text(_ value: PageBytes) throws(Undecodable) -> String {
    let head = Int(try value.number(UInt16.self, at: 0))
    let (isNegative, scale, weight, start): (Bool, Int, Int, Int)
    switch head & 0xC000 {
    case 0xC000:
      switch head & 0xF000 {
      case 0xC000: return "NaN"
      case 0xD000: return "Infinity"
      case 0xF000: return "-Infinity"
      default: throw Undecodable(said: "it is no number")
      }
    case 0x8000:
      isNegative = head & 0x2000 != 0
      scale = (head & 0x1F80) >> 7
      weight = head & 0x40 != 0 ? (head & 0x3F) - 64 : head & 0x3F
      start = 2
    default:
      isNegative = head & 0xC000 == 0x4000
      scale = head & 0x3FFF
      weight = Int(try value.number(Int16.self, at: 2))
      start = 4
    }
    guard (value.count - start) % 2 == 0 else { throw Undecodable(said: "it is no number") }
    var digits: [Int] = []
    for offset in stride(from: start, to: value.count, by: 2) {
      let digit = Int(try value.number(Int16.self, at: offset))
      guard (0..<10_000).contains(digit) else { throw Undecodable(said: "it has a digit of \(digit)") }
      digits.append(digit)
    }
    return (isNegative && !digits.isEmpty ? "-" : "") + written(digits, weight, scale)
  }

  private static func written(_ digits: [Int], _ weight: Int, _ scale: Int) -> String {
    func group(_ place: Int) -> String {
      let digit = digits.indices.contains(place) ? digits[place] : 0
      return String(String(digit + 10_000).dropFirst())
    }
    var text = weight < 0 ? "0" : ""
    if weight >= 0 {
      for place in 0...weight { text += group(place) }
      text = String(text.drop { $0 == "0" })
      if text.isEmpty { text = "0" }
    }
    guard scale > 0 else { return text }
    var fraction = ""
    var place = weight + 1
    while fraction.count < scale {
      fraction += place < 0 ? "0000" : group(place)
      place += 1
    }
    return text + "." + fraction.prefix(scale)
  }
}

/// Days and microseconds since the year 2000.
enum StoredTime {
  private static let day: Int64 = 86_400_000_000

  static func date(_ days: Int32) throws(Undecodable) -> String {
    if days == .min { return "-infinity" }
    if days == .max { return "infinity" }
    return calendar(Int64(days), "")
  }

  static func timestamp(_ time: Int64, zone: String) throws(Undecodable) -> String {
    if time == .min { return "-infinity" }
    if time == .max { return "infinity" }
    let days = time / day - (time % day < 0 ? 1 : 0)
    let ofDay = time % day
    return calendar(days, " " + (try self.time(ofDay < 0 ? ofDay + day : ofDay)) + zone)
  }

  /// A date of the Gregorian calendar, and what follows it before the era.
  /// https://howardhinnant.github.io/date_algorithms.html, `civil_from_days`
  private static func calendar(_ days: Int64, _ rest: String) -> String {
    // From the first of March of the year 0.
    let all = days + 730_425
    let era = (all >= 0 ? all : all - 146_096) / 146_097
    let ofEra = all - era * 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * ofYear + 2) / 153
    let dayOfMonth = ofYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let shown = year > 0 ? year : 1 - year
    return "\(padded(shown, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))\(rest)\(year > 0 ? "" : " BC")"
  }

  static func time(_ time: Int64) throws(Undecodable) -> String {
    guard (0...day).contains(time) else { throw Undecodable(said: "it is no time of a day") }
    let seconds = time / 1_000_000
    let fraction = time % 1_000_000
    return "\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
      + (fraction == 0 ? "" : "." + padded(fraction, 6))
  }

  /// Seconds to the west of Greenwich.
  static func zone(_ seconds: Int32) throws(Undecodable) -> String {
    guard abs(Int(seconds)) < 16 * 3600 else { throw Undecodable(said: "it is in no time zone") }
    let east = abs(Int64(seconds))
    return (seconds > 0 ? "-" : "+") + "\(padded(east / 3600, 2)):\(padded(east / 60 % 60, 2)):\(padded(east % 60, 2))"
  }

  /// Microseconds, days and months.
  static func interval(_ value: PageBytes) throws(Undecodable) -> String {
    let time = try value.number(Int64.self, at: 0)
    let (days, months) = (try value.number(Int32.self, at: 8), try value.number(Int32.self, at: 12))
    let size = time.magnitude
    let seconds = "\(time < 0 ? "-" : "")\(size / 1_000_000).\(padded(Int64(size % 1_000_000), 6))"
    return "\(months) mons \(days) days \(seconds) secs"
  }

  private static func padded(_ number: Int64, _ places: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, places - text.count)) + text
  }
}

/// An array: how many dimensions, where the elements begin if there are NULLs, the type of the elements; length and first
/// subscript of each dimension; a bitmap of NULLs; the elements (`array.h`).
struct StoredArray {
  private let value: PageBytes
  private let type: ValueType
  private let layout: ValueLayout

  /// Of a value without its head. Everything in it is told from the beginning of that, of four bytes.
  init(_ value: PageBytes, of type: ValueType, _ layout: ValueLayout) {
    self.value = PageBytes([0, 0, 0, 0] + value.all)
    self.type = type
    self.layout = layout
  }

  func text() throws(Undecodable) -> [UInt8] {
    let dimensions = Int(try value.number(Int32.self, at: 4))
    guard (0...6).contains(dimensions) else { throw Undecodable(said: "it has \(dimensions) dimensions") }
    guard dimensions > 0 else { return Array("{}".utf8) }
    let start = Int(try value.number(Int32.self, at: 8))
    var (lengths, subscripts): ([Int], [Int]) = ([], [])
    for number in 0..<dimensions {
      lengths.append(Int(try value.number(Int32.self, at: 16 + 4 * number)))
      subscripts.append(Int(try value.number(Int32.self, at: 16 + 4 * (dimensions + number))))
    }
    var count = 1
    for length in lengths {
      guard length > 0, length <= 8 * value.count, count <= 8 * value.count else {
        throw Undecodable(said: "a dimension of it has \(length) elements")
      }
      count *= length
    }
    guard count <= 8 * value.count else { throw Undecodable(said: "it has \(count) elements") }
    let head = 16 + 8 * dimensions
    var offset = start == 0 ? PageBytes.aligned(head, to: 8) : start
    guard start == 0 || start == PageBytes.aligned(head + (count + 7) / 8, to: 8) else {
      throw Undecodable(said: "its elements do not begin at \(start)")
    }
    var elements: [[UInt8]] = []
    for number in 0..<count {
      if start != 0, try value.number(UInt8.self, at: head + number / 8) >> (number % 8) & 1 == 0 {
        elements.append(Array("NULL".utf8))
        continue
      }
      elements.append(Self.quoted(try element(&offset)))
    }
    guard offset <= PageBytes.aligned(value.count, to: 8), offset >= value.count - 8 else {
      throw Undecodable(said: "its elements end at \(offset), and it at \(value.count)")
    }
    var text: [UInt8] = []
    if subscripts.contains(where: { $0 != 1 }) {
      for (first, length) in zip(subscripts, lengths) { text += Array("[\(first):\(first + length - 1)]".utf8) }
      text.append(UInt8(ascii: "="))
    }
    return text + Self.braces(elements[...], lengths[...])
  }

  private func element(_ offset: inout Int) throws(Undecodable) -> [UInt8] {
    offset = PageBytes.aligned(offset, to: layout.alignment)
    guard layout.length == -1 else {
      guard layout.length > 0 else { throw Undecodable(said: "elements of its type are not decoded") }
      defer { offset += layout.length }
      return try type.text(of: Array(try value.part(offset, layout.length)))
    }
    let size = try Varlena.size(value, at: offset)
    guard case .plain(let bytes) = try Varlena.content(Array(try value.part(offset, size))) else {
      throw Undecodable(said: "an element of it is kept apart")
    }
    offset += size
    return try type.text(of: bytes)
  }

  private static func quoted(_ text: [UInt8]) -> [UInt8] {
    var result = [UInt8(ascii: "\"")]
    for byte in text {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { result.append(UInt8(ascii: "\\")) }
      result.append(byte)
    }
    return result + [UInt8(ascii: "\"")]
  }

  private static func braces(_ elements: ArraySlice<[UInt8]>, _ lengths: ArraySlice<Int>) -> [UInt8] {
    guard let length = lengths.first else { return elements.first ?? [] }
    let size = elements.count / length
    var text = [UInt8(ascii: "{")]
    for number in 0..<length {
      if number > 0 { text.append(UInt8(ascii: ",")) }
      let start = elements.startIndex + number * size
      text += braces(elements[start..<start + size], lengths.dropFirst())
    }
    return text + [UInt8(ascii: "}")]
  }
}
