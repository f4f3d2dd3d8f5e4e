import MendKit

/// What can be read of a database of which a table is damaged: a dump without the rows of such tables, a file for each of
/// these with the rows that can be read, and a list of the rest.
struct DatabaseRemains {
  private let address: PostgresAddress
  private let patience: Double

  init(_ address: PostgresAddress, patience: Double) {
    self.address = address
    self.patience = patience
  }

  /// Writes the dump to this path and the other files beside it; the paths of all.
  func write(to dump: String) throws(Problem) -> [String] {
    let view = try ServerConnection(address, .view, patience: patience)
    defer { view.end() }
    do throws(ServerFailure) {
      let database = try DatabaseCatalog(view)
      let known = RowsByIndex.remembered(of: address.uri)
      var readers: [TableReader] = []
      var connection = view
      for relation in database.relations where relation.holdsRows {
        var reader = TableReader(
          relation, leavingOut: DamagedItems.remembered(of: address, table: relation.table.name))
        // A table that ends its session is read in another one; its view is a later one then.
        do throws(ServerFailure) {
          try reader.look(connection)
        } catch {
          guard error.isGone else { throw error }
          connection = try Self.again(address, patience)
          reader.letGoOfAll(error.message)
        }
        if let known = known[relation.table.name], known > reader.rows { reader.missesRows() }
        if !reader.isWhole { readers.append(reader) }
      }
      let sequences = try SequenceSurvey.damaged(connection)
      let isOneView = connection === view
      let snapshot = isOneView ? view.snapshot : nil
      try DumpFile(address, patience: patience).write(
        to: dump, without: readers.map(\.relation.sql) + sequences.map(\.sql), snapshot: snapshot)
      if readers.isEmpty, sequences.isEmpty { return [dump] }
      let encoding = try connection.value("select pg_catalog.current_setting('server_encoding')") ?? "UTF8"
      return try write(readers, sequences.map(\.shown), beside: dump, snapshot, encoding)
    } catch {
      throw error.problem("dump what can be read of", on: address.uri)
    }
  }

  private static func again(_ address: PostgresAddress, _ patience: Double) throws(ServerFailure) -> ServerConnection {
    for _ in 0..<20 {
      if let connection = try? ServerConnection(address, .view, patience: patience) { return connection }
      usleep(500_000)
    }
    throw ServerFailure(state: "08006", message: "the server did not come back after one of its processes died")
  }

  private func write(
    _ readers: [TableReader], _ sequences: [String], beside dump: String, _ snapshot: String?, _ encoding: String
  ) throws(ServerFailure) -> [String] {
    var files = [dump]
    var list = RemainsList()
    list.encoding = encoding
    list.sequences = sequences
    do throws(Problem) {
      let pages = readers.isEmpty ? nil : try? PageReading(address, patience: patience)
      defer { pages?.end() }
      for (number, reader) in readers.enumerated() {
        let path = dump + ".rows-\(number + 1).copy"
        try copy(reader, to: path, snapshot, encoding)
        files.append(path)
        let found = pages?.look(reader, to: dump + ".found-\(number + 1).copy")
        var entry = reader.entry(file: Paths.name(of: path), found?.failures ?? [:])
        entry.found = found?.found
        if let file = found?.found?.file { files.append(Paths.join(Paths.folder(of: dump), file)) }
        list.tables.append(entry)
      }
      let path = dump + ".unread.json"
      try Durable.write(list.json.utf8(pretty: true), to: path, mode: 0o600)
      files.append(path)
    } catch {
      throw ServerFailure(state: "", message: error.said)
    }
    return files
  }

