/// Mends findings of certain codes on a working copy, and declares what that costs. One repair, one file; it describes itself.
public protocol Repair: Sendable {
  /// What the repair says of itself.
  var description: PluginDescription { get }

  /// Whether it works on a copy alone, also where a server could undo all of it at once.
  var needsCopy: Bool { get }

  /// What the repair would do about these findings, and at what cost; nil when it has nothing to offer. Reads only.
  func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer?

  /// Carries the offer out on the working copy of the context. Whether it worked is for the checks to say, which run next.
  func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome
}

extension Repair {
  /// Most go through the store's driver, which makes each step whole or not at all.
  public var needsCopy: Bool { false }
}

/// What a repair proposes for the findings at hand.
public struct RepairOffer: Sendable, Hashable {
  /// The worst that it costs here.
  public var loss: Loss
  /// What it costs where that much is allowed, to keep more than it could else. Repairs are chosen by `loss`.
  public var allowedLoss: Loss?
  /// The findings that it would mend, of those it was asked about. Without any, the reason alone is told: why it leaves them.
  public var mends: [Finding]
  /// Why, in one sentence: what will be done and what makes it cost what it costs.
  public var reason: String
  /// Where in the order of repairs it belongs: a lower one runs first.
  public var order: Int
  /// Whether the repair puts a whole new store in the place of the working copy, so that nothing of it needs to be readable.
  public var replacesStore: Bool
  /// Sentences on the single things that will be done, for who asks for the plan.
  public var details: [String]

  /// An offer; see the properties.
  public init(
    loss: Loss, allowedLoss: Loss? = nil, mends: [Finding], reason: String, order: Int = 50,
    replacesStore: Bool = false,
    details: [String] = []
  ) {
    self.loss = loss
    self.allowedLoss = allowedLoss
    self.mends = mends
    self.reason = reason
    self.order = order
    self.replacesStore = replacesStore
    self.details = details
  }
}

/// What a repair did.
public struct RepairOutcome: Sendable, Hashable {
  /// Table by table, for the tables that were touched.
  public var rows: [String: RowTally]
  /// Sentences for the report.
  public var notes: [String]

  /// An outcome; see the properties.
  public init(rows: [String: RowTally] = [:], notes: [String] = []) {
    self.rows = rows
    self.notes = notes
  }
}

/// What a repair may know and use.
public final class RepairContext {
  /// Which store it is.
  public let store: StoreIdentity
  /// The store's driver.
  public let driver: any Driver
  /// The path that may be read: while planning the store's own, or the working copy's once a repair was accepted; the working
  /// copy's while mending.
  public let path: String
  /// A folder for the repair's own temporary files, on the volume of the working copy; nil while planning.
  public let scratch: String?
  /// The archives of the store.
  public let backups: (any Backups)?
  /// The text that `schema:` of the configuration or `--schema` names, with its path.
  public let schema: SchemaText?
  /// The repairs that the operator asked for by name.
  public let askedFor: Set<String>
  /// How long to wait for a lock, in seconds.
  public let patience: Double
  /// The most that a repair may cost.
  public let maxLoss: Loss
  /// Whether the operator wants to know of each row where it came from, in a table of the result.
  public let tellsProvenance: Bool
  /// What the checks found in the store before any repair.
  public let found: [Finding]

  /// A context; see the properties.
  public init(
    store: StoreIdentity, driver: any Driver, path: String, scratch: String?, backups: (any Backups)?,
    schema: SchemaText?, askedFor: Set<String> = [], patience: Double = 5, maxLoss: Loss = .rows,
    tellsProvenance: Bool = false, found: [Finding] = []
  ) {
    self.store = store
    self.driver = driver
    self.path = path
    self.scratch = scratch
    self.backups = backups
    self.schema = schema
    self.askedFor = askedFor
    self.patience = patience
    self.maxLoss = maxLoss
    self.tellsProvenance = tellsProvenance
    self.found = found
  }
}

extension RepairContext {
  /// Whether the store's kind is written to in SQL.
  public var answersSQL: Bool { driver is any SQLDriver }

  /// The driver as one that writes SQL. Throws where the store's kind answers none.
  public func sqlDriver() throws(Problem) -> any SQLDriver {
    if let driver = driver as? any SQLDriver { return driver }
    throw Problem(
      .unsupported, tried: "write SQL to", on: path, said: "a store of kind \(driver.description.id) answers none")
  }
}

/// The definitions that lost tables are made from again.
public struct SchemaText: Sendable, Hashable {
  /// Where it was read.
  public var path: String
  /// Its statements.
  public var text: String

  /// A text and where it was read.
  public init(path: String, text: String) {
    self.path = path
    self.text = text
  }
}
