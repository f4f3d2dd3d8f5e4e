import MendKit

/// Leads a working copy to a catalog without the entries that are damaged, where the engine opens nothing with them.
///
/// The entries are told apart by how they begin, and the engine is asked which of them it takes: with all of them, with half of
/// them, and so on. Those that it takes go into a catalog of their own behind the end of the file. The rows of a table whose
/// entry is damaged are found where the part of it is left that says where they are, and somebody gives its definition: then the
/// engine makes the definition's entry, in a new file, and that is led to the rows.
final class CatalogGraft {
  private let copy: String
  private let header: DatabaseHeader
  private let headers: FileHeaders
  private let survey: FileSurvey
  private let schema: () throws(Problem) -> SchemaText?
  private let client: Client
  private let writer: CatalogWriter
  private let file: FileHandle
  private var taken: [CatalogEntry] = []
  private var lost: [CatalogEntry] = []
  private var trials = 0

  /// What came of it.
  struct Outcome {
    /// Sentences for the report.
    var notes: [String] = []
    /// Tables that are lost, and how many rows they had where that can be read.
    var lost: [String: Int?] = [:]
  }

  /// How often the engine is asked.
  private static let mostTrials = 400

  /// nil where the headers do not tell where the catalog is.
  init?(_ copy: String, _ survey: FileSurvey, schema: @escaping () throws(Problem) -> SchemaText?) throws(Problem) {
    let file = try FileHandle.update(copy)
    guard let header = survey.headers.active, let writer = CatalogWriter(file, survey.headers) else { return nil }
    (self.copy, self.header, headers, self.survey) = (copy, header, survey.headers, survey)
    (self.schema, self.writer, self.file) = (schema, writer, file)
    client = try Client.find()
  }

  /// Gives the copy a catalog that the engine takes; nil, and the copy as it was, where not a single table is in it.
  func run() throws(Problem) -> Outcome? {
    let size = try file.status().size
    let blockSize = header.blockSize
    let content = try MetadataChain.remains(
      of: header.metaBlock, header, in: (survey.use?.metadata ?? []).union([Int(header.metaBlock & (1 << 56 - 1))])
    ) { id throws(Problem) in try file.read(blockSize, at: FileHeaders.end + id * blockSize) }
    try take(CatalogStream(content).entries[...])
    let open = lost
    lost = []
    for entry in open { try takeBeginning(of: entry) }
    let outcome = try self.outcome(try takeBySchema())
    guard taken.contains(where: \.isTable), try isTaken([]) else {
      try file.truncate(to: size)
      try file.write(headers.bytes, at: 0)
      return nil
    }
    try file.sync()
    return outcome
  }

  /// Whether the engine opens the file with these entries behind those that it took before.
  private func isTaken(_ entries: ArraySlice<CatalogEntry>) throws(Problem) -> Bool {
    trials += 1
    try writer.write(taken + entries)
    return try client.run(["SELECT count(*) AS n FROM duckdb_columns()"], on: copy, .readOnly).first?.failure == nil
  }

  /// Takes those of the entries that the engine takes.
  private func take(_ entries: ArraySlice<CatalogEntry>) throws(Problem) {
    guard !entries.isEmpty else { return }
    if trials < Self.mostTrials, try isTaken(entries) {
      taken += entries
    } else if entries.count == 1 || trials >= Self.mostTrials {
      lost += entries
    } else {
      let middle = entries.startIndex + entries.count / 2
      try take(entries[..<middle])
      try take(entries[middle...])
    }
  }

  /// A sound entry may be followed by one whose beginning is damaged.
  private func takeBeginning(of entry: CatalogEntry) throws(Problem) {
    for cut in entry.cuts.prefix(64) where trials < Self.mostTrials {
      guard try isTaken([cut]) else { continue }
      taken.append(cut)
      let rest = CatalogEntry(bytes: Array(entry.bytes[cut.bytes.count...]))
      if rest.bytes.contains(where: { $0 != 0 }) { lost.append(rest) }
      return
    }
    lost.append(entry)
  }

