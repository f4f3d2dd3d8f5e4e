import MendKit
import TestSupport

extension Ordeal {
  /// Writers in other processes transfer between accounts at full speed while dbmend checks, archives, repairs and runs commands.
  static let liveLoad = Ordeal("live-load", "writers at full speed in other processes, SQLite") { effort in
    let folder = try TemporaryFolder("dbmend-live")
    let program = try TransferProgram.make(in: folder)
    var outcome = Outcome()
    var tally = LiveTally()
    var random = effort.random("live-load")
    for index in 0..<(effort.only == nil ? Int.max : 2_000) {
      if effort.isOver { break }
      let scenario = index < LiveScenario.first.count ? LiveScenario.first[index] : LiveScenario(&random)
      let name = "\(index)-\(scenario.name)"
      guard effort.wants(name) else { continue }
      var trial = try LiveTrial(name, scenario, effort, transfer: program, tally: tally)
      try trial.run()
      outcome.add(trial.outcome)
      tally = trial.tally
      if effort.only != nil { break }
    }
    outcome.measures = tally.measures
    return outcome
  }
}

/// What the writers were kept from, and how often dbmend had to give up, over all trials.
struct LiveTally {
  private var modes: [String: (beside: Load.Phase, control: Load.Phase)] = [:]
  private var runs: [String: (all: Int, gaveUp: Int)] = [:]
  private var slowest = (command: "", seconds: 0.0)

  /// Adds what writers did beside dbmend, and beside an ordinary reader.
  mutating func add(_ beside: Load.Phase, control: Load.Phase, journal: String) {
    let mode = journal == "wal" ? "log" : "rollback journal"
    var sum = modes[mode] ?? (Load.Phase(), Load.Phase())
    sum.beside.add(beside)
    sum.control.add(control)
    modes[mode] = sum
  }

  /// Counts a run of a command.
  mutating func count(_ command: String, gaveUp isOver: Bool, seconds: Double) {
    var count = runs[command] ?? (0, 0)
    count.all += 1
    if isOver { count.gaveUp += 1 }
    runs[command] = count
    if seconds > slowest.seconds { slowest = (command, seconds) }
  }

  /// Words for the table.
  var measures: [String] {
    modes.sorted { $0.key < $1.key }.map { mode, sum in
      "\(mode): longest stall of a writer \(Self.milliseconds(sum.beside.longest)) beside dbmend, "
        + "\(Self.milliseconds(sum.control.longest)) beside an ordinary reader, at \(sum.beside.rate) and \(sum.control.rate) "
        + "transactions a second, \(sum.beside.errors) and \(sum.control.errors) of them refused"
    } + [
      "runs that found their moment: "
        + runs.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.all - $0.value.gaveUp) of \($0.value.all)" }
        .joined(separator: ", ") + "; the slowest (\(slowest.command)) took \(Self.milliseconds(slowest.seconds))"
    ]
  }

  private static func milliseconds(_ seconds: Double) -> String { "\(Int((seconds * 1000).rounded())) ms" }
}

extension Load.Phase {
  /// Adds another phase.
  mutating func add(_ other: Load.Phase) {
    transactions += other.transactions
    longest = max(longest, other.longest)
    errors += other.errors
    seconds += other.seconds
    if firstError == nil { firstError = other.firstError }
  }

  /// Transactions a second.
  var rate: Int { seconds > 0 ? Int(Double(transactions) / seconds) : 0 }
}
