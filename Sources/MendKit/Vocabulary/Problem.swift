/// The error of every room: something was tried and did not work. A person who reads it knows what was tried, on what,
/// what the system said, and what to do next.
public struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
  /// What sort of failure it is. The command line turns it into an exit code, the engine into a verdict.
  public enum Kind: String, Sendable {
    /// Wrong use of the command line. Exit 2.
    case usage
    /// An error in the configuration. Exit 2.
    case configuration
    /// A path that is not there. A finding of severity error; exit 1.
    case missing
    /// Content that is damaged or of another kind than it should be. Exit 1.
    case damaged
    /// Refused by a rule of the pipeline (a hard link, a loss above `max_loss`); nothing was changed. Exit 1.
    case refused
    /// Another process holds a lock, or has the store open. Exit 3.
    case locked
    /// No permission. Exit 3.
    case denied
    /// An engine, program or file format that is not supported here. Exit 3.
    case unsupported
    /// No room on a device or within a quota. Exit 3.
    case noSpace
    /// No memory, no more open files or no more processes. Exit 3.
    case exhausted
    /// The store changed while it was read, and again on each new try. Exit 3.
    case changing
    /// An archive that is missing, truncated or altered. Exit 1.
    case archive
    /// A hook, a plugin or a program failed. Exit 3.
    case program
    /// Any other failure of the system. Exit 3.
    case system
  }

  /// The sort of failure.
  public var kind: Kind

  /// Whether it says nothing of a store or its backups: with more room, memory or quiet the same would have succeeded.
  public var isOfMachine: Bool { [.noSpace, .exhausted, .locked, .changing].contains(kind) }

  /// What was tried, as a verb phrase: "open the database".
  public var tried: String
  /// What it was tried on: a path, a table, a line of the configuration.
  public var subject: String
  /// What the system, the engine or the check said.
  public var said: String
  /// What a person can do next. A sentence, or nil where nothing useful can be said.
  public var advice: String?
  /// The finding's code, where the problem is reported as one.
  public var code: FindingCode?
  /// The processes that stand in the way.
  public var blockers: [Blocker]

  /// A problem; see the properties.
  public init(
    _ kind: Kind, tried: String, on subject: String, said: String, advice: String? = nil, code: FindingCode? = nil,
    blockers: [Blocker] = []
  ) {
    self.kind = kind
    self.tried = tried
    self.subject = subject
    self.said = said
    self.advice = advice
    self.code = code
    self.blockers = blockers
  }

  /// `could not TRIED SUBJECT: SAID. ADVICE`; the advice has a line of its own where what was said has several.
  public var description: String {
    let start = "could not \(tried) \(subject): \(said)"
    guard let advice else { return start }
    if said.contains("\n") { return start + "\n" + advice }
    return start + (start.hasSuffix(".") ? " " : ". ") + advice
  }
}

/// A process that keeps dbmend from a store.
public struct Blocker: Sendable, Hashable {
  /// The process id.
  public var pid: Int
  /// The program's name as the system knows it.
  public var program: String

  /// A process by id and name.
  public init(pid: Int, program: String) {
    self.pid = pid
    self.program = program
  }
}
