import MendKit

/// What the process tells its caller, by the table of the command line.
public enum ExitCode: Int32, Sendable, CaseIterable {
  /// Healthy; or repaired, and verified healthy; and the command after `--`, if any, succeeded.
  case healthy = 0
  /// Findings remain; nothing was changed, or the change was undone.
  case damaged = 1
  /// Wrong use, or an error in the configuration.
  case usage = 2
  /// A store could not be checked, or something that the run needs is not to be had.
  case unchecked = 3
  /// The command after `--` failed, and every store has the content it had before it.
  case commandFailed = 4
  /// The same, and a store could not be put back.
  case notPutBack = 5

  /// Where several hold, the first of these is the code.
  private static let precedence: [ExitCode] = [.usage, .notPutBack, .commandFailed, .unchecked, .damaged, .healthy]

  /// The code of a run.
  public init(for report: Report) {
    var codes = report.problems.map { ExitCode(for: $0) }
    for store in report.stores {
      if store.couldNotBePutBack { codes.append(.notPutBack) }
      if store.wasPutBack { codes.append(.commandFailed) }
      codes += store.problems.map { ExitCode(for: $0) }
      switch store.verdict {
      case .healthy, .repaired: break
      case .damaged: codes.append(.damaged)
      case .unchecked: codes.append(.unchecked)
      }
    }
    if let command = report.command, command.exit != 0 { codes.append(.commandFailed) }
    self = ExitCode.precedence.first { codes.contains($0) } ?? .healthy
  }

  /// The code of a single problem.
  public init(for problem: Problem) {
    switch problem.kind {
    case .usage, .configuration: self = .usage
    case .missing, .damaged, .refused, .archive: self = .damaged
    case .locked, .denied, .unsupported, .noSpace, .exhausted, .changing, .program, .system: self = .unchecked
    }
  }
}
