import MendKit

/// What the server, or the way to it, said instead of an answer.
struct ServerFailure: Error {
  /// The five characters of the SQLSTATE; empty where there is none, as of a connection that was not made.
  var state: String
  /// The server's message.
  var message: String
  /// Whether the connection is gone with it.
  var isGone = false

  init(state: String, message: String, isGone: Bool = false) {
    self.state = state
    self.message = message
    self.isGone = isGone
  }

  /// What psql complained of, in its verbose form, `ERROR:  22012: division by zero`; nil where that is no error. The first
  /// word is in the server's language.
  init?(complaint: String) {
    for line in complaint.split(whereSeparator: \.isNewline) {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let rest = line[line.index(after: colon)...].drop { $0 == " " }
      let state = rest.prefix(5)
      guard state.count == 5, state.allSatisfy({ $0.isASCII && ($0.isUppercase || $0.isNumber) }),
        rest.dropFirst(5).first == ":"
      else { continue }
      self.init(state: String(state), message: String(rest.dropFirst(6).drop { $0 == " " }))
      return
    }
    return nil
  }

  /// Content that is damaged: `data_corrupted`, `index_corrupted`, and what a server says that died of it.
  var isDamage: Bool {
    if ["XX001", "XX002", "XX000"].contains(state) { return true }
    if isOfTransaction, !isGone { return true }
    // A file of a table or an index that is gone, or that the disk does not give.
    if ["58P01", "58030"].contains(state),
      ["\"base/", "\"global/", "\"pg_tblspc/"].contains(where: { message.contains($0) })
    {
      return true
    }
    return isGone && !isShutdown && (Self.deaths + Self.damages).contains { message.contains($0) }
  }

  /// Whether the server knows nothing of the transaction that a row names: the head of that row is damaged.
  var isOfTransaction: Bool {
    [
      "could not access status of transaction", "has not been created yet -- apparent wraparound",
      "does no longer exist -- apparent wraparound",
    ].contains { message.contains($0) }
  }

  /// What the server says of a page that it cannot use, in its own words: programs other than psql tell no SQLSTATE.
  static let damages = [
    "invalid page in block", "could not read block", "missing chunk number", "invalid memory alloc request",
    "compressed data is corrupt", "unexpected chunk", "could not access status", "could not open file \"base/",
    "compressed pglz data is corrupt", "found toasted", "contains corrupted page", "contains unexpected zero page",
    "is not a btree", "cache lookup failed", "could not find tuple for", "returned 0 rows (expected 1)",
    "could not open critical system index",
  ]

  /// Whether the server was told to end the session: nothing is wrong with what was read then.
  var isShutdown: Bool {
    ["57P01", "57P03"].contains(state)
      || ["due to administrator command", "the database system is shutting down", "due to immediate shutdown"].contains
      {
        message.contains($0)
      }
  }

  /// Whether the server takes connections after it ended one; it may need a moment.
  func leavesServer(_ address: PostgresAddress, patience: Double) -> Bool {
    for _ in 0..<10 {
      if let connection = try? ServerConnection(address, .reading, patience: patience) {
        connection.end()
        return true
      }
      usleep(500_000)
    }
    return false
  }

  /// Whether another process of the server died, so that all had to go.
  var isDeathOfAnother: Bool { isGone && message.contains("because of crash of another server process") }

  private static let deaths = [
    "server closed the connection unexpectedly", "terminated by signal", "because of crash of another server process",
  ]

  /// The failure as a problem of what was tried on what.
  func problem(_ tried: String, on subject: String) -> Problem {
    func problem(_ kind: Problem.Kind, _ advice: String? = nil, code: FindingCode? = nil) -> Problem {
      Problem(kind, tried: tried, on: subject, said: shown, advice: advice, code: code)
    }
    if isDamage { return problem(.damaged, code: "store.unreadable") }
    if isShutdown { return problem(.system, Self.running, code: "server.unreachable") }
    switch state {
    case "42501": return problem(.denied, Self.grants)
    case "28000", "28P01": return problem(.denied, Self.rights)
    case "55P03", "57014", "55006":
      return problem(.locked, "Wait for the sessions that stand in the way, or end them (pg_terminate_backend).")
    case "53100", "53200", "53400": return problem(.noSpace)
    case "3D000": return problem(.missing, Self.names, code: "database.missing")
    case "53300": return problem(.locked, Self.slots, code: "store.locked")
    case "57P01", "57P02", "57P03", "08006", "08001":
      return problem(.system, Self.running, code: "server.unreachable")
    case "": return connection(tried, subject)
    default: return problem(.system)
    }
  }

  /// A connection that was not made has no SQLSTATE: its words tell, which are in English unless the server is set otherwise.
  private func connection(_ tried: String, _ subject: String) -> Problem {
    let denials = [
      "password authentication failed", "no password supplied", "no pg_hba.conf entry", "authentication failed",
      "permission denied for database", "is not permitted to log in", "fe_sendauth",
    ]
    if denials.contains(where: { message.contains($0) }) {
      return Problem(.denied, tried: tried, on: subject, said: shown, advice: Self.rights, code: "store.denied")
    }
    if message.contains("database \""), message.contains("does not exist") {
      return Problem(.missing, tried: tried, on: subject, said: shown, advice: Self.names, code: "database.missing")
    }
    if message.contains("role \""), message.contains("does not exist") {
      return Problem(.denied, tried: tried, on: subject, said: shown, advice: Self.rights, code: "store.denied")
    }
    if ["too many connections", "too many clients", "remaining connection slots"].contains(where: {
      message.contains($0)
    }) {
      return Problem(.locked, tried: tried, on: subject, said: shown, advice: Self.slots, code: "store.locked")
    }
    if message.contains("not currently accepting connections") {
      return Problem(
        .locked, tried: tried, on: subject, said: shown, advice: "Let it: alter database … allow_connections true.",
        code: "store.locked")
    }
    if ["invalid URI", "percent-encoded", "invalid connection option", "missing \"=\""].contains(where: {
      message.contains($0)
    }) {
      return Problem(
        .usage, tried: tried, on: subject, said: shown,
        advice: "Write it as postgresql://user@host/database; what is special in a name is percent-encoded.")
    }
    return Problem(.system, tried: tried, on: subject, said: shown, advice: Self.running, code: "server.unreachable")
  }

  private static let rights =
    "Give user and password as PostgreSQL's own programs take them: in the URI, by PGPASSFILE (~/.pgpass), or by a service file."
  private static let grants =
    "Name a user who may read all of it: the owner, or a member of pg_read_all_data; where row-level security hides rows, one with BYPASSRLS."
  private static let slots =
    "dbmend has up to four connections at a time: end others, or raise the limit of the role, the database or the server."
  private static let names = "See 'psql -l' for the databases that there are."
  private static let running = "Check that the server runs and that host and port are right: pg_isready."

  /// The message on one line, without the words that psql puts before it.
  private var shown: String {
    var lines = message.split(whereSeparator: \.isNewline).map(String.init)
    lines = lines.map { line in
      for start in ["psql: error: ", "pg_dump: error: ", "pg_restore: error: ", "ERROR:  ", "FATAL:  "]
      where line.hasPrefix(start) {
        return String(line.dropFirst(start.count))
      }
      return line
    }
    let text = lines.filter { !$0.isEmpty }.joined(separator: "; ")
    return text.isEmpty ? "it said nothing" : String(text.prefix(1000))
  }
}
