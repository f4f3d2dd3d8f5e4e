import MendEngine
import MendKit
import MendReport

/// Plugins as `dbmend plugins` tells of them, made from their descriptions.
struct PluginText {
  private let style: TextStyle
  private let files: [String: PluginFile]
  private let troubles: [String: Problem]

  /// A text in a style; `outside` tells which plugins are from outside, and their files.
  init(_ style: TextStyle, outside: [OutsidePlugins.Loaded] = []) {
    self.style = style
    var files: [String: PluginFile] = [:]
    var troubles: [String: Problem] = [:]
    for loaded in outside {
      for id in loaded.ids {
        files[id] = loaded.file
        troubles[id] = loaded.failure
      }
    }
    self.files = files
    self.troubles = troubles
  }

  /// All plugins, a line each, by kind.
  func list(_ plugins: [PluginDescription]) -> String {
    var table = TextTable([.left, .left, .left])
    for plugin in plugins {
      let file = files[plugin.id].map { "  [\(style.harmless($0.writtenPath))]" } ?? ""
      let trouble = troubles[plugin.id].map { ": \(style.harmless($0.said))" } ?? ""
      table.rows.append([
        plugin.kind.rawValue, style.paint(plugin.id, .strong), style.harmless(plugin.title) + trouble + file,
      ])
    }
    return table.lines().joined(separator: "\n") + "\n"
  }

  /// All about one plugin.
  func page(_ plugin: PluginDescription) -> String {
    var text = "\(style.paint(plugin.id, .strong)) (\(plugin.kind.rawValue)): \(style.harmless(plugin.title))\n"
    if let file = files[plugin.id] { text += "\n" + self.file(file) }
    for paragraph in plugin.discussion.split(separator: "\n\n") {
      text +=
        "\n" + HelpText.wrap(style.harmless(String(paragraph)), width: HelpText.width).joined(separator: "\n") + "\n"
    }
    if !plugin.options.isEmpty {
      text += section("Options")
      for option in plugin.options {
        text +=
          "  \(option.name): \(option.type.title)\(style.harmless(fallback(option)))\n      \(style.harmless(option.meaning))\n"
      }
    }
    if !plugin.finds.isEmpty {
      var table = TextTable([.left, .left, .left])
      table.rows = plugin.finds.map { [$0.code.rawValue, Self.severities($0), style.harmless($0.meaning)] }
      text += section("Finds") + lines(table) + measures(plugin)
    }
    if !plugin.mends.isEmpty { text += section("Mends") + "  \(plugin.mends.joined(separator: ", "))\n" }
    if let loss = plugin.loss { text += section("Loss") + "  at worst \(loss.rawValue)\n" }
    if !plugin.examples.isEmpty {
      text += section("Examples")
      for example in plugin.examples {
        let codes = example.finds.sorted().map(\.rawValue).joined(separator: ", ")
        text += "  \(style.harmless(example.title))\(codes.isEmpty ? "" : ": \(codes)")\n"
      }
    }
    return text
  }

  /// A plugin for a program.
  func json(_ plugin: PluginDescription) -> JSONValue {
    .object([
      "id": .string(plugin.id), "kind": .string(plugin.kind.rawValue), "title": .string(plugin.title),
      "discussion": .string(plugin.discussion),
      "options": .array(
        plugin.options.map { option in
          .object([
            "name": .string(option.name), "type": .string(option.type.title),
            "default": option.defaultValue.map(Self.json), "required": .boolean(option.isRequired),
            "meaning": .string(option.meaning),
          ])
        }),
      "finds": .array(
        plugin.finds.map { finding in
          .object([
            "code": .string(finding.code.rawValue), "severity": .string(finding.severity.rawValue),
            "other_severities": finding.otherSeverities.isEmpty
              ? nil : .array(finding.otherSeverities.map { .string($0.rawValue) }),
            "measures": finding.measures.isEmpty ? nil : .array(finding.measures.map(Self.json)),
            "meaning": .string(finding.meaning),
          ])
        }),
      "mends": plugin.mends.isEmpty ? nil : .array(plugin.mends.map { .string($0) }),
      "loss": plugin.loss.map { .string($0.rawValue) },
      "examples": .array(plugin.examples.map { .string($0.title) }),
      "file": files[plugin.id].map { .string($0.path) },
      "trouble": troubles[plugin.id].map { .string($0.said) },
    ])
  }

  /// Where a plugin from outside comes from, and what its calls may take.
  private func file(_ file: PluginFile) -> String {
    let limits = file.limits
    var text = "From outside: \(style.harmless(file.path))\n"
    text +=
      "  each call: \(TimeSpan(seconds: limits.seconds).short), \(ByteSize(bytes: limits.memory).short) of memory, "
      + "\(ByteSize(bytes: limits.output).short) of reply, \(limits.files) open files, \(limits.processes) processes\n"
    if !file.passes.isEmpty { text += "  gets the variables \(style.harmless(file.passes.joined(separator: ", ")))\n" }
    if !file.writes.isEmpty { text += "  may write to \(style.harmless(file.writes.joined(separator: ", ")))\n" }
    if let sum = file.sha256 { text += "  pinned to SHA-256 \(style.harmless(sum))\n" }
    return text
  }

  /// `warning`, or `warning or error` where the case at hand decides.
  private static func severities(_ finding: FindingDescription) -> String {
    finding.severities.map(\.rawValue).joined(separator: " or ")
  }

  /// What the findings measure, for conditions of rules.
  private func measures(_ plugin: PluginDescription) -> String {
    let measuring = plugin.finds.filter { !$0.measures.isEmpty }
    guard !measuring.isEmpty else { return "" }
    var table = TextTable([.left, .left, .left])
    for finding in measuring {
      for (index, measure) in finding.measures.enumerated() {
        table.rows.append([index == 0 ? finding.code.rawValue : "", measure.title, measure.meaning])
      }
    }
    return section("Measures") + lines(table)
  }

  private static func json(_ measure: MeasureDescription) -> JSONValue {
    let range = measure.range
    return .object([
      "name": .string(measure.name), "unit": .string(measure.unit), "meaning": .string(measure.meaning),
      "minimum": range.lowerBound.isFinite ? .number(range.lowerBound) : nil,
      "maximum": range.upperBound.isFinite ? .number(range.upperBound) : nil,
    ])
  }

  private func section(_ title: String) -> String { "\n\(style.paint("\(title):", .strong))\n" }

  private func lines(_ table: TextTable) -> String { table.lines().map { "  \($0)\n" }.joined() }

  private func fallback(_ option: OptionDescription) -> String {
    if option.isRequired { return " (required)" }
    return option.defaultValue.map { " (default \(Self.json($0).text()))" } ?? ""
  }

  private static func json(_ value: OptionValue) -> JSONValue {
    switch value {
    case .null: .null
    case .boolean(let value): .boolean(value)
    case .integer(let value): .integer(value)
    case .number(let value): .number(value)
    case .string(let value): .string(value)
    case .list(let items): .array(items.map(json))
    case .map(let pairs): .object(pairs.map { JSONMember($0.key, json($0.value)) })
    }
  }
}
