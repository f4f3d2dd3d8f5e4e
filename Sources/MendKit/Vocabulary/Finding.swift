/// One thing that a check found in a store.
public struct Finding: Sendable, Hashable {
  /// What kind of thing it is.
  public var code: FindingCode
  /// How bad it is, after the rules of the configuration were applied.
  public var severity: Severity
  /// Where it is, as narrowly as the check can say.
  public var location: Location
  /// One sentence for a person.
  public var message: String
  /// What was read that shows it: the engine's own words, the values that differ, the bytes. Short.
  public var evidence: String?
  /// How many things of this kind and cause the finding stands for; at least 1.
  public var count: Int
  /// Whether a repair of this run mended it, and the checks that followed agree.
  public var mended: Bool
  /// Whether it is certain that it hides no row, so that mending it need not lose one. Set by drivers, of damage to pages.
  public var hidesNoRow = false
  /// Whether somebody may have meant it: then it is mended where the operator allows a repair to cost changes, and only then.
  public var isPerhapsMeant = false
  /// What was measured that shows it.
  public var measures: [Measure] = []
  /// That a rule accepts it, as known, until a day that has not passed; nil for one that counts.
  public var acceptance: Acceptance?
  /// The check that found it, as reports list it (`CheckOutcome.check`); nil until the rule engine has set it.
  public var check: String?

  /// What tells the check that found it from others of its kind, where the configuration may name several (`sql`, `command`);
  /// nil for any other. Set by the rule engine.
  public var name: String?

  /// A finding; see the properties.
  public init(
    _ code: FindingCode, _ severity: Severity, at location: Location = Location(), _ message: String,
    evidence: String? = nil, count: Int = 1, mended: Bool = false, measures: [Measure] = []
  ) {
    self.code = code
    self.severity = severity
    self.location = location
    self.message = message
    self.evidence = evidence
    self.count = count
    self.mended = mended
    self.measures = measures
  }

  /// The part of a store that a finding speaks of. Every part is optional.
  public struct Location: Sendable, Hashable {
    /// The table's name.
    public var table: String?
    /// The index's name.
    public var index: String?
    /// The column's name, or several joined with a comma.
    public var column: String?
    /// The rowid.
    public var row: Int64?
    /// The row's key as text, where the table has no rowid.
    public var key: String?
    /// The page's number, from 1.
    public var page: Int?
    /// The byte's offset from the start of the file, from 0.
    public var byte: Int?
    /// A file other than the store's own: a member of a folder, a sidecar.
    public var file: String?
    /// The place of the byte in a text.
    public var text: TextPosition?

    /// A location; every part may be left out.
    public init(
      table: String? = nil, index: String? = nil, column: String? = nil, row: Int64? = nil, key: String? = nil,
      page: Int? = nil, byte: Int? = nil, file: String? = nil
    ) {
      self.table = table
      self.index = index
      self.column = column
      self.row = row
      self.key = key
      self.page = page
      self.byte = byte
      self.file = file
    }
  }

  /// A place in a text.
  public struct TextPosition: Sendable, Hashable {
    /// The line, from 1.
    public var line: Int
    /// The character in the line, from 1.
    public var character: Int

    /// A place; see the properties.
    public init(line: Int, character: Int) {
      self.line = line
      self.character = character
    }
  }

  /// Whether it stands against its store: as severe as that, neither mended nor accepted.
  public func counts(from severity: Severity) -> Bool {
    self.severity >= severity && !mended && acceptance == nil
  }

  /// Whether two findings, of two runs, speak of the same trouble: the same code at the same place, of the same query or
  /// command. Counts, severities and words may differ.
  public func isSameTrouble(as other: Finding) -> Bool {
    code == other.code && location.table == other.location.table && location.index == other.location.index
      && location.column == other.location.column && location.file == other.location.file && name == other.name
  }
}
