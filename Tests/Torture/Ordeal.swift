import TestSupport

/// One way of trying to break a promise of `docs/guarantees.md`, by real runs of the program.
public struct Ordeal: Sendable {
  /// What `scripts/torture --only` calls it, in lower case with dashes.
  public let name: String
  /// What is tried, for the table.
  public let title: String
  let body: @Sendable (Effort) throws -> Outcome

  init(_ name: String, _ title: String, _ body: @escaping @Sendable (Effort) throws -> Outcome) {
    self.name = name
    self.title = title
    self.body = body
  }

  /// Tries. Throws only what kept the trying itself from being possible; what broke is in the outcome.
  public func run(_ effort: Effort) throws -> Outcome { try body(effort) }

  /// What came of it.
  public struct Outcome: Sendable {
    /// How many times the promise was put to the test.
    public var trials = 0
    /// What broke.
    public var failures: [Failure] = []
    /// What was measured on the way, such as the longest stall of a writer, for the table.
    public var measures: [String] = []

    init() {}

    /// Counts one trial, and what it broke, if anything.
    mutating func count(_ failure: Failure?) {
      trials += 1
      if let failure { failures.append(failure) }
    }

    /// Adds what other trials came to.
    mutating func add(_ other: Outcome) {
      trials += other.trials
      failures += other.failures
      measures += other.measures
    }
  }

  /// A promise that did not hold.
  public struct Failure: Sendable, CustomStringConvertible {
    /// Which trial: what `scripts/torture --only ORDEAL --case CASE` runs again.
    public let trial: String
    /// What was expected and what was found.
    public let words: String

    /// A failure of a trial; an empty name stands for all of the ordeal.
    public init(_ trial: String, _ words: String) {
      self.trial = trial
      self.words = words
    }

    /// The trial, and what broke.
    public var description: String { "\(trial): \(words)" }
  }
}
