import CSystem
import MendKit

/// H2's own programs, run by Java in a process of their own.
struct Client: Sendable {
  private let java: ClientProgram
  private let jar: String
  /// Who opens databases.
  let login: Login
  /// How long a run may take, in seconds.
  var timeLimit: Double = 1200

  /// Looks for Java and for H2's jar. Throws a problem of kind `unsupported` that names the package to install.
  static func find(_ login: Login) throws(Problem) -> Client {
    let given = getenv("H2_JAR").map { String(cString: $0) } ?? ""
    let jar = given.isEmpty ? "/usr/share/java/h2.jar" : given
    guard access(jar, R_OK) == 0 else {
      throw Problem(
        .unsupported, tried: "find H2's program", on: jar, said: SystemError.text(errno),
        advice:
          "Install it (apt-get install libh2-java default-jre-headless), or set H2_JAR to the jar of the application.",
        code: "engine.missing")
    }
    let home = getenv("JAVA_HOME").map { [Paths.join(String(cString: $0), "bin")] } ?? []
    let java = try ClientProgram.find("java", besides: home, package: "apt-get install default-jre-headless")
    return Client(java: java, jar: jar, login: login)
  }

  /// What became of a statement.
  enum Answer {
    case rows([[String?]])
    case failed(String)

    /// The rows; none of a statement that failed.
    var rows: [[String?]] {
      if case .rows(let rows) = self { return rows }
      return []
    }

    /// What the engine said of a statement that failed.
    var failure: String? {
      if case .failed(let words) = self { return words }
      return nil
    }
  }

  /// A statement for the engine.
  enum Statement {
    /// A query, whose rows are wanted.
    case query(String)
    /// One that gives no rows.
    case command(String)
  }

  /// The name under which a database is opened: H2 wants files of databases to end with this.
  static let suffix = ".mv.db"

  /// Runs statements one after another on the database that is called so in a folder, each whatever became of those before it;
  /// what became of each.
  /// With `creates` the database is made, which nobody else may be at.
  func run(
    _ statements: [Statement], on database: String, in folder: String, creates: Bool = false, as user: Login? = nil
  ) throws(Problem) -> [Answer] {
    let login = user ?? self.login
    let results = try PrivateFolder("dbmend-h2-answers-")
    let mark = "dbmend-" + String(UInt64.random(in: .min ... .max), radix: 36)
    // The program asks for the place of the database, the driver, the user and the password, in this order.
    let password = try login.password()
    var input =
      "jdbc:h2:./\(database);MAX_COMPACT_TIME=0\(creates ? "" : ";IFEXISTS=TRUE;FORBID_CREATION=TRUE")\n\n\(login.user)\n\(password)\n"
    if creates { input += password + "\n" }
    for (number, statement) in statements.enumerated() {
      input += "SELECT '\(mark)' AS M;\n"
      switch statement {
      case .query(let sql):
        let file = Paths.join(results.path, "\(number)")
        input += "CALL CSVWRITE(\(file.asLiteral), \(sql.asLiteral), 'charset=UTF-8 writeColumnHeader=false');\n"
      case .command(let sql): input += sql.asOneLine + ";\n"
      }
    }
    // Where the database was not opened the program asks again, and takes these lines for the place and for a driver that is
    // not there, of which it ends.
    input += "SELECT '\(mark)' AS M;\nquit\nquit\nquit\nquit\n"
    let outcome = try shell(input, in: folder)
    if case .notStarted(let number) = outcome.ending { throw SystemError.problem("start", java.path, number) }
    if let limit = outcome.limit, case .time = limit {
      throw Problem(.program, tried: "ask H2 about", on: Paths.join(folder, database), said: outcome.lastWords)
    }
    let sections = Self.sections(outcome.output, mark)
    guard sections.count > 1 else {
      let words = Self.failure(sections.first ?? []) ?? Self.lastLine(outcome)
      return [Answer](repeating: .failed(words), count: statements.count)
    }
    var answers: [Answer] = []
    for (number, statement) in statements.enumerated() {
      guard number + 1 < sections.count else {
        answers.append(.failed("the engine ended before it: " + Self.lastLine(outcome)))
        continue
      }
      if let words = Self.failure(sections[number + 1]) {
        answers.append(.failed(words))
      } else if case .query = statement {
        let path = Paths.join(results.path, "\(number)")
        if FileStatus.exists(path) {
          answers.append(.rows(try CSV.rows(FileHandle.read(path).readAll(limit: Self.mostBytes))))
        } else {
          answers.append(.failed("the engine gave no answer: " + Self.lastLine(outcome)))
        }
      } else {
        answers.append(.rows([]))
      }
    }
    return answers
  }

  private static let mostBytes = 512 << 20

  private func shell(_ input: String, in folder: String) throws(Problem) -> ClientProgram.Outcome {
    try start("Shell", [], input: Array(input.utf8), in: folder)
  }

  /// Has H2 write down everything that it can read in the files of a database, without opening it, as a script beside it.
  func recover(_ database: String, in folder: String) throws(Problem) -> ClientProgram.Outcome {
    try start("Recover", ["-dir", folder, "-db", database], in: folder)
  }

  private func start(
    _ tool: String, _ arguments: [String], input: [UInt8] = [], in folder: String
  ) throws(Problem) -> ClientProgram.Outcome {
    // Java's code that a database names is never loaded: a database is hostile.
    let options = [
      "-Xshare:auto", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8",
      "-Dstdout.encoding=UTF-8", "-Dstdin.encoding=UTF-8", "-Dh2.allowedClasses=java.lang.Math,org.h2.tools.Recover",
      "-Djava.awt.headless=true",
      "-Djava.io.tmpdir=\(folder)",
    ]
    return try java.run(
      options + ["-cp", jar, "org.h2.tools.\(tool)"] + arguments, input: input,
      environment: ["LC_ALL": "C.UTF-8", "JAVA_TOOL_OPTIONS": nil, "_JAVA_OPTIONS": nil], folder: folder,
      timeLimit: timeLimit)
  }

  /// What was printed before the first mark and behind each.
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

extension String {
  /// As an identifier in H2's SQL.
  var asIdentifier: String {
    "\"" + split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  /// As a text in H2's SQL, on one line and in ASCII.
  var asLiteral: String {
    var text = "U&'"
    for unit in utf16 {
      switch unit {
      case 0x27: text += "''"
      case 0x5C: text += "\\\\"
      case 0x20...0x7E: text.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
      default:
        let digits = String(unit, radix: 16)
        text += "\\" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    return text + "'"
  }

  /// With spaces in the place of line ends.
  fileprivate var asOneLine: String { String(map { $0.isNewline ? " " : $0 }) }
}

extension StringProtocol {
  /// Where a text stands in this one first; nil where it does not.
  func range(of text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}
