import MendKit
import MendReport

/// How a file of plugins did in its test, for people and for programs.
struct PluginTrialText {
  private let trial: PluginTrial
  private let style: TextStyle

  init(_ trial: PluginTrial, _ style: TextStyle) {
    self.trial = trial
    self.style = style
  }

  /// A line for each thing that was tried, with what went wrong below it; all that was said with `verbose`.
  func text(_ detail: ReportContext.Detail) -> String {
    var text = ""
    var plugin: String?
    for step in trial.steps where detail != .quiet || !step.isGood {
      if step.plugin != plugin, let id = step.plugin {
        text += "\(style.paint(style.harmless(id), .strong))\n"
        plugin = id
      }
      let role: TextStyle.Role = step.isGood ? .good : .bad
      let mark = style.paint(style.mark(step.isGood ? .good : .bad), role)
      text += "  \(mark) \(Self.part(step)): \(style.harmless(step.title))\n"
      for line in step.said where !step.isGood || detail == .verbose {
        text += "      \(style.harmless(shortened(line, detail)))\n"
      }
    }
    return text + summary + "\n"
  }

  private var summary: String {
    let bad = trial.steps.count { !$0.isGood }
    let names = trial.plugins.isEmpty ? "no plugin" : trial.plugins.joined(separator: ", ")
    let tried = Words.count(trial.steps.count, "thing") + " tried"
    let end = bad == 0 ? style.paint("all well", .good) : style.paint("\(bad) went wrong", .bad)
    return "\(style.harmless(trial.file.writtenPath)): \(style.harmless(names)); \(tried), \(end)"
  }

  private static func part(_ step: PluginTrial.Step) -> String { step.part }

  private func shortened(_ line: String, _ detail: ReportContext.Detail) -> String {
    detail == .verbose || line.count <= 400 ? line : line.prefix(400) + style.mark(.more)
  }

  /// The same for a program.
  var json: JSONValue {
    .object([
      "format": .string("dbmend.plugin-test/1"),
      "file": .string(trial.file.writtenPath),
      "plugins": .array(trial.plugins.map { .string($0) }),
      "good": .boolean(trial.isGood),
      "tried": .array(
        trial.steps.map { step in
          .object([
            "part": .string(step.part), "plugin": step.plugin.map { .string($0) }, "title": .string(step.title),
            "good": .boolean(step.isGood), "said": step.said.isEmpty ? nil : .array(step.said.map { .string($0) }),
          ])
        }),
    ])
  }
}
