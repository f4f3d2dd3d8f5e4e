import MendKit

/// What the engine's messages come to.
enum EngineWords {
  /// A problem for what the engine said when it opened or read a database.
  static func problem(_ words: String, on path: String, tried: String = "read the database") -> Problem {
    if words.contains("version number") || words.contains("storage version greater") {
      return Problem(
        .unsupported, tried: "open the database", on: path, said: words,
        advice: "Use the client of the version of DuckDB that wrote the file, or a newer one.",
        code: "schema.unsupported")
    }
    if words.contains("WAL") {
      return Problem(
        .damaged, tried: "replay the log beside", on: path, said: words,
        advice: "dbmend repair sets the log aside, with its bytes kept.", code: "wal.malformed")
    }
    if words.contains("did not end within") {
      return Problem(.program, tried: tried, on: path, said: words)
    }
    if words.contains("No space left") { return Problem(.noSpace, tried: tried, on: path, said: words) }
    if ClientMemory.isShort(words), !ClientMemory.isAbsurd(words) {
      return ClientMemory.problem(words, on: path, tried: tried)
    }
    return Problem(.damaged, tried: tried, on: path, said: words, code: "file.malformed")
  }

  /// Whether the engine failed, or died, at what says where values are, and not at the values: a block of values that is not what was
  /// written is told by its checksum.
  static func isOfLayout(_ words: String) -> Bool {
    words.hasPrefix("Serialization Error") || words.contains("ended by signal") || words.contains("MetadataReader")
  }

  /// Whether the engine could not work at all: a database that it was to have open was not, or this machine gave it too little. What it
  /// did not read then says nothing of what is there.
  static func isOfMachine(_ words: String) -> Bool {
    [
      "Catalog \"old\" does not exist", "Catalog \"new\" does not exist", "Could not set lock", "No space left",
      "Too many open files", "Resource temporarily unavailable", "Cannot allocate memory", "ended by signal 9",
      "ended by signal 15",
    ].contains { words.contains($0) }
  }

  /// Whether a statement failed because of the statement, and not because of what it read.
  static func isOfStatement(_ words: String) -> Bool {
    ["Binder Error", "Parser Error", "Catalog Error", "Not implemented Error", "Conversion Error"].contains {
      words.hasPrefix($0)
    }
  }
}
