import MendKit

/// Whether the store is about as large as it should be.
public struct SizeCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "size",
    title: "the store is as large as it should be, and not suddenly smaller",
    discussion: """
      The size is that of the store's content: of its file, with what a log holds folded in. `max_drop` is the largest share \
      of it that may have gone since the newest good archive; without an archive nothing is compared. A document that a program \
      wrote over with an empty one is sound in itself: this is what finds it.
      """,
    kind: .check,
    finds: [
      FindingDescription(
        "size.below-minimum", .error, "the store is smaller than it should be", measures: [.size], isOfStore: true),
      FindingDescription(
        "size.above-maximum", .error, "the store is larger than it should be", measures: [.size], isOfStore: true),
      FindingDescription(
        "size.dropped", .error, "the store lost too much of its size since the newest good archive",
        measures: [.size, MeasureDescription("drop", "%", "the share of its size that it lost", in: 0...100)],
        isOfStore: true),
    ],
    options: [
      OptionDescription("minimum", .size, "the least size"),
      OptionDescription("maximum", .size, "the largest size"),
      OptionDescription(
        "max_drop", .share, "the largest share of its size that it may have lost since the newest good archive"),
    ],
    examples: Self.examples)

  /// The check.
  public init() {}

  /// What is wrong with the size.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    let bytes = try context.session().facts.bytes
    let evidence = "\(bytes) bytes"
    let size = Measure("size", Double(bytes), unit: "B")
    let has = "the store has \(Wording.count(bytes, "byte"))"
    var findings: [Finding] = []
    if let minimum = options.bytes("minimum"), bytes < minimum {
      findings.append(
        Finding(
          "size.below-minimum", .error, has + ", fewer than the \(minimum) that it should", evidence: evidence,
          measures: [size]))
    }
    if let maximum = options.bytes("maximum"), bytes > maximum {
      findings.append(
        Finding(
          "size.above-maximum", .error, has + ", more than the \(maximum) that it should", evidence: evidence,
          measures: [size]))
    }
    if let share = options.share("max_drop"), let backup = try context.backups?.newestGood(), backup.bytes > 0,
      Double(backup.bytes - bytes) > share * Double(backup.bytes)
    {
      findings.append(
        Finding(
          "size.dropped", .error,
          has + "; \(backup.bytes) were there at \(UTCTime(seconds: backup.taken).iso), and it may lose a share of "
            + "\(Int((share * 100).rounded())) %", evidence: evidence,
          measures: [
            size, Measure("drop", Double(backup.bytes - bytes) / Double(backup.bytes) * 100, unit: "%"),
          ]))
    }
    return findings
  }
}

extension MeasureDescription {
  fileprivate static let size = MeasureDescription("size", "B", "the size of the store's content")
}

extension SizeCheck {
  private static let script = #"{"lessons": ["measure twice", "cut once", "keep the receipt"]}"#

  private static let examples = [
    Example(
      "as large as before", kind: "json", script: script, afterBackup: "",
      options: [OptionPair("max_drop", .string("20%")), OptionPair("minimum", .integer(10))]),
    Example(
      "a document that was written over", kind: "json", script: script, afterBackup: "{}",
      options: [OptionPair("max_drop", .string("50%"))], finds: ["size.dropped"]),
    Example(
      "a document that is too small", kind: "json", script: script,
      options: [OptionPair("minimum", .string("1kB"))], finds: ["size.below-minimum"]),
    Example(
      "a database that is too large", script: "create table t(a);", options: [OptionPair("maximum", .integer(1000))],
      finds: ["size.above-maximum"]),
  ]
}