  /// Writes the rows that can be read, as `COPY` does.
  private func copy(
    _ reader: TableReader, to path: String, _ snapshot: String?, _ encoding: String
  ) throws(Problem) {
    var script = "begin isolation level repeatable read read only;\n"
    if let snapshot { script += "set transaction snapshot \(Quoting.text(snapshot));\n" }
    script += "set extra_float_digits = 3; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres';\n"
    for part in reader.readable {
      script +=
        "copy (select \(reader.columns) from only \(reader.relation.sql) where \(part.condition)) to stdout (encoding \(Quoting.text(encoding)));\n"
    }
    let file = try FileHandle.create(path, mode: 0o600)
    defer { file.close() }
    let outcome = try PostgresPrograms.psql().run(
      ["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-d", address.uri], input: Array(script.utf8),
      environment: address.environment(patience: patience), outputTo: file)
    guard outcome.isSuccess else {
      throw Problem(.damaged, tried: "read the rows of", on: reader.relation.table.name, said: outcome.lastWords)
    }
  }
}

/// The list of what could not be read, as an archive has it.
struct RemainsList {
  /// One table that could not be read whole.
  struct Entry {
    /// Schema-qualified, in SQL.
    var sql: String
    /// As reports call it.
    var table: String
    /// The file with the rows that could be read.
    var file: String
    /// The columns of that file, in SQL.
    var columns: String
    var rows: Int
    /// What could not be read: blocks and items.
    var unread: [(place: String, said: String)]
    /// Rows of the rest, decoded from the pages themselves.
    var found: Found?
  }

  /// Rows that the server did not read, as they stand in the pages.
  struct Found {
    /// The file with them.
    var file: String
    /// The columns of that file, in SQL.
    var columns: String
    var rows: Int
    /// Keys of some of them, which an index knows that has no entries of deleted rows.
    var proved: [[String]]

    var json: JSONValue {
      .object([
        "file": .string(file), "columns": .string(columns), "rows": .integer(rows),
        "proved": .array(proved.map { .array($0.map { .string($0) }) }),
      ])
    }

    init(file: String, columns: String, rows: Int, proved: [[String]]) {
      (self.file, self.columns, self.rows, self.proved) = (file, columns, rows, proved)
    }

    init?(_ json: JSONValue) {
      guard let file = json["file"]?.string, let columns = json["columns"]?.string, let rows = json["rows"]?.integer,
        !file.contains("/")
      else { return nil }
      let proved = (json["proved"]?.array ?? []).map { ($0.array ?? []).compactMap(\.string) }
      self.init(file: file, columns: columns, rows: rows, proved: proved)
    }
  }

  var tables: [Entry] = []
  /// Sequences whose value could not be read, as reports call them.
  var sequences: [String] = []
  /// The encoding of the rows: the database's own.
  var encoding = "UTF8"

  static let format = "dbmend.postgresql-remains/1"

  var json: JSONValue {
    .object([
      "format": .string(Self.format),
      "encoding": .string(encoding),
      "sequences": .array(sequences.map { .string($0) }),
      "tables": .array(
        tables.map(Self.json)),
    ])
  }

  private static func json(_ entry: Entry) -> JSONValue {
    .object([
      "table": .string(entry.table), "sql": .string(entry.sql), "file": .string(entry.file),
      "columns": .string(entry.columns), "rows": .integer(entry.rows),
      "unread": .array(entry.unread.map { .object(["place": .string($0.place), "said": .string($0.said)]) }),
      "found": entry.found?.json,
    ])
  }

  init() {}

  /// Reads a list; nil where it is none.
  init?(_ bytes: [UInt8]) {
    guard let value = try? JSONValue(parsing: bytes), value["format"]?.string == Self.format else { return nil }
    encoding = value["encoding"]?.string ?? "UTF8"
    sequences = (value["sequences"]?.array ?? []).compactMap(\.string)
    for table in value["tables"]?.array ?? [] {
      guard let sql = table["sql"]?.string, let name = table["table"]?.string, let file = table["file"]?.string,
        let columns = table["columns"]?.string, let rows = table["rows"]?.integer, !file.contains("/")
      else { return nil }
      tables.append(
        Entry(
          sql: sql, table: name, file: file, columns: columns, rows: rows,
          unread: (table["unread"]?.array ?? []).map { ($0["place"]?.string ?? "", $0["said"]?.string ?? "") },
          found: table["found"].flatMap(Found.init)))
    }
  }
}
