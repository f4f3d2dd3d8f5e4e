/// What a run says of all its stores: the content of every format that reports are rendered in.
public struct Report: Sendable {
  /// The verdict of all stores together.
  public var verdict: Verdict
  /// How long the run took.
  public var seconds: Double
  /// Store by store.
  public var stores: [StoreReport]
  /// What became of the command after `--`; nil when there was none or it was not started.
  public var command: CommandOutcome?
  /// What happened that belongs to no store: an earlier run that died and was cleaned up after, a hook that failed.
  public var notes: [String]
  /// What made the run stop, if anything did.
  public var problems: [Problem]

  /// A report; see the properties.
  public init(
    verdict: Verdict = .healthy, seconds: Double = 0, stores: [StoreReport] = [], command: CommandOutcome? = nil,
    notes: [String] = [], problems: [Problem] = []
  ) {
    self.verdict = verdict
    self.seconds = seconds
    self.stores = stores
    self.command = command
    self.notes = notes
    self.problems = problems
  }

  /// How the command after `--` ended.
  public struct CommandOutcome: Sendable, Hashable {
    /// The exit code; 127 for a command that is not there, 128 + signal for one that was killed.
    public var exit: Int
    /// The command's words.
    public var words: [String]

    /// An exit code and the command's words.
    public init(exit: Int, words: [String]) {
      self.exit = exit
      self.words = words
    }
  }
}

/// What a run says of one store.
public struct StoreReport: Sendable {
  /// Which store.
  public var store: StoreIdentity
  /// The kind, as its driver's id; nil when no driver knows it.
  public var kind: String?
  /// The path as the user wrote it.
  public var path: String
  /// What the run says of the store.
  public var verdict: Verdict
  /// The store's size in bytes; nil when it is not there.
  public var bytes: Int?
  /// Rows by table, where they were counted.
  public var tables: [String: Int]
  /// Check by check, in the order in which they ran.
  public var checks: [CheckOutcome]
  /// What was found, mended findings included.
  public var findings: [Finding]
  /// The repairs that were chosen, in order.
  public var plan: [PlannedRepair]
  /// The archive that was taken of it, or that already held this content.
  public var archive: String?
  /// The processes that kept dbmend from the store.
  public var blockedBy: [Blocker]
  /// What became of its rows, table by table, for tables that a repair or a put-back touched.
  public var rows: [String: RowTally]
  /// Why it could not be checked, mended or put back.
  public var problems: [Problem]
  /// Sentences about what was done.
  public var notes: [String]
  /// Whether its content was put back after a command failed.
  public var wasPutBack: Bool
  /// Whether its content should have been put back after a command failed, and could not be; `archive` holds it.
  public var couldNotBePutBack = false
  /// The least `max_loss` with which findings that remain could be mended; nil when more loss would not help.
  public var neededLoss: Loss?
  /// Which rule decided what, and why a repair would be planned as it would; nil where nobody asked.
  public var explained: StoreExplanation?

  /// A report of a store; see the properties.
  public init(
    store: StoreIdentity, kind: String? = nil, path: String, verdict: Verdict = .healthy, bytes: Int? = nil,
    tables: [String: Int] = [:], checks: [CheckOutcome] = [], findings: [Finding] = [], plan: [PlannedRepair] = [],
    archive: String? = nil, blockedBy: [Blocker] = [], rows: [String: RowTally] = [:], problems: [Problem] = [],
    notes: [String] = [], wasPutBack: Bool = false
  ) {
    self.store = store
    self.kind = kind
    self.path = path
    self.verdict = verdict
    self.bytes = bytes
    self.tables = tables
    self.checks = checks
    self.findings = findings
    self.plan = plan
    self.archive = archive
    self.blockedBy = blockedBy
    self.rows = rows
    self.problems = problems
    self.notes = notes
    self.wasPutBack = wasPutBack
  }
}

/// How one check of one store went.
public struct CheckOutcome: Sendable, Hashable {
  /// The check's id; for a repeatable check with its name: `sql: orphan orders`.
  public var check: String
  /// Healthy, damaged, or unchecked when it could not run.
  public var verdict: Verdict
  /// How long it took.
  public var seconds: Double
  /// Which way it verified the parts of the store; nil where there is one way only.
  public var verified: VerificationAccount?
  /// What the check has to say of the store, in a line; nil for one that says nothing but its findings.
  public var said: String?
  /// What it measured.
  public var measures: [Measure] = []

  /// An outcome of a check.
  public init(check: String, verdict: Verdict, seconds: Double, verified: VerificationAccount? = nil) {
    self.check = check
    self.verdict = verdict
    self.seconds = seconds
    self.verified = verified
  }
}

/// One step of a plan.
public struct PlannedRepair: Sendable, Hashable {
  /// The repair's id.
  public var repair: String
  /// What it costs here, at worst.
  public var loss: Loss
  /// The codes of the findings that it is to mend.
  public var because: [FindingCode]
  /// Why this repair, in one sentence.
  public var reason: String
  /// What became of it; nil when the plan was only explained.
  public var outcome: Outcome?

  /// How a step ended.
  public enum Outcome: String, Sendable {
    /// The findings are gone.
    case mended
    /// The repair ran, but findings remain.
    case insufficient
    /// The repair could not be carried out.
    case failed
  }

  /// A step of a plan.
  public init(repair: String, loss: Loss, because: [FindingCode], reason: String, outcome: Outcome? = nil) {
    self.repair = repair
    self.loss = loss
    self.because = because
    self.reason = reason
    self.outcome = outcome
  }
}
