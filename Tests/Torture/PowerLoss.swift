import MendKit
import TestSupport

extension Ordeal {
  /// Every state that the disk may be in when the power is lost during a pipeline.
  static let powerLoss = Ordeal("power-loss", "power lost at every moment") { effort in
    let interposer = try Interposer()
    var outcome = Outcome()
    var all = 0
    let kinds = Pipeline.all.filter { pipeline in effort.only.map { $0.hasPrefix(pipeline.name + ": ") } ?? true }
    for (index, pipeline) in kinds.enumerated() {
      let site = try PipelineSite(pipeline, program: effort.program, interposer)
      let share = effort.share(effort.left / Double(kinds.count - index))
      try site.reset()
      let before = try Image(of: site.path)
      let run = try site.run(.record)
      guard run.result.exit == pipeline.exit else { throw PreparationFailed("\(pipeline.name): recorded, \(run.result)") }
      let disk = try Disk(before, Trace(run.log), folder: site.path)
      // What was recorded is all that happened: replayed, it makes what the run made.
      let replayed = disk.image(Disk.State(moment: disk.count, loss: .nothing))
      if let path = difference(replayed, try Image(of: site.path)) {
        throw PreparationFailed("\(pipeline.name): something changed \(path) that was not recorded")
      }
      let states = disk.states
      all += states.count
      var seen: Set<Int> = []
      for state in effort.only == nil ? evenly(states, effort.random(pipeline.name)) : states {
        if share.isOver { break }
        let name = "\(pipeline.name): \(state)"
        guard effort.wants(name) else { continue }
        let image = disk.image(state)
        outcome.trials += 1
        guard seen.insert(image.fingerprint).inserted else { continue }
        try image.restore(to: site.path)
        guard let words = try site.fault(afterDeath: image) else { continue }
        outcome.failures.append(Failure(name, "\(disk.words(state)): \(words)"))
      }
    }
    outcome.measures = ["\(outcome.trials) of \(all) states of \(kinds.count) pipelines"]
    return outcome
  }

  /// A path at which two images differ; nil where they are the same. The memory that connections to a database share is none of
  /// its content.
  private static func difference(_ one: Image, _ other: Image) -> String? {
    Set(one.entries.keys).union(other.entries.keys).sorted().first { path in
      !path.hasSuffix("-shm") && one.entries[path]?.content != other.entries[path]?.content
    }
  }
}

extension Disk {
  /// A state in words.
  fileprivate func words(_ state: State) -> String {
    let lost =
      switch state.loss {
      case .nothing: "with nothing lost"
      case .all: "with all lost that was not synced"
      case .one(let number): "without '\(words(number))'"
      case .firstHalf(let number): "without the first half of '\(words(number))'"
      case .secondHalf(let number): "without the second half of '\(words(number))'"
      case .content(let number): "with zeros for '\(words(number))'"
      }
    return "before '\(words(state.moment))', \(lost)"
  }
}

extension Image {
  /// Equal for images of equal content.
  fileprivate var fingerprint: Int {
    var hasher = Hasher()
    for path in entries.keys.sorted() {
      hasher.combine(path)
      switch entries[path]?.content {
      case .file(let bytes): hasher.combine(bytes)
      case .link(let target): hasher.combine(target)
      default: hasher.combine(0)
      }
    }
    return hasher.finalize()
  }
}
