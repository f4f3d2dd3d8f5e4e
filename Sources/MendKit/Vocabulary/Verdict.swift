/// What a run says of a store, and of all its stores together.
public enum Verdict: String, Sendable, Codable, CaseIterable {
  /// No finding as severe as `--fail-on` says.
  case healthy
  /// Was damaged; a verified repair is in its place.
  case repaired
  /// Findings remain; nothing was changed, or the change was undone.
  case damaged
  /// The store could not be checked: locked, no permission, no such engine, disk full, an unsupported schema.
  case unchecked

  /// The verdict of several stores together: what could not be checked outranks damage, damage outranks a repair.
  public static func combined(_ verdicts: some Sequence<Verdict>) -> Verdict {
    let order: [Verdict] = [.healthy, .repaired, .damaged, .unchecked]
    let worst = verdicts.map { order.firstIndex(of: $0) ?? 0 }.max() ?? 0
    return order[worst]
  }
}
