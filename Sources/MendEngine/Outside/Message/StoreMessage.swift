import MendKit

/// Puts stores, findings and options into the words of the message.
enum StoreMessage {
  /// The members that requests about a store have in common.
  static func common(
    _ method: MessageFormat.Method, plugin: PluginDescription, options: Options, scratch: String,
    limits: ConfinedProgram.Limits
  ) -> [JSONMember] {
    [
      JSONMember("dbmend", .integer(MessageFormat.version)), JSONMember("method", .string(method.rawValue)),
      JSONMember("plugin", .string(plugin.id)), JSONMember("options", Self.options(options, plugin.options)),
      JSONMember("scratch", .string(scratch)),
      JSONMember(
        "limits",
        .object([
          "seconds": .number(limits.seconds), "memory": .integer(limits.memory), "output": .integer(limits.output),
          "files": .integer(limits.files), "processes": .integer(limits.processes),
        ])),
    ]
  }

  /// Options in the units of the message, whatever the user wrote: bytes, seconds, parts of one.
  static func options(_ options: Options, _ descriptions: [OptionDescription]) -> JSONValue {
    .object(
      descriptions.compactMap { option in
        options[option.name].map { JSONMember(option.name, plain($0, option.type)) }
      })
  }

  private static func plain(_ value: OptionValue, _ type: OptionType) -> JSONValue {
    switch (type, value) {
    case (.size, .string(let text)): ByteSize(text).map { .integer($0.bytes) } ?? .string(text)
    case (.duration, .string(let text)): TimeSpan(text).map { .number($0.seconds) } ?? .string(text)
    case (.share, _): Share(value).map { .number($0.fraction) } ?? JSONValue(value)
    case (.string, .integer(let number)): .string("\(number)")
    case (.string, .number(let number)): .string("\(number)")
    case (.string, .boolean(let flag)): .string("\(flag)")
    case (.list(let type), .list(let items)): .array(items.map { plain($0, type) })
    case (.list(let type), _): .array([plain(value, type)])
    case (.map(let type), .map(let pairs)): .object(pairs.map { JSONMember($0.key, plain($0.value, type)) })
    default: JSONValue(value)
    }
  }

  /// A store's own members; each is left out where it is nil.
  static func store(
    _ store: StoreIdentity, kind: String?, engine: String? = nil, bytes: Int? = nil, snapshot: String? = nil,
    catalog: JSONValue? = nil, place: JSONValue? = nil
  ) -> JSONValue {
    .object([
      "name": .string(store.description), "environment": .string(store.environment), "kind": kind.map { .string($0) },
      "engine": engine.map { .string($0) }, "bytes": bytes.map { .integer($0) },
      "snapshot": snapshot.map { .string($0) }, "catalog": catalog, "place": place,
    ])
  }

  /// The catalog of a session, with the rows of its tables where they are asked for and can be counted.
  static func catalog(_ session: any StoreSession, countsRows: Bool) throws(Problem) -> JSONValue {
    let catalog = try session.catalog()
    var tables: [JSONValue] = []
    for table in catalog.tables {
      var rows: Int?
      if countsRows, !table.isVirtual { rows = try? session.rowCount(of: table) }
      tables.append(Self.table(table, rows: rows))
    }
    let sequences: [JSONValue] = try session.sequences().map { state in
      .object([
        "table": .string(state.table), "last": state.last.map { .integer(Int($0)) },
        "largest_key": state.largestKey.map { .integer(Int($0)) },
      ])
    }
    return .object([
      "tables": .array(tables), "views": .array(catalog.views.map { .string($0) }), "sequences": .array(sequences),
      "schema": catalog.schema.map { .string($0) },
    ])
  }

  private static func table(_ table: Table, rows: Int?) -> JSONValue {
    .object([
      "name": .string(table.name),
      "columns": .array(
        table.columns.map {
          .object(["name": .string($0.name), "type": .string($0.type), "not_null": .boolean($0.isNotNull)])
        }),
      "primary_key": .array(table.primaryKey.map { .string($0) }),
      "indexes": .array(
        table.indexes.map { index in
          .object([
            "name": .string(index.name), "columns": .array(index.columns.map { $0.map { .string($0) } ?? .null }),
            "unique": .boolean(index.isUnique), "partial": .boolean(index.isPartial),
            "implicit": .boolean(index.isImplicit),
          ])
        }),
      "virtual": .boolean(table.isVirtual), "sequence": .boolean(table.hasSequence),
      "rows": rows.map { .integer($0) },
    ])
  }

  /// What the system says of the store's file in its place; nil of a store that is no file here, or not there.
  static func place(_ path: String, _ driver: (any Driver)?, repository: String?) -> JSONValue? {
    guard let status = try? FileStatus.of(path) else { return nil }
    let volume = try? Volume.of(path)
    let archives = repository.flatMap { try? Volume.of($0) }
    let mode = String(status.mode, radix: 8)
    let beside = (driver?.sidecars(of: path) ?? []).reduce(0) { $0 + ((try? FileStatus.of($1).size) ?? 0) }
    return .object([
      "mode": .string(String(repeating: "0", count: max(0, 4 - mode.count)) + mode),
      "owner": .integer(Int(status.user)), "group": .integer(Int(status.group)),
      "modified": .string(UTCTime(seconds: status.modified / 1_000_000_000).iso),
      "links": .integer(status.links), "volume_bytes": volume.map { .integer($0.size) },
      "volume_free": volume.map { .integer($0.available) },
      "open": driver.map { .boolean(!$0.openers(of: path).isEmpty) },
      "bytes": .integer(status.size + beside), "archives_bytes": archives.map { .integer($0.size) },
      "archives_free": archives.map { .integer($0.available) },
    ])
  }

