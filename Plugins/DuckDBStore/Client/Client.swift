import CSystem
import MendKit

/// DuckDB's own client program, fed with statements in SQL.
struct Client {
  private let program: ClientProgram
  /// How long a run may take, in seconds.
  var timeLimit: Double

  /// Looks for the program. Throws a problem of kind `unsupported` that names the package to install.
  static func find(timeLimit: Double = 600) throws(Problem) -> Client {
    let home = getenv("HOME").map { String(cString: $0) } ?? "/root"
    let found = try ClientProgram.find(
      "duckdb",
      besides: [
        Paths.join(home, ".duckdb/cli/latest"), Paths.join(home, ".local/bin"), "/usr/local/bin", "/opt/duckdb",
      ],
      package: "'pip install duckdb-cli', or the binary of duckdb.org on the PATH")
    return Client(program: ClientProgram(name: "duckdb", path: behindScript(found.path)), timeLimit: timeLimit)
  }

  /// pip puts a script of Python in the PATH, which takes longer to start than the program does; the program itself where that
  /// can be found.
  private static func behindScript(_ path: String) -> String {
    guard let file = try? FileHandle.read(path), let head = try? file.read(2, at: 0), head == Array("#!".utf8) else {
      return path
    }
    var roots = [Paths.folder(of: Paths.folder(of: path)), Paths.folder(of: Paths.folder(of: Paths.resolved(path)))]
    let versions = Paths.join(roots[0], "versions")
    roots += ((try? Paths.names(in: versions)) ?? []).map { Paths.join(versions, $0) }
    for library in roots.flatMap({ [Paths.join($0, "lib"), Paths.join($0, "local/lib")] }) {
      for python in (try? Paths.names(in: library)) ?? [] where python.hasPrefix("python3") {
        for packages in ["site-packages", "dist-packages"] {
          let program = Paths.join(library, "\(python)/\(packages)/duckdb_cli/duckdb")
          if access(program, X_OK) == 0 { return program }
        }
      }
    }
    return path
  }

  /// How a database is opened.
  enum Mode { case readOnly, writable }

  /// What became of a statement.
  enum Answer {
    case rows([JSONValue])
    case failed(String)

    /// The rows; none of a statement that failed.
    var rows: [JSONValue] {
      if case .rows(let rows) = self { return rows }
      return []
    }

    /// What the engine said of a statement that failed.
    var failure: String? {
      if case .failed(let words) = self { return words }
      return nil
    }
  }

  /// Runs statements one after another on a database, each whatever became of those before it; what became of each. A statement
  /// on which the engine dies or gives the database up has failed, and the others run in a new process.
  func run(_ statements: [String], on database: String, _ mode: Mode, setUp: [String] = []) throws(Problem) -> [Answer]
  {
    var answers: [Answer] = []
    while answers.count < statements.count {
      let left = Array(statements[answers.count...])
      var more = try runOnce(left, on: database, mode, setUp: setUp)
      if let given = more.firstIndex(where: { $0.failure?.contains("database has been invalidated") ?? false }),
        given > 0
      {
        more.removeSubrange(given...)
      }
      if more.isEmpty { more = [.failed("the engine gave no answer")] }
      answers += more
    }
    return answers
  }

  private func runOnce(
    _ statements: [String], on database: String, _ mode: Mode, setUp: [String]
  ) throws(Problem) -> [Answer] {
    // Content of the database cannot hold the word that sets the answers apart.
    let mark = "dbmend-" + String(UInt64.random(in: .min ... .max), radix: 36)
    var input = "SET enable_progress_bar = false;\nSET autoinstall_known_extensions = false;\n"
    for statement in setUp { input += statement + "\n;\n" }
    for statement in statements { input += ".print \(mark)\n" + statement + "\n;\n" }
    input += ".print \(mark)\n"
    let arguments = ["-init", "/dev/null", "-batch", "-json"] + (mode == .readOnly ? ["-readonly"] : []) + [database]
    let outcome = try program.run(
      arguments, input: Array(input.utf8), environment: ["LC_ALL": "C"], folder: Paths.folder(of: database),
      timeLimit: timeLimit)
    return try answers(outcome, statements.count, mark: mark, database)
  }

  private func answers(
    _ outcome: ClientProgram.Outcome, _ count: Int, mark: String, _ database: String
  ) throws(Problem) -> [Answer] {
    if case .notStarted(let number) = outcome.ending { throw SystemError.problem("start", program.path, number) }
    if let limit = outcome.limit, case .output = limit {
      throw Problem(.program, tried: "ask DuckDB about", on: database, said: outcome.lastWords)
    }
    var sections = Self.split(outcome.output, by: mark)
    if !sections.isEmpty { sections.removeFirst() }
    var errors = Self.errors(outcome.errors)
    let failed = sections.prefix(count).count { $0.isEmpty }
    // What was said before the first statement is of the opening.
    while errors.count > failed, errors.count > 1 { errors.removeFirst() }
    if sections.isEmpty {
      // The database was not opened, or the engine died at once.
      return [Answer](repeating: .failed(errors.first ?? outcome.lastWords), count: max(1, count))
    }
    let isWhole = sections.count > count
    var answers: [Answer] = []
    for section in sections.prefix(count) {
      if section.isEmpty {
        // Some statements answer with nothing at all.
        if errors.isEmpty, isWhole, outcome.isSuccess {
          answers.append(.rows([]))
          continue
        }
        let isLast = answers.count == sections.count - 1 && !isWhole
        answers.append(
          .failed(isLast && errors.isEmpty ? outcome.lastWords : errors.isEmpty ? "it failed" : errors.removeFirst()))
        continue
      }
      do throws(JSONSyntaxError) {
        let value = try JSONValue(parsing: section)
        answers.append(.rows(value.array ?? []))
      } catch {
        answers.append(.failed("the answer cannot be read: \(error)"))
      }
    }
    // Whoever died, died of the last statement that began.
    if !isWhole, case .rows? = answers.last { answers[answers.count - 1] = .failed(outcome.lastWords) }
    return answers
  }

  /// The output between the marks, without white space around it.
  private static func split(_ output: [UInt8], by mark: String) -> [[UInt8]] {
    let mark = Array(mark.utf8)
    var sections: [[UInt8]] = []
    var current: [UInt8] = []
    for line in output.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if line.elementsEqual(mark) {
        sections.append(current)
        current = []
      } else if !line.isEmpty {
        if !current.isEmpty { current.append(UInt8(ascii: "\n")) }
        current += line
      }
    }
    sections.append(current)
    // Behind the last mark there is nothing.
    return sections
  }

  /// What the engine said of each statement that failed. A message has lines of its own, the first of which names its sort.
  private static func errors(_ bytes: [UInt8]) -> [String] {
    var errors: [String] = []
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let head = line.prefix { $0 != ":" }
      let isStart = head.hasSuffix("Error") && head.allSatisfy { $0.isLetter || $0 == " " || $0 == "\"" }
      if isStart || errors.isEmpty {
        errors.append(String(line.prefix(500)))
      } else if !line.hasPrefix("LINE "), line.contains(where: { $0 != " " && $0 != "^" }) {
        errors[errors.count - 1] += " " + line.prefix(500)
      }
    }
    return errors
  }
}

extension String {
  /// As an identifier in DuckDB's SQL.
  var asIdentifier: String {
    "\"" + split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  /// As a text in DuckDB's SQL.
  var asLiteral: String { "'" + split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'" }
}
