import MendKit

/// What a `CREATE VIRTUAL TABLE` says: its module, and the module's arguments as they are written.
struct VirtualDefinition {
  /// The module's name in lower case.
  let module: String
  let arguments: [String]

  /// Reads a definition; nil where it makes no virtual table.
  init?(_ sql: String) {
    guard var tokens = DefinitionTokens(whole: sql), tokens.take("CREATE"), tokens.take("VIRTUAL"), tokens.take("TABLE")
    else { return nil }
    while !tokens.take("USING") {
      guard !tokens.isAtEnd else { return nil }
      tokens.skip()
    }
    guard let module = tokens.takeName() else { return nil }
    self.module = ASCII.lowered(module)
    var arguments: [String] = []
    if tokens.take(symbol: "(") {
      var start = tokens.end
      var depth = 1
      while depth > 0, !tokens.isAtEnd {
        if tokens.isNext(symbol: "(") { depth += 1 }
        if tokens.isNext(symbol: ")") { depth -= 1 }
        if depth == 0 || depth == 1 && tokens.isNext(symbol: ",") {
          arguments.append(tokens.written(start..<tokens.start, trimmed: true))
          start = tokens.start + 1
        }
        tokens.skip()
      }
    }
    self.arguments = arguments
  }

  var isFullText: Bool { ["fts3", "fts4", "fts5"].contains(module) }
  var isRTree: Bool { ["rtree", "rtree_i32"].contains(module) }

  /// What an argument of the form `name=value` sets, its quotes taken off.
  func option(_ name: String) -> String? {
    for argument in arguments {
      guard let equal = argument.firstIndex(of: "="),
        ASCII.lowered(String(argument[..<equal]).filter { !$0.isWhitespace }) == name
      else { continue }
      let value = argument[argument.index(after: equal)...].drop { $0.isWhitespace }
      guard let quote = value.first, quote == "'" || quote == "\"" else { return String(value) }
      return String(value.dropFirst().dropLast())
    }
    return nil
  }

  /// Whether the rows' own texts stand in a table of the module's.
  var keepsContents: Bool { isFullText && option("content") == nil }
  /// Whether a full-text index has no texts to be built from: neither its own nor another table's.
  var isContentless: Bool { isFullText && option("content") == "" }

  /// The ends of the names of the tables that the module cannot do without.
  var needs: [String] {
    switch module {
    case "fts5":
      ["_data", "_idx", "_config"] + (keepsContents ? ["_content"] : [])
        + (option("columnsize") == "0" ? [] : ["_docsize"])
    case "fts3", "fts4": ["_segments", "_segdir"] + (keepsContents ? ["_content"] : [])
    case "rtree", "rtree_i32", "geopoly": ["_node", "_parent", "_rowid"]
    default: []
    }
  }
}
