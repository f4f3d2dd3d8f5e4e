import CSystem
import MendKit

/// H2's own programs, run by Java in a process of their own.
struct Client: Sendable {
  private let java: ClientProgram
  /// H2 itself.
  let jar: String
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

  /// The name under which a database is opened: H2 wants files of databases to end with this.
  static let suffix = ".mv.db"

  /// Runs statements one after another on the database that is called so in a folder, each whatever became of those before it, and
  /// closes it; what became of each.
  /// With `creates` the database is made, which nobody else may be at.
  func run(
    _ statements: [Statement], on database: String, in folder: String, creates: Bool = false, as user: Login? = nil
  ) throws(Problem) -> [Answer] {
    let shell = try begin(in: folder)
    if let words = try shell.open(database, as: user ?? login, creates: creates) {
      return [Answer](repeating: .failed(words), count: statements.count)
    }
    let answers = try shell.ask(statements)
    shell.close()
    return answers
  }

  /// Starts H2's Shell in a folder. It opens no database until it is told which.
  func begin(in folder: String) throws(Problem) -> Shell {
    Shell(
      try ClientConversation(
        java, words("Shell", in: folder), environment: Self.environment, folder: folder),
      in: folder, results: try PrivateFolder("dbmend-h2-answers-"), timeLimit: timeLimit)
  }

  /// Has H2 write down everything that it can read in the files of a database, without opening it, as a script beside it.
  func recover(_ database: String, in folder: String) throws(Problem) -> ClientProgram.Outcome {
    try java.run(
      words("Recover", in: folder) + ["-dir", folder, "-db", database], environment: Self.environment, folder: folder,
      timeLimit: timeLimit)
  }

  private static let environment: [String: String?] = [
    "LC_ALL": "C.UTF-8", "JAVA_TOOL_OPTIONS": nil, "_JAVA_OPTIONS": nil,
  ]

  private func words(_ tool: String, in folder: String) -> [String] {
    // Java's code that a database names is never loaded: a database is hostile.
    [
      "-Xshare:auto", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8",
      "-Dstdout.encoding=UTF-8", "-Dstdin.encoding=UTF-8",
      "-Dh2.allowedClasses=java.lang.Math,org.h2.tools.Recover,org.h2.command.dml.ScriptCommand",
      "-Djava.awt.headless=true", "-Djava.io.tmpdir=\(folder)", "-cp", jar, "org.h2.tools.\(tool)",
    ]
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
  var asOneLine: String { String(map { $0.isNewline ? " " : $0 }) }
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
