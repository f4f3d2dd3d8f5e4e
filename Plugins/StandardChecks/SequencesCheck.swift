import MendKit

/// Whether the sequences that keys are drawn from are there and ahead of the keys.
public struct SequencesCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "sequences",
    title: "every sequence is there and not behind the keys drawn from it",
    discussion: """
      A table that draws its keys from a sequence and has rows must have that sequence: without it, keys of deleted \
      rows are given out again. A sequence behind the largest key is a warning where the engine steps over the keys \
      in use, as SQLite does, and an error elsewhere, because there the next insertions fail.
      """,
    kind: .check,
    finds: [
      FindingDescription("sequence.missing", .error, "a table has rows, but its sequence is gone"),
      FindingDescription(
        "sequence.behind", .warning, "a sequence is behind the largest key; an error where that stops insertions",
        or: [.error], measures: [MeasureDescription("behind", "", "by how much it is behind the largest key")]),
    ],
    examples: [
      Example(
        "a sequence at its largest key",
        script: """
          create table users(id integer primary key autoincrement, name text);
          insert into users(name) values('Ada'), ('Grace');
          """),
      Example("an empty table", script: "create table users(id integer primary key autoincrement, name text);"),
      Example(
        "a sequence that is gone",
        script: """
          create table users(id integer primary key autoincrement, name text);
          insert into users(name) values('Ada'), ('Grace');
          delete from sqlite_sequence;
          """,
        finds: ["sequence.missing"]),
      Example(
        "a sequence behind the largest key",
        script: """
          create table users(id integer primary key autoincrement, name text);
          insert into users(name) values('Ada'), ('Grace');
          update sqlite_sequence set seq = 1;
          """,
        finds: ["sequence.behind"]),
    ])

  /// The check.
  public init() {}

  /// The findings on each sequence that the store has or should have.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    var findings: [Finding] = []
    for state in try context.session().sequences() {
      guard let largest = state.largestKey else { continue }
      let location = Finding.Location(table: state.table)
      guard let last = state.last else {
        findings.append(
          Finding(
            "sequence.missing", .error, at: location, "the table \(state.table) has rows, but its sequence is missing",
            evidence: "largest key \(largest)"))
        continue
      }
      guard last < largest else { continue }
      let next = state.engineRecovers ? "" : "; the next insertions will fail"
      findings.append(
        Finding(
          "sequence.behind", state.engineRecovers ? .warning : .error, at: location,
          "the sequence of \(state.table) is behind the table's largest key" + next,
          evidence: "sequence \(last), largest key \(largest)",
          measures: [Measure("behind", Double(largest) - Double(last))]))
    }
    return findings
  }
}
