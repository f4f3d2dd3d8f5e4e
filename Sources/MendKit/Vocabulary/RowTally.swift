/// What became of the rows of one table in a repair. Nothing is lost silently: every row that a repair touched is counted.
public struct RowTally: Sendable, Hashable {
  /// Rows as they were.
  public var kept: Int
  /// Rows rebuilt from an index.
  public var fromIndex: Int
  /// Rows taken from a backup.
  public var fromBackup: Int
  /// Rows moved to a table of their own.
  public var setAside: Int
  /// Rows that were there, or in the table's place in a backup, and are not any more. nil: nobody can count them.
  public var lost: Int?
  /// Where rows were lost, as far as the repair can say; a row within may be there all the same.
  public var lostRanges: [LostRange]

  /// A tally; each part is 0 when left out.
  public init(
    kept: Int = 0, fromIndex: Int = 0, fromBackup: Int = 0, setAside: Int = 0, lost: Int? = 0,
    lostRanges: [LostRange] = []
  ) {
    self.kept = kept
    self.fromIndex = fromIndex
    self.fromBackup = fromBackup
    self.setAside = setAside
    self.lost = lost
    self.lostRanges = lostRanges
  }
}

/// A range of a table's keys in which rows were lost.
public enum LostRange: Sendable, Hashable {
  /// Rows of a table that numbers them, from the first number to the last; nil where nothing bounds it.
  case rows(first: Int64?, last: Int64?)
  /// Rows between two keys, neither of which is lost; nil where nothing bounds it.
  case keys(above: [SQLValue]?, below: [SQLValue]?)
}
