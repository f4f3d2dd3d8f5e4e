import MendKit
import MendReport

/// The streams of the process and what they can show. Everything that a run says goes through here, in few large writes.
struct Console: Sendable {
  /// What standard output can show.
  var outputStyle: TextStyle
  /// What standard error can show.
  var errorStyle: TextStyle
  /// Whether standard error is a terminal that progress may be shown on.
  var showsProgress: Bool
  /// Whether someone sits before it who can answer a question.
  var canAsk: Bool

  /// The process's own streams.
  init(environment: Environment, noColor: Bool) {
    let isUnicode = Self.isUnicode(environment)
    let wantsColour = !noColor && environment["NO_COLOR"] == nil && environment["TERM"] != "dumb"
    outputStyle = TextStyle(isColoured: wantsColour && isatty(STDOUT_FILENO) == 1, isUnicode: isUnicode)
    errorStyle = TextStyle(isColoured: wantsColour && isatty(STDERR_FILENO) == 1, isUnicode: isUnicode)
    showsProgress = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"
    canAsk = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1
  }

  /// Whether the locale's character encoding is UTF-8, by the variables in the order of POSIX (Base Definitions, 8.2).
  static func isUnicode(_ environment: Environment) -> Bool {
    let locale = environment["LC_ALL"] ?? environment["LC_CTYPE"] ?? environment["LANG"] ?? "C"
    let lower = locale.lowercased()
    return lower.hasSuffix("utf-8") || lower.hasSuffix("utf8") || lower.contains("utf-8@") || lower.contains("utf8@")
  }

  /// Writes to standard output.
  func write(_ text: String) throws(Problem) { try Self.write(text, to: STDOUT_FILENO, "standard output") }

  /// Writes to standard error. There is nowhere to tell of a failure.
  func complain(_ text: String) { try? Self.write(text, to: STDERR_FILENO, "standard error") }

  /// Tells a problem on standard error.
  func complain(_ problem: Problem) {
    complain(ProblemText(errorStyle).lines(problem).joined(separator: "\n") + "\n")
  }

  /// Asks a question that only `y` or `yes` answers with yes.
  func confirms(_ question: String) -> Bool {
    complain(question + " [y/N] ")
    guard let answer = readLine() else { return false }
    return ["y", "yes"].contains(answer.lowercased())
  }

  /// Writes the whole of a text to a descriptor.
  static func write(_ text: String, to descriptor: Int32, _ name: String) throws(Problem) {
    var text = text
    let failure: Int32? = text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let count = systemWrite(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
        if count < 0 {
          if errno == EINTR { continue }
          return errno
        }
        done += count
      }
      return nil
    }
    guard let failure else { return }
    var problem = SystemError.problem("write to", name, failure)
    problem.advice = nil
    // Whoever reads the output has seen enough; the run itself is not at fault.
    if failure == EPIPE { problem.code = "output.closed" }
    throw problem
  }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
