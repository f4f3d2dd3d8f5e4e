import MendKit

/// A query that somebody wrote, run past psql's own reading of its input, in which `\` and `:` would mean something.
struct OperatorQuery {
  private let address: PostgresAddress
  private let snapshot: String?
  private let patience: Double

  init(_ address: PostgresAddress, snapshot: String?, patience: Double) {
    self.address = address
    self.snapshot = snapshot
    self.patience = patience
  }

  /// The rows, each as the server makes JSON of it: numbers and texts can be told apart then.
  func rows(_ sql: String, limit: Int) throws(ServerFailure) -> [[SQLValue]] {
    var query = sql[...]
    while let last = query.last, last.isWhitespace || last == ";" { query = query.dropLast() }
    let view = snapshot.map { "set transaction snapshot \(Quoting.text($0));" } ?? ""
    let script = """
      set default_transaction_read_only = on; set datestyle = 'ISO, YMD'; set lock_timeout = \(max(1, Int(patience * 1000)));
      begin isolation level repeatable read read only; \(view)
      copy (select pg_catalog.row_to_json(q) from (\(query)\n) q limit \(limit)) to stdout; commit
      """
    let outcome: ClientProgram.Outcome
    do throws(Problem) {
      outcome = try PostgresPrograms.psql().run(
        ["-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-d", address.uri, "-c", script],
        environment: address.environment(patience: patience))
    } catch {
      throw ServerFailure(state: "", message: error.said)
    }
    guard outcome.isSuccess else { throw ServerFailure(state: "42000", message: outcome.lastWords) }
    return CopyText.rows(outcome.output).map { row in Self.values(row.first ?? nil) }
  }

  private static func values(_ text: String?) -> [SQLValue] {
    guard let text, let value = try? JSONValue(parsing: Array(text.utf8)) else { return [] }
    return (value.members ?? []).map { member in
      switch member.value {
      case .null: .null
      case .boolean(let flag): .integer(flag ? 1 : 0)
      case .integer(let number): .integer(Int64(number))
      case .number(let number): .real(number)
      case .string(let text): .text(text)
      case .array, .object: .text(member.value.text(pretty: false))
      }
    }
  }
}
