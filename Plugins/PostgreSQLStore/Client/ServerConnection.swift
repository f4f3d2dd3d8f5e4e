import MendKit

/// One connection to a database, held by a `psql` that stays.
///
/// Every question goes out as `COPY (…) TO STDOUT`, whose text format says where each value ends, and is followed by a mark
/// that nobody can guess. What a store holds never reaches psql's own reading of its input but in quotes.
final class ServerConnection {
  let address: PostgresAddress
  private let conversation: ClientConversation
  private let patience: Double
  private let mark: String
  private var isOutOfPatience = false
  /// The name by which other connections can see what this one sees; of a view only.
  private(set) var snapshot: String?

  /// How a connection begins.
  enum Mode {
    /// One consistent view, for reading.
    case view
    /// The view that another connection exported, or, where it exported none, a view of its own.
    case viewOf(snapshot: String?)
    /// Likewise, in a transaction in which functions may be made for its own time.
    case workOn(snapshot: String?)
    /// Each question by itself, for reading.
    case reading
    /// Each statement by itself, for writing.
    case writing
  }

  /// With `past` the server reads its catalogs without their indexes, one of which may be damaged.
  init(
    _ address: PostgresAddress, _ mode: Mode, patience: Double, pastSystemIndexes past: Bool = false
  ) throws(Problem) {
    self.address = address
    self.patience = patience
    mark = "dbmend-" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
    conversation = try ClientConversation(
      PostgresPrograms.psql(), ["-X", "-q", "-A", "-t", "-w", "-d", address.uri],
      environment: address.environment(patience: patience, options: past ? ["ignore_system_indexes=on"] : []))
    do throws(ServerFailure) {
      try begin(mode)
    } catch {
      throw error.problem("connect to", on: address.uri)
    }
  }

  private func begin(_ mode: Mode) throws(ServerFailure) {
    let wait = max(1, Int(patience * 1000))
    var words = """
      \\set VERBOSITY verbose
      \\set SHOW_CONTEXT never
      set client_min_messages = error;
      set datestyle = 'ISO, YMD';
      set intervalstyle = 'postgres';
      set timezone = 'UTC';
      set extra_float_digits = 1;
      set standard_conforming_strings = on;
      set lock_timeout = \(wait);
      set statement_timeout = 0;
      set idle_in_transaction_session_timeout = 0;

      """
    switch mode {
    case .view, .viewOf, .workOn:
      // The work is shared by connections: with helpers of each there would be more processes than processors.
      words += "set max_parallel_workers_per_gather = 0;\n"
    case .reading, .writing: break
    }
    switch mode {
    case .view:
      // Before the first savepoint, from within which no view can be exported.
      words +=
        "begin isolation level repeatable read read only;\ncopy (select pg_catalog.pg_export_snapshot()) to stdout;\n"
    case .viewOf(let snapshot):
      words += "begin isolation level repeatable read read only;\n" + Self.taking(snapshot)
    case .workOn(let snapshot):
      words += "begin isolation level repeatable read read write;\n" + Self.taking(snapshot)
    case .reading: words += "set default_transaction_read_only = on;\n"
    case .writing: words += "set default_transaction_read_only = off;\n"
    }
    // The first answer takes as long as connecting does.
    // What is in a database of no known encoding may be no UTF-8.
    words += """
      select pg_catalog.set_config('client_encoding', 'SQL_ASCII', false)
      where pg_catalog.current_setting('server_encoding') = 'SQL_ASCII' \\g /dev/null

      """
    let answer = try say(words, timeLimit: max(patience, 3) * 2 + 30)
    if case .view = mode { snapshot = CopyText.rows(answer).first?.first ?? nil }
    _ = try say("\\set ON_ERROR_ROLLBACK on\n")
  }

  private static func taking(_ snapshot: String?) -> String {
    snapshot.map { "set transaction snapshot \(Quoting.text($0));\n" } ?? ""
  }

  /// The rows of a query.
  func rows(_ query: String) throws(ServerFailure) -> [[String?]] {
    CopyText.rows(try say("copy (\(query)) to stdout;\n"))
  }

  /// The first value of the first row.
  func value(_ query: String) throws(ServerFailure) -> String? { try rows(query).first?.first ?? nil }

  /// Runs a statement that answers nothing.
  func run(_ statement: String) throws(ServerFailure) { _ = try say(statement + ";\n") }

  /// How the server would answer a query, in JSON.
  func plan(_ query: String) throws(ServerFailure) -> String {
    String(decoding: try say("explain (format json) \(query);\n"), as: UTF8.self)
  }

  /// Says something to psql, and hears what is said until the last of it is done.
  private func say(_ text: String, timeLimit: Double = .infinity) throws(ServerFailure) -> [UInt8] {
    _ = conversation.takeErrors()
    let answer: [UInt8]
    switch conversation.ask(text + "\\echo \(mark)\n", until: mark, timeLimit: timeLimit) {
    case .heard(let bytes): answer = bytes
    case .ended(let outcome): throw gone(outcome)
    }
    // psql's variable ERROR does not tell of a COPY that broke off midway; its standard error does.
    if let failure = ServerFailure(complaint: conversation.takeErrors()) {
      // Who has waited for one lock as long as is to be waited does not wait for the next one, too.
      if failure.state == "55P03", !isOutOfPatience {
        isOutOfPatience = true
        _ = try? say("set lock_timeout = 100;\n")
      }
      throw failure
    }
    return answer
  }

  private func gone(_ outcome: ClientProgram.Outcome) -> ServerFailure {
    ServerFailure(state: "", message: outcome.lastWords, isGone: true)
  }

  /// Ends the connection, and with it whatever was begun.
  func end() { conversation.end() }
}
