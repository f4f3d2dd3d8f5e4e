import MendEngine
import MendKit
import MendReport

enum InitCommand: Subcommand {
  static let description = CommandDescription(
    name: "init",
    summary: "Write dbmend.yaml from the healthy stores that are found",
    discussion: [
      "Looks for databases, checks them, and writes a dbmend.yaml into this folder in which their tables, keys, sequences "
        + "and row counts become checks. A damaged store is left out and named."
    ],
    arguments: [
      ArgumentDescription(
        metavar: "PATH", meaning: "A file, or a folder to search; without any, this folder", isRepeated: true)
    ],
    ownOptions: [.force],
    commonOptions: [.format, .quiet, .noColor, .help],
    examples: [CommandExample(line: "dbmend init data/", meaning: "Begin with the databases in data/")])

  static func run(_ invocation: Invocation, _ console: Console) throws(Problem) -> Int32 {
    let outcome = try Initialiser(registry: BuiltInPlugins.registry).initialise(
      paths: invocation.arguments, folder: Paths.current, force: invocation.has(.force))
    if invocation.value(.format) == "json" {
      try console.write(json(outcome).text(pretty: true) + "\n")
    } else {
      try console.write(text(outcome, console.outputStyle, isQuiet: invocation.has(.quiet)))
    }
    return ExitCode.healthy.rawValue
  }

  private static func text(_ outcome: Initialiser.Outcome, _ style: TextStyle, isQuiet: Bool) -> String {
    var lines: [String] = []
    if !isQuiet {
      lines.append("\(style.paint(style.mark(.good), .good)) wrote \(style.harmless(Paths.name(of: outcome.file)))")
      var table = TextTable([.left, .left, .right, .right])
      for store in outcome.stores {
        let rows = store.tables.compactMap(\.rows).reduce(0, +)
        table.rows.append([
          style.harmless("\(store.environment)/\(store.name)"), style.harmless(path(store.path)),
          Words.count(store.tables.count, "table"), Words.count(rows, "row"),
        ])
      }
      lines += table.lines().map { "  " + $0 }
    }
    for left in outcome.leftOut {
      lines.append(
        "\(style.paint(style.mark(.warning), .warning)) left out \(style.harmless(path(left.path))): "
          + style.harmless(left.reason))
      if let advice = left.advice { lines.append("  \(style.mark(.arrow)) \(style.harmless(advice))") }
    }
    if !isQuiet {
      lines += ["", "\(style.paint("Next:", .strong)) look through dbmend.yaml, then:", "  dbmend check"]
    }
    return lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n"
  }

  private static func path(_ path: String) -> String {
    let start = Paths.current + "/"
    return path.hasPrefix(start) ? String(path.dropFirst(start.count)) : path
  }

  private static func json(_ outcome: Initialiser.Outcome) -> JSONValue {
    .object([
      "format": .string("dbmend.init/1"), "file": .string(outcome.file),
      "stores": .array(
        outcome.stores.map { store in
          .object([
            "store": .string("\(store.environment)/\(store.name)"), "kind": .string(store.kind),
            "path": .string(store.path), "tables": .array(store.tables.map { .string($0.name) }),
          ])
        }),
      "left_out": .array(
        outcome.leftOut.map { left in
          .object([
            "path": .string(left.path), "reason": .string(left.reason), "advice": left.advice.map { .string($0) },
          ])
        }),
    ])
  }
}
