import MendKit

/// The definitions of a database, as pg_dump writes them.
struct SchemaDump: Sendable {
  private let uri: String
  private let patience: Double

  init(_ address: PostgresAddress, patience: Double) {
    uri = address.uri
    self.patience = patience
  }

  /// The statements; nil where pg_dump cannot read them.
  var text: String? {
    let address = PostgresAddress(uri)
    guard
      let outcome = try? PostgresPrograms.dump().run(
        ["--schema-only", "-w", "-d", address.uri, "--lock-wait-timeout=\(max(1, Int(patience * 1000)))"],
        environment: address.environment(patience: patience)), outcome.isSuccess
    else { return nil }
    // Lines for psql alone, which newer versions of pg_dump write, are no SQL.
    let lines = outcome.text.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.filter { !$0.hasPrefix("\\") }.joined(separator: "\n")
  }
}
