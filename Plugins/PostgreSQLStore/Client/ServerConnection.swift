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

  /// How a connection begins.
  enum Mode {
    /// One consistent view, for reading.
    case view
    /// The view that another connection exported.
    case viewOf(snapshot: String)
    /// Each question by itself, for reading.
    case reading
    /// Each statement by itself, for writing.
    case writing
  }

  init(_ address: PostgresAddress, _ mode: Mode, patience: Double) throws(Problem) {
    self.address = address
    self.patience = patience
    mark = "dbmend-" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
    conversation = try ClientConversation(
      PostgresPrograms.psql(), ["-X", "-q", "-A", "-t", "-w", "-d", address.uri],
      environment: address.environment(patience: patience))
    do throws(ServerFailure) {
      try begin(mode)
    } catch {
      throw error.problem("connect to", on: address.uri)
    }
  }

  private func begin(_ mode: Mode) throws(ServerFailure) {
    let wait = max(1, Int(patience * 1000))
    var words = """
      \\set ON_ERROR_ROLLBACK on
      \\set VERBOSITY terse
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
    case .view: words += "begin isolation level repeatable read read only;\n"
    case .viewOf(let snapshot):
      words += "begin isolation level repeatable read read only;\nset transaction snapshot \(Quoting.text(snapshot));\n"
    case .reading: words += "set default_transaction_read_only = on;\n"
    case .writing: words += "set default_transaction_read_only = off;\n"
    }
    // The first answer takes as long as connecting does.
    _ = try say(words, timeLimit: max(patience, 3) * 2 + 30)
  }

  /// The rows of a query.
  func rows(_ query: String) throws(ServerFailure) -> [[String?]] {
    CopyText.rows(try say("copy (\(query)) to stdout;\n"))
  }

  /// The first value of the first row.
  func value(_ query: String) throws(ServerFailure) -> String? { try rows(query).first?.first ?? nil }

  /// Runs a statement that answers nothing.
  func run(_ statement: String) throws(ServerFailure) { _ = try say(statement + ";\n") }

  /// Says something to psql, and hears what is said until the last of it is done.
  private func say(_ text: String, timeLimit: Double = .infinity) throws(ServerFailure) -> [UInt8] {
    _ = conversation.takeErrors()
    let end = "\\echo \(mark)\n\\echo :ERROR :SQLSTATE\n\\echo :LAST_ERROR_MESSAGE\n\\echo \(mark)\n"
    let answer: [UInt8]
    switch conversation.ask(text + end, until: mark, timeLimit: timeLimit) {
    case .heard(let bytes): answer = bytes
    case .ended(let outcome): throw gone(outcome)
    }
    guard case .heard(let state) = conversation.ask("", until: mark, timeLimit: 60) else {
      throw ServerFailure(state: "", message: "psql ended", isGone: true)
    }
    let words = String(decoding: state, as: UTF8.self)
    guard words.hasPrefix("true ") else { return answer }
    let lines = words.split(separator: "\n", maxSplits: 1)
    let code = lines.first?.split(separator: " ").last.map(String.init) ?? ""
    let message = lines.count > 1 ? String(lines[1]) : ""
    throw ServerFailure(state: code, message: message)
  }

  private func gone(_ outcome: ClientProgram.Outcome) -> ServerFailure {
    ServerFailure(state: "", message: outcome.lastWords, isGone: true)
  }

  /// Ends the connection, and with it whatever was begun.
  func end() { conversation.end() }
}
