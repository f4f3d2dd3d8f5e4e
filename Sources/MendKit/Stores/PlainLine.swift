/// Lines of a listing in the one form that most of them have: of a file or folder without extended attributes, the keys in the
/// order in which they are written. A listing has as many lines as a folder has files, and to write and read them as JSON of any
/// form takes longer than to read small files. What is of another form is left to the JSON reader, and what is of this form means
/// the same to both.
extension ListedFile {
  /// Adds the line, without its end, where it has the plain form; whether it does.
  func appendPlain(to lines: inout [UInt8]) -> Bool {
    guard attributes.extended.isEmpty, kind == .file || kind == .folder else { return false }
    var name = name
    let isPlain = name.withUTF8 { $0.allSatisfy(PlainLine.isPlain) }
    guard isPlain else { return false }
    let isFile = kind == .file
    PlainLine.add(#"{"name":""#, to: &lines)
    lines += name.utf8
    PlainLine.add(isFile ? #"","type":"file","size":"# : #"","type":"folder","modified":"#, to: &lines)
    if isFile {
      PlainLine.add(size, to: &lines)
      PlainLine.add(#","modified":"#, to: &lines)
    }
    PlainLine.add(Int(modified), to: &lines)
    if isFile {
      PlainLine.add(#","sha256":""#, to: &lines)
      lines += sha256.utf8
      PlainLine.add(#"","xxh3":""#, to: &lines)
      lines += xxh3.utf8
      lines.append(UInt8(ascii: "\""))
    }
    PlainLine.add(#","user":"#, to: &lines)
    PlainLine.add(Int(attributes.user), to: &lines)
    PlainLine.add(#","group":"#, to: &lines)
    PlainLine.add(Int(attributes.group), to: &lines)
    PlainLine.add(#","mode":""#, to: &lines)
    lines += String(attributes.mode, radix: 8).utf8
    PlainLine.add(#""}"#, to: &lines)
    return true
  }

  /// The file of a line of the plain form; nil of any other line.
  init?(plain line: ArraySlice<UInt8>) {
    var text = PlainLine(line)
    guard text.skip(#"{"name":""#), let name = text.string(), text.skip(#","type":""#) else { return nil }
    let isFile = text.skip(#"file","size":"#)
    var size = 0
    if isFile {
      guard let number = text.number(), number >= 0, text.skip(#",""#) else { return nil }
      size = number
    } else {
      guard text.skip(#"folder",""#) else { return nil }
    }
    guard text.skip(#"modified":"#), let modified = text.number() else { return nil }
    var (sha256, xxh3) = ("", "")
    if isFile {
      guard text.skip(#","sha256":""#), let long = text.digits(64), text.skip(#"","xxh3":""#),
        let short = text.digits(32), text.skip("\"")
      else { return nil }
      (sha256, xxh3) = (long, short)
    }
    guard text.skip(#","user":"#), let user = text.number().flatMap({ UInt32(exactly: $0) }),
      text.skip(#","group":"#), let group = text.number().flatMap({ UInt32(exactly: $0) }), text.skip(#","mode":""#),
      let mode = text.string().flatMap({ Int($0, radix: 8) }), (0...0o7777).contains(mode), text.skip("}"), text.isAtEnd
    else { return nil }
    self.init(
      name: name, kind: isFile ? .file : .folder, size: size, modified: Int64(modified),
      attributes: FileAttributes(user: user, group: group, mode: mode), sha256: sha256, xxh3: xxh3)
  }
}

/// A line that is read from its beginning, and taken to be of the plain form until it is not.
private struct PlainLine {
  private let line: ArraySlice<UInt8>
  private var at: Int

  init(_ line: ArraySlice<UInt8>) {
    self.line = line
    at = line.startIndex
  }

  var isAtEnd: Bool { at == line.endIndex }

  /// Passes over a word; whether it stands here.
  mutating func skip(_ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard line.endIndex - at >= count else { return false }
    for place in 0..<count where line[at + place] != word.utf8Start[place] { return false }
    at += count
    return true
  }

  /// The text up to a quotation mark, which is passed over; nil where it has escapes or is no UTF-8.
  mutating func string() -> String? {
    guard let end = line[at...].firstIndex(where: { !Self.isPlain($0) }), line[end] == UInt8(ascii: "\"") else {
      return nil
    }
    defer { at = end + 1 }
    return String(validating: line[at..<end], as: UTF8.self)
  }

  /// A whole number as JSON has it, with no fraction; nil of one that is too large.
  mutating func number() -> Int? {
    let isNegative = skip("-")
    let start = at
    var number = 0
    while at < line.endIndex, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(line[at]) {
      let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, isLarger) = tens.addingReportingOverflow(Int(line[at] - UInt8(ascii: "0")))
      guard !isTooLarge, !isLarger else { return nil }
      number = sum
      at += 1
    }
    guard at > start, !isNegative || number > 0, at == start + 1 || line[start] != UInt8(ascii: "0") else { return nil }
    return isNegative ? -number : number
  }

  /// So many hexadecimal digits in lower case.
  mutating func digits(_ count: Int) -> String? {
    guard line.endIndex - at >= count else { return nil }
    let part = line[at..<at + count]
    let areDigits = part.allSatisfy {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
    }
    guard areDigits else { return nil }
    at += count
    return String(decoding: part, as: UTF8.self)
  }

  /// Whether a byte stands in a JSON text for itself.
  static func isPlain(_ byte: UInt8) -> Bool {
    JSONValue.isPlain(byte)
  }

  static func add(_ word: StaticString, to bytes: inout [UInt8]) {
    bytes += UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
  }

  static func add(_ number: Int, to bytes: inout [UInt8]) {
    if number < 0 { bytes.append(UInt8(ascii: "-")) }
    var rest = number.magnitude
    let start = bytes.count
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
  }
}
