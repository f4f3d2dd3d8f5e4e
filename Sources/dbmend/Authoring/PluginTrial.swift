import MendEngine
import MendExamples
import MendKit
import Synchronization

/// Everything that `dbmend plugins test` tries with a file, and how it went.
struct PluginTrial {
  /// One thing that was tried.
  struct Step {
    /// What was looked at: `description`, `example` or `request`.
    var part: String
    /// The plugin; nil where it is about the file.
    var plugin: String?
    /// What was tried.
    var title: String
    var isGood: Bool
    /// How it went, a line each.
    var said: [String] = []
  }

  let file: PluginFile
  private(set) var plugins: [String] = []
  private(set) var steps: [Step] = []

  var isGood: Bool { steps.allSatisfy(\.isGood) }

  /// Tries a file.
  init(_ given: PluginFile, registry: PluginRegistry) throws(Problem) {
    file = given
    // An answer that it cannot be done takes no long thought.
    var hurried = file
    hurried.limits.seconds = min(5, file.limits.seconds)
    let probe = try PluginProbe(hurried)
    let (described, complaints) = try probe.describe()
    plugins = described.map(\.description.id)
    steps.append(
      Step(
        part: "description", title: "describes itself", isGood: complaints.isEmpty && !described.isEmpty,
        said: complaints))
    guard !described.isEmpty else { return }
    let loaded: PluginRegistry
    do throws(Problem) {
      loaded = try OutsidePlugins().load([file], into: registry).registry
    } catch {
      steps.append(
        Step(part: "description", title: "stands beside the other plugins", isGood: false, said: [error.said]))
      return
    }
    for plugin in described {
      runExamples(of: plugin.description, loaded)
      runBattery(of: plugin, probe, loaded)
    }
  }

  private mutating func runExamples(of plugin: PluginDescription, _ registry: PluginRegistry) {
    let runner = ExampleRunner(registry, makers: ExampleMaker.standard)
    if plugin.examples.isEmpty {
      steps.append(
        Step(
          part: "example", plugin: plugin.id, title: "shows what it does", isGood: false, said: ["it has no examples"]))
    }
    for example in plugin.examples {
      var step = Step(part: "example", plugin: plugin.id, title: example.title, isGood: true)
      if ExampleMaker.standard[example.kind] == nil {
        let kinds = ExampleMaker.standard.keys.sorted().joined(separator: ", ")
        step.said = ["not run: stores of kind \(example.kind) are not made here, only \(kinds)"]
      } else {
        do {
          if let check = registry.check(plugin.id) {
            step.said = try runner.complaints(about: check, in: example)
          } else if let repair = registry.repair(plugin.id) {
            step.said = try runner.complaints(about: repair, in: example)
          }
        } catch {
          step.said = ["\(error)"]
        }
        step.isGood = step.said.isEmpty
      }
      steps.append(step)
    }
  }

  private mutating func runBattery(of plugin: PluginProbe.Plugin, _ probe: PluginProbe, _ registry: PluginRegistry) {
    let id = plugin.description.id
    do {
      let requests = try PluginBattery(probe: probe, plugin: plugin, registry: registry).requests()
      let asked = requests.map { Asked(request: $0, of: plugin.description) }
      let late = LateAnswers()
      let answers = Workers.map(asked.count, workers: Workers.processors) { asked[$0].answered(by: probe, late) }
      // The stores are there until the last answer is.
      withExtendedLifetime(requests) {}
      steps += answers
    } catch {
      steps.append(Step(part: "request", plugin: id, title: "makes requests", isGood: false, said: ["\(error)"]))
    }
  }
}

/// Counts the requests that a plugin did not answer in time: nobody waits for all of them.
private final class LateAnswers: Sendable {
  private static let most = 2
  private let number = Atomic(0)

  var areTooMany: Bool { number.load(ordering: .relaxed) >= Self.most }

  func count() { number.add(1, ordering: .relaxed) }
}

/// A request on its way to a plugin.
private struct Asked: Sendable {
  let title: String
  let plugin: String
  let kind: PluginDescription.Kind
  let bytes: [UInt8]
  let demand: PluginBattery.Demand
  let writable: [String]

  init(request: PluginBattery.Request, of plugin: PluginDescription) {
    title = request.title
    self.plugin = plugin.id
    kind = plugin.kind
    bytes = request.bytes
    demand = request.demand
    writable = request.store.map { [$0.folder.path] } ?? []
  }

  func answered(by probe: PluginProbe, _ late: LateAnswers) -> PluginTrial.Step {
    var step = PluginTrial.Step(part: "request", plugin: plugin, title: title, isGood: false)
    guard !late.areTooMany else {
      step.said = ["not sent: it did not answer others in time"]
      return step
    }
    do throws(Problem) {
      let answer = try probe.send(bytes, to: kind, writable: writable)
      if case .late = answer { late.count() }
      (step.isGood, step.said) = judge(answer)
    } catch {
      step.said = ["\(error)"]
    }
    return step
  }

  private func judge(_ answer: PluginProbe.Answer) -> (Bool, [String]) {
    switch (answer, demand) {
    case (.failure(let said), _), (.late(let said), _): (false, [said])
    case (.error(let said), _): (true, ["it could not: \(said)"])
    case (.reply, .refusal):
      (false, [#"it replied as if that had been right; {"error": {"said": "…"}} says that it could not be done"#])
    case (.reply(finds: 0), .noPass): (false, ["it replied that all is well, of a store that it cannot have read"])
    case (.reply(finds: 0), _): (true, ["it replied"])
    case (.reply(let count), _): (true, ["it replied with \(count == 1 ? "a finding" : "\(count) findings")"])
    }
  }
}
