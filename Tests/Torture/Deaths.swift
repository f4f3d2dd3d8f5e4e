import MendKit
import TestSupport

extension Ordeal {
  /// `kill -9` before every change and every sync of every pipeline, and in the middle of every write.
  static let deaths = Ordeal("deaths", "killed at every step") { effort in
    let interposer = try Interposer()
    var outcome = Outcome()
    var steps = 0
    var done = 0
    let kinds = Pipeline.all.filter { pipeline in effort.only.map { $0.hasPrefix(pipeline.name + ": ") } ?? true }
    for (index, pipeline) in kinds.enumerated() {
      let site = try PipelineSite(pipeline, program: effort.program, interposer)
      let share = effort.share(effort.left / Double(kinds.count - index))
      var deaths: [(step: Int, isHalf: Bool)] = []
      for step in 1...max(1, site.counts.steps) {
        deaths.append((step, false))
        if site.counts.writes.contains(step) { deaths.append((step, true)) }
      }
      steps += deaths.count
      if effort.only == nil { deaths = evenly(deaths, effort.random(pipeline.name)) }
      for (step, isHalf) in deaths {
        if share.isOver { break }
        let name = "\(pipeline.name): step \(step)\(isHalf ? ", halfway" : "")"
        guard effort.wants(name) else { continue }
        try site.reset()
        let run = try site.run(.death(step: step, isHalf: isHalf))
        // The threads of a run need not come to their steps in the same order, so that there may be one less.
        guard run.result.exit == 128 + 9 || run.wasReached else { continue }
        done += 1
        let words = try site.fault(afterDeath: Image(of: site.path))
        outcome.count(words.map { Failure(name, "\(run.call): \($0)") })
      }
    }
    outcome.measures = ["\(done) of \(steps) moments of \(kinds.count) pipelines"]
    return outcome
  }

  /// An order in which any beginning is an even sample of the whole.
  static func evenly<Value>(_ values: [Value], _ random: SeededRandom) -> [Value] {
    var random = random
    return values.shuffled(using: &random)
  }
}
