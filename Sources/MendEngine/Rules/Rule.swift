import MendKit

extension Configuration {
  /// Says what becomes of findings that a condition names.
  public struct Rule: Sendable, Hashable {
    /// The findings that the rule is about.
    public var when: Condition
    /// Those of them that it is not about after all: one of these conditions is enough.
    public var unless: [Condition]
    /// The severity that the findings get; nil leaves it.
    public var severity: Severity?
    /// What mends them; nil leaves that to the planner.
    public var repair: RepairChoice?
    /// That they are known, and accepted until a day.
    public var acceptance: AcceptanceTerms?
    /// A command that runs when the rule decides findings.
    public var hook: String?
    /// Whether the findings are dropped altogether.
    public var isIgnored: Bool
    /// Where it stands: `dbmend.yaml:31`.
    public var origin: String?

    /// A rule; see the properties.
    public init(
      when: Condition, unless: [Condition] = [], severity: Severity? = nil, repair: RepairChoice? = nil,
      acceptance: AcceptanceTerms? = nil, hook: String? = nil, isIgnored: Bool = false, origin: String? = nil
    ) {
      self.when = when
      self.unless = unless
      self.severity = severity
      self.repair = repair
      self.acceptance = acceptance
      self.hook = hook
      self.isIgnored = isIgnored
      self.origin = origin
    }

    /// What the rule is called where somebody asks which one it was.
    var name: String { origin ?? "a rule" }
  }

  /// Which findings a rule is about. All that is given must hold. In texts `*` stands for any run of characters.
  public struct Condition: Sendable, Hashable {
    /// Which code; nil for every one.
    public var code: String?
    /// Which severities, before any rule spoke; empty for all.
    public var severities: [Severity] = []
    /// Which store, as `environment/name`; nil for every one.
    public var store: String?
    /// Which environment; likewise.
    public var environment: String?
    /// Which kind of store; likewise.
    public var kind: String?
    /// Which table; nil for every one, and for findings that name none.
    public var table: String?
    /// Which index; likewise.
    public var index: String?
    /// What the finding measured; each of these must hold.
    public var measured: [Comparison] = []

    /// A condition that holds for every finding, to be narrowed.
    public init() {}

    /// A condition; see the properties.
    public init(
      code: String? = nil, severities: [Severity] = [], store: String? = nil, environment: String? = nil,
      kind: String? = nil, table: String? = nil, index: String? = nil, measured: [Comparison] = []
    ) {
      self.code = code
      self.severities = severities
      self.store = store
      self.environment = environment
      self.kind = kind
      self.table = table
      self.index = index
      self.measured = measured
    }
  }

  /// What mends the findings of a rule.
  public struct RepairChoice: Sendable, Hashable {
    /// The repairs, in the order in which they are tried, before any other is thought of.
    public var ladder: [String]
    /// Whether no other repair may mend them. Without a ladder, nothing may.
    public var isFinal: Bool

    /// Repairs in the order in which they are tried, and whether there is nothing behind them.
    public init(_ ladder: [String], isFinal: Bool = false) {
      self.ladder = ladder
      self.isFinal = isFinal
    }

    /// Nothing may mend the findings.
    public static let none = RepairChoice([], isFinal: true)

    /// Whether a repair may mend them.
    func allows(_ repair: String) -> Bool { !isFinal || ladder.contains(repair) }
  }

  /// That findings are known and accepted until the end of a day.
  public struct AcceptanceTerms: Sendable, Hashable {
    /// The last day, in UTC.
    public var until: Day
    /// Why.
    public var because: String

    /// A last day, and a reason.
    public init(until: Day, because: String) {
      self.until = until
      self.because = because
    }
  }
}
