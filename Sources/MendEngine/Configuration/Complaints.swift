import MendKit

/// One thing that is wrong in a file that a person wrote, and where.
struct Complaint: Hashable {
  var position: TextPosition
  var said: String
}

/// Everything that is wrong in one file: all of it is told together.
final class ComplaintList {
  private(set) var complaints: [Complaint] = []
  private var known: Set<Complaint> = []
  /// How many there were beyond those that are kept.
  private(set) var uncounted = 0

  /// A file of nothing but errors must not cost memory and time for each.
  private static let maximum = 200

  /// Whether there was no memory to read the text.
  var lacksMemory = false

  var isEmpty: Bool { complaints.isEmpty && !lacksMemory }
  var count: Int { complaints.count + uncounted }

  func add(at position: TextPosition, _ said: @autoclosure () -> String) {
    guard complaints.count < Self.maximum else {
      uncounted += 1
      return
    }
    let complaint = Complaint(position: position, said: said())
    if known.insert(complaint).inserted { complaints.append(complaint) }
  }

  /// What is wrong with one value, by its type.
  func check(_ node: YAMLNode, is type: OptionType) -> Bool {
    guard let complaint = type.complaint(about: node.value) else { return true }
    add(at: node.node(at: complaint.path).position, complaint.said)
    return false
  }
}

/// The text of a file with its name, to show where in it something is wrong.
struct SourceText {
  /// The most errors that are shown; the rest is counted.
  static let shown = 20

  /// The path as messages show it.
  var file: String
  private var lines: [String]

  init(file: String, bytes: [UInt8]) {
    self.file = file
    // Lines as libyaml breaks them; CR LF is one Character in Swift.
    let breaks: Set<Character> = ["\n", "\r\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"]
    let text = String(
      decoding: bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...], as: UTF8.self)
    lines = text.split(omittingEmptySubsequences: false) { breaks.contains($0) }.map(String.init)
  }

  /// `dbmend.yaml:12`
  func origin(_ position: TextPosition) -> String { "\(Paths.name(of: file)):\(position.line)" }

  /// `dbmend.yaml:12:5: SAID`, the line, and a caret below the place.
  func rendered(_ complaint: Complaint) -> String {
    let position = complaint.position
    var text = "\(file):\(position.line):\(position.column): \(Self.printable(complaint.said, limit: 400))"
    guard lines.indices.contains(position.line - 1) else { return text }
    let scalars = Array(lines[position.line - 1].unicodeScalars)
    guard position.column <= scalars.count + 1 else { return text }
    // A window of a long line, with the place in it.
    let from = position.column > 100 ? position.column - 61 : 0
    let part = String(String.UnicodeScalarView(scalars[from..<min(scalars.count, from + 120)]))
    guard !part.allSatisfy(\.isWhitespace) else { return text }
    let before = String(String.UnicodeScalarView(scalars[from..<position.column - 1]))
    text += "\n  \(Self.printable(part, limit: 120))\n  "
    return text + String(before.map { $0 == "\t" ? "\t" : " " }) + "^"
  }

  /// The problem that carries every complaint, in the order of the file.
  func problem(_ list: ComplaintList, tried: String, advice: String) -> Problem {
    guard !list.lacksMemory else {
      return Problem(
        .exhausted, tried: tried, on: file, said: SystemError.text(ENOMEM),
        advice: "Free some memory, or raise the limit of it (ulimit -v).")
    }
    let sorted = list.complaints.sorted { $0.position < $1.position }
    let count = sorted.count + list.uncounted
    var said = count == 1 ? "there is an error in it" : "there are \(count) errors in it"
    for complaint in sorted.prefix(Self.shown) { said += "\n" + rendered(complaint) }
    if count > Self.shown { said += "\nand \(count - Self.shown) more" }
    return Problem(.configuration, tried: tried, on: file, said: said, advice: advice)
  }

  /// Text of a file without control characters, which a terminal would obey, and not longer than a limit.
  static func printable(_ text: String, limit: Int) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(limit) {
      let isControl = scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
      result.append(isControl && scalar != "\t" ? "\u{FFFD}" : scalar)
    }
    return String(result) + (text.unicodeScalars.count > limit ? "…" : "")
  }
}
