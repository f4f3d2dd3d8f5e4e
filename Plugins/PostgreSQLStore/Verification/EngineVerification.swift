import MendKit

/// The program `pg_amcheck`, for who wants to compare.
struct EngineVerification {
  private let address: PostgresAddress
  private let patience: Double
  private let database: DatabaseCatalog

  init(_ address: PostgresAddress, _ patience: Double, _ database: DatabaseCatalog) {
    self.address = address
    self.patience = patience
    self.database = database
  }

  func run() throws(Problem) -> [Finding] {
    let outcome = try PostgresPrograms.amcheck().run(
      ["--heapallindexed", "-w", address.uri], environment: address.environment(patience: patience))
    switch outcome.ending {
    case .exited(0) where outcome.limit == nil: return []
    case .exited(2): return findings(outcome.text)
    default:
      throw Problem(
        .unsupported, tried: "run pg_amcheck on", on: address.uri, said: outcome.lastWords,
        advice: "Make the extension there: CREATE EXTENSION amcheck; or leave `engine` out.")
    }
  }

  /// `heap table "shop.public.users", block 3, offset 5:` or `btree index "shop.public.users_pkey":`, and below it, indented,
  /// what is wrong.
  private func findings(_ text: String) -> [Finding] {
    var findings: [Finding] = []
    for line in text.split(separator: "\n") {
      if line.first == " " || line.first == "\t" {
        let said = String(line.drop { $0.isWhitespace })
        if let last = findings.indices.last, findings[last].evidence == nil { findings[last].evidence = said }
        continue
      }
      let isIndex = line.hasPrefix("btree index")
      guard isIndex || line.hasPrefix("heap table"), let name = Self.quoted(line) else { continue }
      let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
      let shown = parts.count == 3 ? DatabaseCatalog.shown(parts[1], parts[2]) : name
      let table = isIndex ? database.relations.first { $0.indexes.contains { $0.shown == shown } }?.table.name : shown
      findings.append(
        Finding(
          isIndex ? "index.malformed" : "table.malformed", .error,
          at: Finding.Location(table: table, index: isIndex ? shown : nil),
          "pg_amcheck finds the \(isIndex ? "index" : "table") \(shown) damaged"))
    }
    return findings
  }

  private static func quoted(_ line: Substring) -> String? {
    guard let first = line.firstIndex(of: "\""), let last = line.lastIndex(of: "\""), first < last else { return nil }
    return String(line[line.index(after: first)..<last])
  }
}