  /// The newest good archive, as a list of one; empty where there is none.
  static func archives(_ backups: (any Backups)?) throws(Problem) -> JSONValue {
    guard let backup = try backups?.newestGood() else { return .array([]) }
    let rows = backup.rows.sorted { $0.key < $1.key }.map { JSONMember($0.key, .integer($0.value)) }
    return .array([
      .object([
        "path": .string(backup.path), "taken": .string(UTCTime(seconds: backup.taken).iso),
        "bytes": .integer(backup.bytes), "rows": .object(rows),
      ])
    ])
  }

  /// A finding.
  static func finding(_ finding: Finding) -> JSONValue {
    let place = finding.location
    return .object([
      "code": .string(finding.code.rawValue), "severity": .string(finding.severity.rawValue),
      "message": .string(finding.message), "table": place.table.map { .string($0) },
      "index": place.index.map { .string($0) }, "column": place.column.map { .string($0) },
      "row": place.row.map { .integer(Int($0)) }, "key": place.key.map { .string($0) },
      "page": place.page.map { .integer($0) }, "byte": place.byte.map { .integer($0) },
      "file": place.file.map { .string($0) }, "evidence": finding.evidence.map { .string($0) },
      "count": .integer(finding.count),
      "measures": finding.measures.isEmpty ? nil : .array(finding.measures.map(measure)),
      "perhaps_meant": finding.isPerhapsMeant ? .boolean(true) : nil,
      "hides_no_row": finding.hidesNoRow ? .boolean(true) : nil,
    ])
  }

  private static func measure(_ measure: Measure) -> JSONValue {
    .object([
      "name": .string(measure.name), "value": .number(measure.value),
      "unit": measure.unit.isEmpty ? nil : .string(measure.unit),
    ])
  }
}

/// Reads replies about stores, which were held against their shapes before.
enum ReplyReading {
  /// The findings of a reply. What the description does not say that the plugin finds is `foreign`.
  static func findings(
    in reply: JSONValue, of description: OutsideDescription
  ) -> (findings: [Finding], foreign: [String]) {
    var findings: [Finding] = []
    var foreign: [String] = []
    for item in reply["findings"]?.array ?? [] {
      let code = item["code"]?.string ?? ""
      guard let own = description.patterns.first(where: { Glob.matches($0.pattern, code) }) else {
        if !foreign.contains(code) { foreign.append(code) }
        continue
      }
      let severity = item["severity"]?.string.flatMap(Severity.init(rawValue:)) ?? own.severity
      var finding = Finding(
        FindingCode(rawValue: code), severity,
        at: Finding.Location(
          table: item["table"]?.string, index: item["index"]?.string, column: item["column"]?.string,
          row: item["row"]?.integer.map(Int64.init), key: item["key"]?.string, page: item["page"]?.integer,
          byte: item["byte"]?.integer, file: item["file"]?.string),
        item["message"]?.string ?? "", evidence: item["evidence"]?.string, count: item["count"]?.integer ?? 1)
      finding.measures = measures(in: item)
      finding.isPerhapsMeant = item["perhaps_meant"] == .boolean(true)
      finding.hidesNoRow = item["hides_no_row"] == .boolean(true)
      findings.append(finding)
    }
    return (findings, foreign)
  }

  /// The measures of a reply or of a finding in it.
  static func measures(in value: JSONValue) -> [Measure] {
    (value["measures"]?.array ?? []).map { item in
      let number =
        switch item["value"] {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: 0.0
        }
      return Measure(item["name"]?.string ?? "", number, unit: item["unit"]?.string ?? "")
    }
  }

  /// What became of rows, table by table.
  static func rows(in reply: JSONValue) -> [String: RowTally] {
    var rows: [String: RowTally] = [:]
    for member in reply["rows"]?.members ?? [] {
      func count(_ name: String) -> Int { member.value[name]?.integer ?? 0 }
      rows[member.key] = RowTally(
        kept: count("kept"), fromIndex: count("from_index"), fromBackup: count("from_backup"),
        setAside: count("set_aside"), lost: count("lost"))
    }
    return rows
  }
}

extension JSONValue {
  /// A value of an option.
  init(_ value: OptionValue) {
    self =
      switch value {
      case .null: .null
      case .boolean(let value): .boolean(value)
      case .integer(let value): .integer(value)
      case .number(let value): .number(value)
      case .string(let value): .string(value)
      case .list(let items): .array(items.map(JSONValue.init))
      case .map(let pairs): .object(pairs.map { JSONMember($0.key, JSONValue($0.value)) })
      }
  }
}