  // MARK: - Definitions that somebody gives

  /// Takes tables whose definition is given and whose entry still tells where their rows are; their names.
  private func takeBySchema() throws(Problem) -> Set<String> {
    let places = lost.filter { $0.rows != nil }
    guard !places.isEmpty, let schema = try schema() else { return [] }
    let known = Set(taken.compactMap { $0.isTable ? $0.name : nil })
    var made = try entries(of: schema).filter { !known.contains($0.name ?? "") }
    var names: Set<String> = []
    for place in places {
      guard let rows = place.rows else { continue }
      // One of the same name, or any one that the rows fit.
      let fitting = made.indices.filter { place.name == nil || !place.isTable || made[$0].name == place.name }
      for index in fitting where trials < Self.mostTrials {
        guard let entry = made[index].taking(rows), try isTaken([entry]), try isRead(entry) else { continue }
        taken.append(entry)
        lost.removeAll { $0 == place }
        if let name = entry.name { names.insert(name) }
        made.remove(at: index)
        break
      }
    }
    return names
  }

  /// Whether the rows that an entry was led to are such as it defines.
  private func isRead(_ entry: CatalogEntry) throws(Problem) -> Bool {
    guard let name = entry.name, let rows = entry.rows else { return false }
    guard rows.count > 0 else { return true }
    let catalog = try DuckDBCatalog(client.run(DuckDBCatalog.statements, on: copy, .readOnly), of: copy)
    guard let path = catalog.paths[name], let table = catalog.catalog.table(name) else { return false }
    let answers = try client.run(
      ["SELECT count(*) AS n FROM pragma_storage_info(\(path.asLiteral))"]
        + table.columns.map { "SELECT hash(\($0.name.asIdentifier))::VARCHAR AS h FROM \(path) LIMIT 1" },
      on: copy, .readOnly)
    return answers[0].failure == nil && answers.dropFirst().contains { $0.failure == nil }
  }

  /// The entries that the engine makes of definitions, in a file of the same form.
  private func entries(of schema: SchemaText) throws(Problem) -> [CatalogEntry] {
    let path = copy + ".schema"
    defer {
      try? Paths.removeFile(path)
      try? Sidecars.remove(beside: path)
    }
    try Paths.removeFile(path)
    let attach = DatabaseCopy.attach(nil, path, like: headers) + ["USE new"]
    _ = try client.run(
      Statements.split(schema.text) + ["CHECKPOINT new"], on: ":memory:", .writable, setUp: attach, beside: copy)
    let made = try FileHandle.read(path)
    guard let header = try FileHeaders(made).active else { return [] }
    let content = try MetadataChain.read(header.metaBlock, header) { id throws(Problem) in
      try made.read(header.blockSize, at: FileHeaders.end + id * header.blockSize)
    }
    return CatalogStream(content ?? []).entries.filter(\.isTable)
  }

  // MARK: - What is told

  private func outcome(_ given: Set<String>) throws(Problem) -> Outcome {
    var outcome = Outcome()
    if !given.isEmpty {
      outcome.notes.append(
        "the rows of \(given.sorted().joined(separator: ", ")) were found by the definition that was given, since the catalog's own is "
          + "damaged")
    }
    for entry in lost {
      let count = entry.rows.map { Int($0.count) }
      let rows = count.map { ", and with it its \($0) rows" } ?? ""
      if entry.isTable, let name = entry.name {
        outcome.lost[name] = .some(count)
        outcome.notes.append(
          "the definition of the table \(name) is damaged\(rows): --schema may name a file that has it")
      } else {
        outcome.notes.append(
          "the definition of a \(entry.sort)" + (entry.name.map { " (\($0))" } ?? "") + " is damaged\(rows)")
      }
    }
    return outcome
  }
}
