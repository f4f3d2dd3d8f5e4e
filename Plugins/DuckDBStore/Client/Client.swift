import CSystem
import MendKit

/// DuckDB's own client program, fed with statements in SQL.
struct Client {
  private let program: ClientProgram
  /// How long a run may take, in seconds.
  var timeLimit: Double
  /// What a run may take of the machine; nil for what its database's size and the machine's free memory come to.
  var memory: ClientMemory?

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
  ///
  /// What does not fit into memory is written beside `place`, for a database in memory the path of a file that it has to do with.
  func run(
    _ statements: [String], on database: String, _ mode: Mode, setUp: [String] = [], beside place: String? = nil
  ) throws(Problem) -> [Answer] {
    let place = place ?? database
    let spill = place + ".spill"
    defer { if FileStatus.exists(spill) { try? Paths.removeTree(spill) } }
    let memory = memory ?? .now(place)
    var answers: [Answer] = []
    while answers.count < statements.count {
      let left = Array(statements[answers.count...].prefix(Self.mostStatements))
      var more = try runOnce(
        left, on: database, mode, setUp: memory.statements(spillingTo: spill) + setUp, memoryLimit: memory.all)
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
    _ statements: [String], on database: String, _ mode: Mode, setUp: [String], memoryLimit: Int
  ) throws(Problem) -> [Answer] {
    // Content of the database cannot hold the word that sets the answers apart, in both streams.
    let mark = "dbmend-" + String(UInt64.random(in: .min ... .max), radix: 36)
    // What is no rows, such as a plan, does not end its last line.
    let print = ".output /dev/stderr\n.print \(mark)\n.output\n.print\n.print \(mark)\n"
    var input = "SET enable_progress_bar = false;\nSET autoinstall_known_extensions = false;\n"
    for statement in setUp { input += statement + "\n;\n" }
    for statement in statements { input += print + statement + "\n;\n" }
    input += print
    let arguments = ["-init", "/dev/null", "-batch", "-json"] + (mode == .readOnly ? ["-readonly"] : []) + [database]
    let outcome = try program.run(
      arguments, input: Array(input.utf8), environment: ["LC_ALL": "C"], folder: Paths.folder(of: database),
      timeLimit: timeLimit, errorLimit: Self.mostErrors, memoryLimit: memoryLimit)
    return try answers(outcome, statements.count, mark: mark, database)
  }

  /// Statements that run in one process, at most: what is said of each of them is kept.
  private static let mostStatements = 2000
  private static let mostErrors = 32 << 20

  private func answers(
    _ outcome: ClientProgram.Outcome, _ count: Int, mark: String, _ database: String
  ) throws(Problem) -> [Answer] {
    if case .notStarted(let number) = outcome.ending { throw SystemError.problem("start", program.path, number) }
    if let limit = outcome.limit, case .output = limit {
      throw Problem(.program, tried: "ask DuckDB about", on: database, said: outcome.lastWords)
    }
    let sections = Self.split(outcome.output, by: mark).dropFirst()
    let words = Self.split(outcome.errors, by: mark).map(Self.message)
    if sections.isEmpty {
      // The database was not opened, or the engine died at once.
      let said = words.first ?? nil
      return [Answer](repeating: .failed(said ?? outcome.lastWords), count: max(1, count))
    }
    let isWhole = sections.count > count
    var answers: [Answer] = []
    for (place, section) in sections.prefix(count).enumerated() {
      let said = place + 1 < words.count ? words[place + 1] : nil
      // Whoever died, died of the last statement that began.
      if !isWhole, place == sections.count - 1 {
        answers.append(.failed(said ?? Self.lastWords(outcome, mark)))
      } else if let said {
        answers.append(.failed(said))
      } else if section.isEmpty {
        // Some statements answer with nothing at all.
        answers.append(.rows([]))
      } else {
        do throws(JSONSyntaxError) {
          let value = try JSONValue(parsing: section)
          // A plan is one object.
          answers.append(.rows(value.array ?? [value]))
        } catch {
          answers.append(.failed("the answer cannot be read: \(error)"))
        }
      }
    }
    return answers
  }

  /// What a process said last, or what became of it.
  private static func lastWords(_ outcome: ClientProgram.Outcome, _ mark: String) -> String {
    var outcome = outcome
    outcome.errors = Array((split(outcome.errors, by: mark).last ?? []).prefix(1000))
    return outcome.lastWords
  }

  /// The output between the marks, without empty lines.
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
    return sections
  }

  /// What the engine said of a statement that failed; nil where it said nothing of the kind. A message has lines of its own, the
  /// first of which names its sort.
  private static func message(_ bytes: [UInt8]) -> String? {
    var message: String?
    for line in String(decoding: bytes.prefix(10_000), as: UTF8.self).split(separator: "\n") {
      let head = line.prefix { $0 != ":" }
      let isStart = head.hasSuffix("Error") && head.allSatisfy { $0.isLetter || $0 == " " || $0 == "\"" }
      if message == nil {
        guard isStart else { continue }
        message = String(line.prefix(500))
      } else if !line.hasPrefix("LINE "), line.contains(where: { $0 != " " && $0 != "^" }) {
        message? += " " + line.prefix(500)
      }
    }
    return message
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
