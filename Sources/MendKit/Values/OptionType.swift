/// What an option of a plugin may hold. The one description serves the validation of the configuration, the
/// documentation and `dbmend plugins`.
public indirect enum OptionType: Sendable {
  case boolean
  /// A whole number within a range.
  case integer(ClosedRange<Int>)
  /// Any number.
  case number
  /// Any text; a number or a boolean is taken as its text.
  case string
  /// A size in bytes: `2GiB`, `500MB`, `4096`.
  case size
  /// A length of time: `5s`, `250ms`, `7d`.
  case duration
  /// A part of a whole: `20%` or `0.2`, from 0 to 1.
  case share
  /// One of these words.
  case choice([String])
  /// A list of one type. A single value is taken as a list of one.
  case list(OptionType)
  /// A map from any name to one type.
  case map(OptionType)
  /// A program and its words: text that is split as a shell splits it, or a list of words (`CommandWords`).
  case commandLine
  /// The first of these that accepts the value.
  case either([OptionType])
  /// Any value at all.
  case any

  /// The type in a few words, as messages and the documentation use it.
  public var title: String {
    switch self {
    case .boolean: "true or false"
    case .integer(let range):
      if range.lowerBound > Int.min, range.upperBound < Int.max {
        "a whole number from \(range.lowerBound) to \(range.upperBound)"
      } else if range.lowerBound > Int.min {
        "a whole number, at least \(range.lowerBound)"
      } else {
        "a whole number"
      }
    case .number: "a number"
    case .string: "text"
    case .size: "a size such as 500MB or 2GiB"
    case .duration: "a length of time such as 5s or 7d"
    case .share: "a share such as 20%"
    case .choice(let words): words.joined(separator: " or ")
    case .list(let type): "a list of \(type.title)"
    case .map(let type): "a map from a name to \(type.title)"
    case .commandLine: "a command as text or as a list of words"
    case .either(let types): types.map(\.title).joined(separator: ", or ")
    case .any: "any value"
    }
  }

  /// What is wrong with a value, and where in it; nil when the type accepts it.
  public func complaint(about value: OptionValue, at path: [String] = []) -> OptionComplaint? {
    func refused(_ said: String? = nil) -> OptionComplaint {
      OptionComplaint(path: path, said: said ?? "expected \(title), found \(value.words)")
    }
    switch (self, value) {
    case (.any, _), (.boolean, .boolean), (.number, .integer), (.number, .number), (.string, .string),
      (.string, .integer), (.string, .number),
      (.string, .boolean):
      return nil
    case (.integer(let range), .integer(let number)):
      return range.contains(number) ? nil : refused()
    case (.size, .integer(let number)): return number >= 0 ? nil : refused()
    case (.size, .string(let text)): return ByteSize(text) == nil ? refused() : nil
    case (.duration, .integer(let number)): return number >= 0 ? nil : refused()
    case (.duration, .string(let text)): return TimeSpan(text) == nil ? refused() : nil
    case (.share, .integer), (.share, .number), (.share, .string):
      return Share(value) == nil ? refused() : nil
    case (.choice(let words), .string(let word)):
      guard !words.contains(word) else { return nil }
      let hint = NearestWord.suggestion(for: word, among: words)
      return refused("'\(word)' is not \(title)" + hint)
    case (.list(let type), .list(let items)):
      for (index, item) in items.enumerated() {
        if let complaint = type.complaint(about: item, at: path + [String(index)]) { return complaint }
      }
      return nil
    case (.list, .map), (.list, .null): return refused()
    case (.list(let type), _): return type.complaint(about: value, at: path)
    case (.map(let type), .map(let pairs)):
      for pair in pairs {
        if let complaint = type.complaint(about: pair.value, at: path + [pair.key]) { return complaint }
      }
      return nil
    case (.commandLine, .null), (.commandLine, .map): return refused()
    case (.commandLine, _):
      if case .list(let items) = value, let place = items.firstIndex(where: { $0.text == nil }) {
        return OptionComplaint(path: path + [String(place)], said: "expected text, found \(items[place].words)")
      }
      do throws(CommandWords.Complaint) {
        _ = try CommandWords(value)
        return nil
      } catch {
        return refused("this is no command: \(error.said)")
      }
    case (.either(let types), _):
      let complaints = types.map { $0.complaint(about: value, at: path) }
      if complaints.contains(where: { $0 == nil }) { return nil }
      // The one that got furthest into the value knows best what is wrong.
      let deepest = complaints.compactMap { $0 }.max { $0.path.count < $1.path.count }
      return deepest.flatMap { $0.path.count > path.count ? $0 : nil } ?? refused()
    default: return refused()
    }
  }
}

/// Why an option's value was refused.
public struct OptionComplaint: Sendable, Hashable {
  /// The way into the value: keys of maps and positions in lists, from 0.
  public var path: [String]
  /// What was expected and what was found.
  public var said: String

  /// A complaint about the value at a path.
  public init(path: [String], said: String) {
    self.path = path
    self.said = said
  }
}

extension OptionValue {
  /// What the value is, in the words of a message.
  public var words: String {
    switch self {
    case .null: "nothing"
    case .boolean(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): "'\(value)'"
    case .list: "a list"
    case .map: "a map"
    }
  }
}
