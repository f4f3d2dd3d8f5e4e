import MendArchive
import MendKit
import MendReport

/// Archives as `list`, `verify`, `prune` and `status` tell of them.
struct ArchiveText {
  private let style: TextStyle

  init(_ style: TextStyle) { self.style = style }

  /// Whether an archive can stand in for its store: healthy by its manifest, and nothing known against it.
  static func isGood(_ record: Repository.Record) -> Bool {
    record.problem == nil && record.manifest?.isGood == true
  }

  /// The path as it is seen from here.
  static func path(_ path: String) -> String {
    let start = Paths.current + "/"
    return path.hasPrefix(start) ? String(path.dropFirst(start.count)) : path
  }

  /// A line for each archive, the newest being the first.
  func list(_ records: [Repository.Record]) -> String {
    guard !records.isEmpty else { return "no archives\n" }
    var table = TextTable([.left, .left, .left, .right, .right, .left, .left, .left])
    table.rows.append(["", "store", "taken (UTC)", "size", "rows", "verdict", "for", "archive"].map(heading))
    var seen: Set<StoreIdentity> = []
    for record in records {
      guard let manifest = record.manifest else {
        table.rows.append([
          style.paint("!", .bad), "", "", size(record), "", style.paint("unreadable", .bad), "", name(record),
        ])
        continue
      }
      let isLatest = Self.isGood(record) && seen.insert(manifest.store).inserted
      let verdict =
        record.problem != nil
        ? style.paint("unusable", .bad)
        : style.paint(manifest.verdict.rawValue, Self.isGood(record) ? .good : .warning)
      table.rows.append([
        record.problem == nil ? (isLatest ? "*" : "") : style.paint("!", .bad),
        style.harmless(title(manifest.store)), time(manifest.taken), size(record),
        Words.grouped(manifest.rows.values.reduce(0) { $0.addingReportingOverflow($1).partialValue }), verdict,
        style.harmless(manifest.reason), name(record),
      ])
    }
    var lines = table.lines()
    for record in records {
      if let problem = record.problem { lines += ProblemText(style).lines(problem) }
    }
    let bytes = records.compactMap(\.size).reduce(0, +)
    lines.append("\(Words.count(records.count, "archive")), \(ByteSize(bytes: bytes).short)")
    return lines.joined(separator: "\n") + "\n"
  }

  /// The paths alone.
  func paths(_ records: [Repository.Record]) -> String {
    records.map { style.harmless(Self.path($0.path)) + "\n" }.joined()
  }

  /// The path of one archive.
  func name(_ record: Repository.Record) -> String { style.harmless(Self.path(record.path)) }

  /// `2024-01-15 02:00:00`.
  func time(_ seconds: Int64) -> String {
    let iso = UTCTime(seconds: seconds).iso
    return String(iso.dropLast().map { $0 == "T" ? " " : $0 })
  }

  private func heading(_ text: String) -> String { style.paint(text, .dim) }

  private func size(_ record: Repository.Record) -> String {
    record.size.map { ByteSize(bytes: $0).short } ?? style.paint("gone", .bad)
  }

  private func title(_ store: StoreIdentity) -> String {
    store.isAdhoc ? Self.path(store.path) : store.description
  }

  /// Archives for a program.
  static func json(_ records: [Repository.Record]) -> JSONValue {
    .object(["format": .string("dbmend.archives/1"), "archives": .array(records.map(json))])
  }

  /// One archive for a program.
  static func json(_ record: Repository.Record) -> JSONValue {
    let manifest = record.manifest
    let rows = manifest?.rows.sorted { $0.key < $1.key }.map { JSONMember($0.key, .integer($0.value)) }
    return .object([
      "archive": .string(record.path), "size": record.size.map { .integer($0) },
      "store": manifest.map { .string($0.store.description) }, "path": manifest.map { .string($0.store.path) },
      "kind": manifest.map { .string($0.kind) }, "engine": manifest.map { .string($0.engine) },
      "taken": manifest.map { .string(UTCTime(seconds: $0.taken).iso) },
      "verdict": manifest.map { .string($0.verdict.rawValue) }, "reason": manifest.map { .string($0.reason) },
      "rows": rows.map { .object($0) }, "problem": record.problem.map { .string($0.description) },
    ])
  }
}
