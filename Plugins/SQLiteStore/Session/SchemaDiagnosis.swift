import CSQLite
import MendKit

/// Tells a schema that this library is too old to read from one that is damaged. The library calls both malformed.
struct SchemaDiagnosis {
  /// An object of the schema table whose definition the library refuses.
  struct Object {
    let type: String
    let name: String
    let sql: String
    let said: String
  }

  /// The problem that stands behind a connection's refusal to read its schema. `refused` is what the library said.
  static func problem(_ connection: Connection, header: DatabaseHeader?, refused: Problem) -> Problem {
    // Numbers that a format of the near future could have; any other one is damage. Of such a file the library says that it is
    // unsupported or no database; that it is malformed has another cause.
    if let header, refused.code != "file.malformed",
      (3...9).contains(header.readVersion) && header.writeVersion >= header.readVersion
        || (5...15).contains(header.schemaFormat)
    {
      return unsupported(
        connection.path,
        said: "its format (read version \(header.readVersion), schema format \(header.schemaFormat)) is newer")
    }
    guard refused.code == "file.malformed" || refused.kind == .system else { return refused }
    if let mismatch = mismatch(connection) {
      return Problem(
        .damaged, tried: "read the schema of", on: connection.path, said: mismatch, advice: "Run dbmend repair on it.",
        code: "schema.mismatch")
    }
    guard let object = refusedObject(connection, said: refused.said) else {
      return refused.kind == .system ? refused : schemaMalformed(connection.path, refused.said)
    }
    guard looksWritten(object) else { return schemaMalformed(connection.path, refused.said) }
    return unsupported(
      connection.path, said: "the definition of \(object.type) \(object.name) is not understood (\(object.said))")
  }

  private static func unsupported(_ path: String, said: String) -> Problem {
    let version = String(cString: sqlite3_libversion())
    return Problem(
      .unsupported, tried: "read the schema of", on: path, said: said + "; SQLite \(version) is linked here",
      advice: "The file itself is sound. Use a dbmend built with a newer SQLite, or the application's own tools; "
        + "it is never repaired for this.",
      code: "schema.unsupported")
  }

  private static func schemaMalformed(_ path: String, _ said: String) -> Problem {
    Problem(
      .damaged, tried: "read the schema of", on: path, said: said, advice: "Run dbmend repair on it.",
      code: "schema.malformed")
  }

  /// What the first row of the schema table that does not agree with its own definition says. The library refuses such a
  /// schema without a reason, and reads past it where the schema may be written.
  private static func mismatch(_ connection: Connection) -> String? {
    csqlite_allow_schema_writes(connection.handle, 1)
    defer { csqlite_allow_schema_writes(connection.handle, 0) }
    guard let objects = try? SchemaReading(connection, asksLibrary: true).objects,
      let finding = SchemaReview(objects: objects).findings.first
    else { return nil }
    return finding.message + (finding.evidence.map { ": " + $0 } ?? "")
  }

  /// The object that `malformed database schema (NAME) - REASON` names, read past the refusal.
  private static func refusedObject(_ connection: Connection, said: String) -> Object? {
    guard let open = said.firstIndex(of: "("), let close = said.range(of: ") - ") else { return nil }
    let name = String(said[said.index(after: open)..<close.lowerBound])
    csqlite_allow_schema_writes(connection.handle, 1)
    defer { csqlite_allow_schema_writes(connection.handle, 0) }
    let rows = try? connection.query(
      "SELECT type, name, sql FROM sqlite_schema WHERE name = \(Connection.literal(name))", limit: 1)
    guard let row = rows?.first, let type = row[0].text, let sql = row[2].text else { return nil }
    return Object(type: type, name: name, sql: sql, said: String(said[close.upperBound...]))
  }

  /// Whether a definition is a whole statement as someone wrote it: the right first words, balanced brackets, closed
  /// quotes and no control characters. Damage to a page rarely leaves that behind; a newer SQLite's words always do.
  static func looksWritten(_ object: Object) -> Bool {
    // Complaints about where an object is stored are not about its words.
    guard !object.said.hasPrefix("invalid rootpage"), !object.said.hasPrefix("orphan index"),
      !isRefusedByAnyVersion(object.said), FlippedWord.mended(object.sql, said: object.said) == nil
    else { return false }
    let sql = object.sql
    guard sql.uppercased().hasPrefix("CREATE "),
      sql.lowercased().contains(object.name.lowercased()),
      !sql.unicodeScalars.contains(where: {
        ($0.value < 32 && $0.value != 9 && $0.value != 10 && $0.value != 13) || $0.value == 0xFFFD
      })
    else { return false }
    var depth = 0
    var quote: Unicode.Scalar?
    for scalar in sql.unicodeScalars {
      if let end = quote {
        if scalar == end { quote = nil }
        continue
      }
      switch scalar {
      case "'", "\"", "`": quote = scalar
      case "[": quote = "]"
      case "(": depth += 1
      case ")": depth -= 1
      default: break
      }
      if depth < 0 { return false }
    }
    return depth == 0 && quote == nil
  }
}

extension SchemaDiagnosis {
  /// Whether what the library says of a definition is what every version of it would say: these are no words of a newer one.
  private static func isRefusedByAnyVersion(_ said: String) -> Bool {
    said.hasSuffix(" already exists") || said.hasPrefix("there is already ") || said.hasPrefix("duplicate column name")
      || said.hasSuffix(" has more than one primary key") || isAboutStraySign(said)
  }

  /// Whether the library stumbles over a sign that no word or operator of SQL begins with, or that stands alone nowhere.
  private static func isAboutStraySign(_ said: String) -> Bool {
    ["near \"", "unrecognized token: \""].contains { start in
      guard said.hasPrefix(start), let sign = said.dropFirst(start.count).first else { return false }
      return "~@#^\\{}!".contains(sign) && said.dropFirst(start.count + 1).first == "\""
    }
  }
}

extension String {
  /// The first place of a text within this one.
  func range(of part: String) -> Range<String.Index>? {
    let wanted = Array(part.utf8)
    let own = Array(utf8)
    guard !wanted.isEmpty, own.count >= wanted.count else { return nil }
    for start in 0...(own.count - wanted.count) where own[start..<start + wanted.count].elementsEqual(wanted) {
      let lower = utf8.index(utf8.startIndex, offsetBy: start)
      return lower..<utf8.index(lower, offsetBy: wanted.count)
    }
    return nil
  }
}
