import MendKit

/// The reference of `dbmend.yaml`, made from the same descriptions that the loader validates with.
public enum ConfigurationReference {
  /// The text of docs/configuration.md for the plugins of a registry.
  public static func markdown(registry: PluginRegistry) -> String {
    var text = """
      # The configuration: `dbmend.yaml`

      This page is made by dbmend from its own descriptions; do not change it by hand.

      \(FileFormat.document.discussion)


      """
    for (path, section) in FileFormat.sections {
      if !path.isEmpty { text += "## `\(path)`\n\n\(section.discussion)\n\n" }
      text += table(["key", "holds", "default", "meaning"], section.keys.map(row))
    }
    text += "## Kinds of store\n\n`kind` of a store is one of these; `options` are those of the kind.\n\n"
    for driver in registry.drivers.map(\.description) { text += driverText(driver) }
    text += """
      ## Checks

      A list of checks names each by its id, alone or with its options: `- integrity` or `- integrity: { level: quick }`. It
      may also be a map from ids to options. `checks:` in an environment adds to those of the file, and in a store to
      those of its environment: a check that both name keeps its options, changed key by key, and `integrity: false` switches
      it off. Without `checks:` at the top, those hold that a path gets without any configuration. Every check takes one more
      option, `\(FileFormat.checkSeverity.name)`: \(FileFormat.checkSeverity.type.title). \
      \(FileFormat.checkSeverity.meaning)


      """
    for check in registry.checks.map(\.description) { text += checkText(check) }
    text += "## Repairs\n\nRepairs have no place in a list: the planner chooses them, or a rule names one.\n\n"
    for repair in registry.repairs.map(\.description) { text += repairText(repair) }
    return String(text.dropLast())
  }

  private static func row(_ key: FileKey) -> [String] {
    let fallback = key.isRequired ? "required" : key.defaultText ?? ""
    return ["`\(key.name)`", key.title, fallback, key.meaning]
  }

  private static func driverText(_ driver: PluginDescription) -> String {
    "### `\(driver.id)`\n\n\(sentence(driver.title))\n\n"
      + (driver.discussion.isEmpty ? "" : driver.discussion + "\n\n")
      + options(driver)
  }

  private static func checkText(_ check: PluginDescription) -> String {
    var text = "### `\(check.id)`\n\n\(sentence(check.title))\n\n"
    if !check.discussion.isEmpty { text += check.discussion + "\n\n" }
    if check.isRepeatable { text += "It may be listed several times, each with a `name` of its own.\n\n" }
    text += options(check)
    let findings = check.finds.map { finding in
      ["`\(finding.code)`", finding.severities.map(\.rawValue).joined(separator: " or "), sentence(finding.meaning)]
    }
    return text + table(["finding", "severity", "meaning"], findings) + measures(check)
  }

  private static func measures(_ check: PluginDescription) -> String {
    let rows = check.finds.flatMap { finding in
      finding.measures.map { ["`\(finding.code)`", "`\($0.name)`", $0.unit, sentence($0.meaning)] }
    }
    return table(["finding", "measure", "unit", "meaning"], rows)
  }

  private static func repairText(_ repair: PluginDescription) -> String {
    var text = "### `\(repair.id)`\n\n\(sentence(repair.title))\n\n"
    if !repair.discussion.isEmpty { text += repair.discussion + "\n\n" }
    if !repair.mends.isEmpty { text += "Mends " + repair.mends.map { "`\($0)`" }.joined(separator: ", ") + ".\n\n" }
    if let loss = repair.loss { text += "Costs at worst: `\(loss.rawValue)`.\n\n" }
    return text + options(repair)
  }

  private static func options(_ plugin: PluginDescription) -> String {
    let rows = plugin.options.map { option in
      let fallback = option.isRequired ? "required" : option.defaultValue.map { "`\(YAMLText.flow($0))`" } ?? ""
      return ["`\(option.name)`", option.type.title, fallback, sentence(option.meaning)]
    }
    return table(["option", "holds", "default", "meaning"], rows)
  }

  /// A phrase of a plugin as a sentence of this page.
  private static func sentence(_ phrase: String) -> String {
    phrase.prefix(1).uppercased() + phrase.dropFirst() + (phrase.hasSuffix(".") ? "" : ".")
  }

  /// A table of Markdown; nothing where there are no rows.
  private static func table(_ head: [String], _ rows: [[String]]) -> String {
    guard !rows.isEmpty else { return "" }
    let lines = [head, head.map { _ in "---" }] + rows
    return lines.map { "| " + $0.map(cell).joined(separator: " | ") + " |\n" }.joined() + "\n"
  }

  private static func cell(_ text: String) -> String {
    text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }
}
