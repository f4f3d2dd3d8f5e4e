import MendKit

/// What the engine's messages come to, by the number that ends them.
enum EngineWords {
  /// A problem for what the engine said when it opened or read a database.
  static func problem(_ words: String, on path: String, tried: String = "read the database") -> Problem {
    func has(_ numbers: Int...) -> Bool { numbers.contains { words.contains("[\($0)-") } }
    if has(28000) {
      return Problem(
        .denied, tried: "open the database", on: path, said: words,
        advice:
          "Name the user in dbmend.yaml (options of the store: user), and give the password in H2_PASSWORD or by password_file.",
        code: "store.login")
    }
    if has(90048) || words.contains("Unsupported database file version") || words.contains("format") && has(50000) {
      return unsupported(words, on: path)
    }
    if has(90049) {
      return Problem(
        .damaged, tried: "open the database", on: path, said: words, code: "file.encrypted")
    }
    if words.contains("did not end within") { return Problem(.program, tried: tried, on: path, said: words) }
    if words.contains("No space left") { return Problem(.noSpace, tried: tried, on: path, said: words) }
    if words.contains("OutOfMemory") || has(90108) { return Problem(.system, tried: tried, on: path, said: words) }
    return Problem(.damaged, tried: tried, on: path, said: words, code: "file.malformed")
  }

  /// A file of a format that the engine here does not open.
  static func refused(_ format: Int, _ words: String, by client: Client, on path: String) -> Problem {
    let versions = format == 2 ? "2.0 and 2.1" : "2.2 and newer"
    return unsupported(
      "its format is \(format), that of H2 \(versions), and \(client.jar) is of another version: \(words)", on: path,
      advice: "Set H2_JAR to the application's own jar, or to another one of H2 \(versions).")
  }

  /// A file of a version that the engine here cannot open.
  static func unsupported(
    _ words: String, on path: String,
    advice: String = "Set H2_JAR to the jar of the application, which is of the version that wrote the file."
  ) -> Problem {
    Problem(
      .unsupported, tried: "open the database", on: path, said: words, advice: advice,
      code: "schema.unsupported")
  }

  /// Whether a statement failed because of the statement, and not because of what it read: a class of errors of SQL.
  static func isOfStatement(_ words: String) -> Bool {
    guard let open = words.lastIndex(of: "["),
      let number = Int(words[words.index(after: open)...].prefix { $0.isNumber })
    else { return false }
    return number < 50000 || [90015, 90016, 90022, 90039, 90040, 90054, 90068, 90079].contains(number)
  }
}
