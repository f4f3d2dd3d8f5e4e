/// Names and texts as SQL has them.
enum Quoting {
  /// A name as an identifier.
  static func name(_ name: String) -> String { "\"" + doubled(name, "\"") + "\"" }

  /// A text as a literal. A backslash means nothing else in it, whatever the server's settings.
  static func text(_ text: String) -> String {
    if text.contains("\\") { return " E'" + doubled(doubled(text, "'"), "\\") + "'" }
    return "'" + doubled(text, "'") + "'"
  }

  /// As much of a name as fits into so many bytes, whole characters: the server cuts longer ones off.
  static func cut(_ name: String, to bytes: Int) -> String {
    var result = ""
    for character in name {
      guard result.utf8.count + String(character).utf8.count <= bytes else { break }
      result.append(character)
    }
    return result
  }

  private static func doubled(_ text: String, _ mark: Character) -> String {
    guard text.contains(mark) else { return text }
    var result = ""
    for character in text {
      result.append(character)
      if character == mark { result.append(mark) }
    }
    return result
  }
}
