/// Why a run says of a store what it says: what `check --explain` shows.
public struct StoreExplanation: Sendable, Hashable {
  /// Check by check, finding by finding.
  public var findings: [Explanation]
  /// What a repair would be planned for what is damaged; nil where nothing is.
  public var plan: PlanExplanation?

  /// An explanation of findings and of a plan.
  public init(findings: [Explanation], plan: PlanExplanation? = nil) {
    self.findings = findings
    self.plan = plan
  }
}

/// Which rule decided what of a finding.
public struct Explanation: Sendable, Hashable {
  /// The store.
  public var store: StoreIdentity
  /// The check, as reports list it.
  public var check: String
  /// Where the check is asked for; nil for one of the checks that every path gets.
  public var origin: String?
  /// What was found, before any rule spoke; nil for a check that found nothing.
  public var finding: Finding?
  /// What was decided and by what, in a few words.
  public var decision: String
  /// The severity that was decided; nil where a rule drops the finding, or nothing was found.
  public var severity: Severity?
  /// Where the rule stands that decided; nil where none held.
  public var rule: String?
  /// The repairs that the rule wants, in the order in which they are tried.
  public var repairs: [String] = []
  /// Whether the rule wants no other repair than these.
  public var isFinal = false
  /// The rule's own command.
  public var hook: String?
  /// That the rule accepts the finding.
  public var acceptance: Acceptance?
  /// The rules before it, or all of them where none held, that did not hold.
  public var passedOver: [PassedOver] = []

  /// An explanation; see the properties.
  public init(store: StoreIdentity, check: String, origin: String?, finding: Finding?, decision: String) {
    self.store = store
    self.check = check
    self.origin = origin
    self.finding = finding
    self.decision = decision
  }

  /// A rule that did not hold for a finding.
  public struct PassedOver: Sendable, Hashable {
    /// Where it stands.
    public var rule: String
    /// Why it did not hold.
    public var because: String
    /// Whether it is for findings of other codes, of which there is nothing more to say.
    public var isForOtherCodes: Bool

    /// A rule, and why it did not hold.
    public init(rule: String, because: String, isForOtherCodes: Bool) {
      self.rule = rule
      self.because = because
      self.isForOtherCodes = isForOtherCodes
    }
  }
}

/// Why a repair would be planned as it would.
public struct PlanExplanation: Sendable, Hashable {
  /// What would be done, in order.
  public var steps: [PlannedRepair]
  /// Every repair that was thought of.
  public var considered: [Considered]
  /// What nothing that is allowed mends.
  public var left: [Left]
  /// The least `max_loss` with which what is left could be mended; nil when more loss would not help.
  public var neededLoss: Loss?

  /// An explanation; see the properties.
  public init(steps: [PlannedRepair], considered: [Considered], left: [Left], neededLoss: Loss?) {
    self.steps = steps
    self.considered = considered
    self.left = left
    self.neededLoss = neededLoss
  }

  /// A repair that was thought of.
  public struct Considered: Sendable, Hashable {
    /// The repair's id.
    public var repair: String
    /// What it would cost at worst; nil where it has nothing to offer.
    public var loss: Loss?
    /// The codes of the findings that it would mend.
    public var mends: [FindingCode]
    /// Whether the plan has it.
    public var isChosen: Bool
    /// Why the plan has it, or why it was left aside.
    public var because: String

    /// A repair, and what became of its offer; see the properties.
    public init(repair: String, loss: Loss?, mends: [FindingCode], isChosen: Bool, because: String) {
      self.repair = repair
      self.loss = loss
      self.mends = mends
      self.isChosen = isChosen
      self.because = because
    }
  }

  /// A finding that no step of the plan mends.
  public struct Left: Sendable, Hashable {
    /// The finding.
    public var finding: Finding
    /// Why nothing mends it.
    public var because: String

    /// A finding, and why nothing mends it.
    public init(finding: Finding, because: String) {
      self.finding = finding
      self.because = because
    }
  }
}
