/// The table that `scripts/torture` prints, in Markdown, so that it can stand in `docs/guarantees.md`.
public enum Table {
  /// The head of the table.
  public static let head = """
    | what | trials | broken | seconds | measured |
    | --- | ---: | ---: | ---: | --- |
    """

  /// The line of an ordeal that was run.
  public static func line(_ ordeal: Ordeal, _ outcome: Ordeal.Outcome, seconds: Double) -> String {
    "| \(ordeal.title) | \(outcome.trials) | \(outcome.failures.count) | \(Int(seconds.rounded())) "
      + "| \(outcome.measures.joined(separator: "; ")) |"
  }

  /// The line of an ordeal that could not be run.
  public static func line(_ ordeal: Ordeal, error: any Error) -> String { "| \(ordeal.title) | | | | **\(error)** |" }
}
