import Foundation
import MendKit
import TestSupport

extension Ordeal {
  /// Every call of the program to the system fails once.
  static let faults = Ordeal("faults", "every call fails once") { effort in
    let interposer = try Interposer()
    var outcome = Outcome()
    var all = 0
    var endings: [String: Int] = [:]
    let kinds = (Pipeline.all + Pipeline.reading).filter { pipeline in
      effort.only.map { $0.hasPrefix(pipeline.name + ": ") } ?? true
    }
    for (index, pipeline) in kinds.enumerated() {
      let site = try PipelineSite(pipeline, program: effort.program, interposer)
      let share = effort.share(effort.left / Double(kinds.count - index))
      let trials = FaultTrial.all(of: site.counts, effort.only == nil ? effort.random(pipeline.name) : nil)
      all += trials.count
      for trial in trials {
        if share.isOver { break }
        let name = "\(pipeline.name): \(trial)"
        guard effort.wants(name) else { continue }
        try site.reset()
        let run = try site.run(.fault(trial.calls, trial.number, trial.fault))
        // Threads make that some runs have fewer calls.
        guard run.wasReached else { continue }
        let (ending, words) = try FaultTrial.judge(run, trial, site)
        endings[ending, default: 0] += 1
        outcome.count(words.map { Failure(name, "\(trial) (\(run.call)): \($0)\n\(run.result.output)\(run.result.errors)") })
      }
    }
    outcome.measures = [
      "\(outcome.trials) of \(all) calls of \(kinds.count) pipelines",
      endings.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", "),
    ]
    return outcome
  }
}

/// One call that fails.
private struct FaultTrial: CustomStringConvertible {
  let calls: Interposer.Calls
  let number: Int
  let fault: Interposer.Fault

  var description: String {
    let what =
      switch fault {
      case .half: "half"
      case .error(let code): FaultTrial.names[code] ?? String(code)
      }
    return "\(calls) \(number) \(what)"
  }

  private static let names = [
    ENOSPC: "ENOSPC", EIO: "EIO", EDQUOT: "EDQUOT", EMFILE: "EMFILE", ENOMEM: "ENOMEM", EAGAIN: "EAGAIN", EINTR: "EINTR",
  ]

  private static func faults(of calls: Interposer.Calls) -> [Interposer.Fault] {
    switch calls {
    case .write: [.error(ENOSPC), .error(EIO), .error(EDQUOT), .error(EINTR), .half]
    case .sync: [.error(EIO), .error(ENOSPC)]
    case .name: [.error(ENOSPC), .error(EIO), .error(EDQUOT)]
    case .read: [.error(EIO), .error(EINTR), .half]
    case .open: [.error(EMFILE), .error(EIO)]
    case .map, .alloc: [.error(ENOMEM)]
    case .thread: [.error(EAGAIN)]
    }
  }

  /// Every call with every fault; with random numbers in an order of which any beginning has the same share of every class of
  /// calls.
  static func all(of counts: Interposer.Counts, _ random: SeededRandom?) -> [FaultTrial] {
    var classes: [[FaultTrial]] = Interposer.Calls.allCases.map { calls in
      (0..<(counts.calls[calls] ?? 0)).flatMap { index in
        faults(of: calls).map { FaultTrial(calls: calls, number: index + 1, fault: $0) }
      }
    }
    guard let random else { return classes.flatMap { $0 } }
    for index in classes.indices { classes[index] = Ordeal.evenly(classes[index], random) }
    var trials: [FaultTrial] = []
    for turn in 0..<(classes.map(\.count).max() ?? 0) {
      for calls in classes where turn < calls.count { trials.append(calls[turn]) }
    }
    return trials
  }

  /// How a run ended in which the call failed, and what broke.
  static func judge(
    _ run: Interposer.Run, _ trial: FaultTrial, _ site: PipelineSite
  ) throws -> (ending: String, broken: String?) {
    let exit = run.result.exit
    if exit == 124 { return ("hung", "the run does not end") }
    if exit > 128 {
      // Memory that Swift itself cannot get ends the process.
      guard trial.calls == .alloc else { return ("crashed", "exit code \(exit)") }
      return ("died", try site.fault(afterDeath: Image(of: site.path)))
    }
    let now = try Image(of: site.path)
    if let words = try site.faultOfContent(now, isSettled: true) { return ("broke", "exit code \(exit), \(words)") }
    if exit == site.pipeline.exit {
      // A call that the run can do without, or that it made again.
      guard try site.isDone(now) else { return ("untrue", "exit code \(exit), and the work is not done") }
      if let words = site.leftovers(now) {
        let isTold = (run.result.output + run.result.errors).contains("which the next run tries again")
        guard isTold else { return ("left", "exit code \(exit), and \(words)") }
        return ("left for the next run", try site.fault(afterDeath: now))
      }
      return ("went on", nil)
    }
    guard exit == 3 || (exit == 5 && site.pipeline.exit == 4) else { return ("other", "exit code \(exit)") }
    if let words = unclear(run, trial) { return ("unclear", words) }
    return ("exit \(exit)", try site.fault(afterDeath: now))
  }

  /// Why a message is not clear; nil where it is.
  private static func unclear(_ run: Interposer.Run, _ trial: FaultTrial) -> String? {
    // Where the message itself could not be written, there is none.
    if run.call.hasSuffix("/err") || run.call.hasSuffix("/out") { return nil }
    guard case .error(let code) = trial.fault else { return nil }
    let words =
      [String(cString: strerror(code))]
      + (code == ENOMEM ? ["out of memory", "memory"] : [])
      // SQLite's words.
      + ["disk I/O error", "database or disk is full", "unable to open database file", "locking protocol"]
    let said = run.result.output + run.result.errors
    return words.contains { said.lowercased().contains($0.lowercased()) } ? nil : "the message does not say what the system said"
  }
}
