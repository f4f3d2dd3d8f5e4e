/// A command as its words: the program, and what it is given. Read as a shell reads a simple command (POSIX.1, XCU 2.2), with
/// quotes and backslashes, but nothing is expanded and nothing is run.
public struct CommandWords: Sendable, Hashable {
  /// The program first; never empty, and no word holds a zero byte.
  public var words: [String]

  /// Why a text is no command, in the second half of a sentence.
  public struct Complaint: Error, Hashable {
    /// What is wrong with it.
    public var said: String
  }

  /// The words of a text.
  public init(splitting text: String) throws(Complaint) {
    var reader = Reader(text)
    words = try reader.words()
    try Self.check(words)
  }

  /// Words that are split already.
  public init(_ words: [String]) throws(Complaint) {
    self.words = words
    try Self.check(words)
  }

  /// The command of an option's value: text, or a list of words.
  public init(_ value: OptionValue) throws(Complaint) {
    guard case .list(let items) = value else {
      guard let text = value.text else { throw Complaint(said: "expected a command, found \(value.words)") }
      try self.init(splitting: text)
      return
    }
    var words: [String] = []
    for item in items {
      guard let word = item.text else { throw Complaint(said: "expected a word, found \(item.words)") }
      words.append(word)
    }
    try self.init(words)
  }

  private static func check(_ words: [String]) throws(Complaint) {
    guard let program = words.first, !program.isEmpty else { throw Complaint(said: "there is no program in it") }
    for word in words where word.utf8.contains(0) {
      throw Complaint(said: "a word of a command cannot hold a zero byte")
    }
  }

  private struct Reader {
    private let text: [Character]
    private var index = 0

    init(_ text: String) { self.text = Array(text) }

    /// What only a shell gives a meaning, where it stands unquoted as a word of its own.
    private static let operators: Set<String> = ["|", "||", "|&", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1", "&>"]

    mutating func words() throws(Complaint) -> [String] {
      var words: [String] = []
      while let (word, isQuoted) = try next() {
        if !isQuoted, Self.operators.contains(word) {
          throw Complaint(
            said: "'\(word)' is for a shell, and none runs here: quote it, or write [sh, -c, \"…\"]")
        }
        words.append(word)
      }
      return words
    }

    /// The next word, and whether a part of it was quoted; nil at the end.
    private mutating func next() throws(Complaint) -> (word: String, isQuoted: Bool)? {
      while index < text.count, text[index].isWhitespace { index += 1 }
      guard index < text.count else { return nil }
      var word = ""
      var isQuoted = false
      while index < text.count, !text[index].isWhitespace {
        let character = text[index]
        index += 1
        switch character {
        case "'":
          isQuoted = true
          word += try upTo("'")
        case "\"":
          isQuoted = true
          word += try upTo("\"")
        case "\\":
          guard index < text.count else { throw Complaint(said: "it ends with a backslash, which nothing follows") }
          isQuoted = true
          // A line that a backslash ends goes on in the next.
          if !text[index].isNewline { word.append(text[index]) }
          index += 1
        default: word.append(character)
        }
      }
      return (word, isQuoted)
    }

    /// What stands up to the closing quote. In double quotes a backslash quotes what a shell would read otherwise.
    private mutating func upTo(_ quote: Character) throws(Complaint) -> String {
      var part = ""
      while index < text.count {
        let character = text[index]
        index += 1
        if character == quote { return part }
        if character == "\\", quote == "\"", index < text.count, "\"\\$`".contains(text[index]) {
          part.append(text[index])
          index += 1
        } else {
          part.append(character)
        }
      }
      throw Complaint(said: "a quote \(quote) is opened and never closed")
    }
  }
}
