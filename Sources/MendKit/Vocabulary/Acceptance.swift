/// That a finding is known and accepted until the end of a day: until then it is no damage and is not mended, and every report
/// says so. Afterwards the finding is an error.
public struct Acceptance: Sendable, Hashable {
  /// The last day, in UTC.
  public var until: Day
  /// Why it is accepted: a ticket, a name.
  public var because: String
  /// Where the rule stands that accepts it: `dbmend.yaml:12`.
  public var rule: String?
  /// How many days come after this one until it ends; 0 on the last day.
  public var daysLeft: Int

  /// An acceptance; see the properties.
  public init(until: Day, because: String, rule: String?, daysLeft: Int) {
    self.until = until
    self.because = because
    self.rule = rule
    self.daysLeft = daysLeft
  }

  /// From so many days before the end on, reports warn of it: two weeks, so that who looks once a week sees it in time.
  public static let warningDays = 14

  /// Whether it ends so soon that a report warns of it.
  public var endsSoon: Bool { daysLeft < Self.warningDays }

  /// `accepted until 2026-12-31: ticket 4711`, and near the end how many days are left.
  public var words: String {
    let left =
      switch daysLeft {
      case 0: " (today is the last day)"
      case 1: " (1 more day)"
      default: endsSoon ? " (\(daysLeft) more days)" : ""
      }
    return "accepted until \(until): \(because)\(left)"
  }
}
