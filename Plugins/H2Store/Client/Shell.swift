import MendKit

/// A statement for the engine.
enum Statement {
  /// A query, whose rows are wanted.
  case query(String)
  /// One that gives no rows.
  case command(String)
}

/// What became of a statement.
enum Answer {
  case rows([[String?]])
  case failed(String)
  /// The engine ended, or closed the database, before it came to the statement.
  case unreached(String)

  /// The rows; none of a statement that failed.
  var rows: [[String?]] {
    if case .rows(let rows) = self { return rows }
    return []
  }

  /// What the engine said of a statement that failed.
  var failure: String? {
    switch self {
    case .rows: nil
    case .failed(let words), .unreached(let words): words
    }
  }

  /// Whether the engine did not come to the statement.
  var isUnreached: Bool {
    if case .unreached = self { return true }
    return false
  }
}

/// H2's Shell in a process of its own, with one database open from when it is told to until it ends: a start of Java and the
/// opening of a database take longer than most of what is asked. Used from one thread.
final class Shell {
  private let conversation: ClientConversation
  private let folder: String
  private let results: PrivateFolder
  private let timeLimit: Double
  private let mark = "dbmend-" + String(UInt64.random(in: .min ... .max), radix: 36)
  private var number = 0

  init(_ conversation: ClientConversation, in folder: String, results: PrivateFolder, timeLimit: Double) {
    self.conversation = conversation
    self.folder = folder
    self.results = results
    self.timeLimit = timeLimit
  }

  deinit { conversation.stop() }

  /// Opens the database that is called so in the folder; what the engine said where it does not open, nil where it does.
  /// With `creates` the database is made, which nobody else may be at.
  func open(_ database: String, as login: Login, creates: Bool = false) throws(Problem) -> String? {
    // The program asks for the place of the database, the driver, the user and the password, in this order.
    let password = try login.password()
    var text =
      "jdbc:h2:./\(database);MAX_COMPACT_TIME=0\(creates ? "" : ";IFEXISTS=TRUE;FORBID_CREATION=TRUE")\n\n\(login.user)\n\(password)\n"
    if creates { text += password + "\n" }
    // Where the database was not opened the program asks again, takes the next line for the place, and ends since no driver is
    // named for it. An open one has no use for empty lines.
    text += "SELECT '\(mark)' AS M;\n\n\n\n"
    switch conversation.ask(text, until: mark, timeLimit: timeLimit) {
    case .heard: return nil
    case .ended(let outcome):
      try refuse(outcome)
      return Self.failure(Self.sections(outcome.output, mark).first ?? []) ?? Self.lastLine(outcome)
    }
  }

  /// Runs statements one after another, each whatever became of those before it; what became of each.
  func ask(_ statements: [Statement]) throws(Problem) -> [Answer] {
    guard !statements.isEmpty else { return [] }
    let first = number
    number += statements.count
    var input = ""
    for (place, statement) in statements.enumerated() {
      input += "SELECT '\(mark)' AS M;\n"
      switch statement {
      case .query(let sql):
        input +=
          "CALL CSVWRITE(\(file(first + place).asLiteral), \(sql.asLiteral), 'charset=UTF-8 writeColumnHeader=false');\n"
      case .command(let sql): input += sql.asOneLine + ";\n"
      }
    }
    // The list of the last statements comes whether the database is still open or not; the one before the last begins a line.
    let last = "SELECT '\(mark)-\(number)' AS M"
    input += "\(last);\nSELECT 0;\nhistory\n"
    let output: [UInt8]
    var ending: String?
    switch conversation.ask(input, until: "#2: " + last, timeLimit: timeLimit) {
    case .heard(let bytes): output = bytes
    case .ended(let outcome):
      try refuse(outcome)
      output = outcome.output
      ending = Self.lastLine(outcome)
    }
    let sections = Self.sections(output, mark)
    var answers: [Answer] = []
    for (place, statement) in statements.enumerated() {
      guard place + 1 < sections.count else {
        let words = Self.failure(sections.last ?? []) ?? "it closed the database"
        answers.append(.unreached("the engine did not come to it: " + (ending ?? words)))
        continue
      }
      // What the engine ended at is not done, whatever it said.
      let isLast = place + 2 == sections.count
      answers.append(try answer(statement, first + place, sections[place + 1], isLast ? ending : nil))
    }
    return answers
  }

  private func answer(
    _ statement: Statement, _ number: Int, _ lines: [Substring], _ ending: String?
  ) throws(Problem) -> Answer {
    if let words = Self.failure(lines) { return .failed(words) }
    guard case .query = statement else {
      return ending.map { .failed("the engine ended at it: " + $0) } ?? .rows([])
    }
    let path = file(number)
    guard FileStatus.exists(path) else { return .failed("the engine gave no answer: " + (ending ?? "no rows")) }
    let bytes = try FileHandle.read(path).readAll(limit: Self.mostBytes)
    try? Paths.removeFile(path)
    return .rows(CSV.rows(bytes))
  }

  private static let mostBytes = 512 << 20

  private func file(_ number: Int) -> String { Paths.join(results.path, "\(number)") }

  /// Has the engine close the database, and waits for that.
  func close() { _ = conversation.ask("quit\n", until: mark + "-quit", timeLimit: timeLimit) }

  /// Ends the engine, whatever it is at: of a copy that nobody wants any more.
  func stop() { conversation.stop() }

  private func refuse(_ outcome: ClientProgram.Outcome) throws(Problem) {
    if case .notStarted(let number) = outcome.ending { throw SystemError.problem("start", "java", number) }
    if let limit = outcome.limit, case .time = limit {
      throw Problem(.program, tried: "ask H2 about", on: folder, said: outcome.lastWords)
    }
  }

  /// What was printed before each mark, and behind the last.
  private static func sections(_ output: [UInt8], _ mark: String) -> [[Substring]] {
    var sections: [[Substring]] = [[]]
    let text = String(decoding: output, as: UTF8.self)
    for line in text.split(whereSeparator: \.isNewline) {
      if line == mark { sections.append([]) } else { sections[sections.count - 1].append(line) }
    }
    return sections
  }

  /// What the engine said of a statement that failed.
  private static func failure(_ lines: [Substring]) -> String? {
    for line in lines {
      for word in ["Error: ", "SQL Exception: ", "Exception: "] {
        guard let range = line.range(of: word) else { continue }
        // The class of the exception is of no use to anybody.
        var words = line[range.upperBound...]
        if words.hasPrefix("org.h2.") || words.hasPrefix("java."), let colon = words.range(of: ": ") {
          words = words[colon.upperBound...]
        }
        let number = lines.compactMap(Self.number).first
        return String(words.prefix(500)) + (number.map { words.contains("[\($0)") ? "" : " [\($0)]" } ?? "")
      }
    }
    return nil
  }

  /// The number of an error: it ends the message, which may take several lines.
  private static func number(_ line: Substring) -> Substring? {
    guard line.hasSuffix("]"), let open = line.lastIndex(of: "[") else { return nil }
    let inner = line[line.index(after: open)...].dropLast()
    return inner.allSatisfy { $0.isNumber || $0 == "-" } ? inner : nil
  }

  private static func lastLine(_ outcome: ClientProgram.Outcome) -> String {
    let lines = outcome.lastWords.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("\t") }
    return String((lines.first ?? "it said nothing").prefix(500))
  }
}
