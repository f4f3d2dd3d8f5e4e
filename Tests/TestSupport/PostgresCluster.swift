import MendKit
import Synchronization

/// A PostgreSQL server for tests: a cluster in a folder of its own, on a Unix socket only.
///
/// A watcher stops it and removes the folder once the process of the tests is gone, however that ended.
public final class PostgresCluster: Sendable {
  /// The folder of the socket.
  public let folder: String
  private let programs: String
  private let numbers = Mutex(0)

  /// Where the server's programs are; nil where there are none.
  public static let programs: String? = {
    let versions = "/usr/lib/postgresql"
    for version in ((try? Paths.names(in: versions)) ?? []).compactMap({ Int($0) }).sorted(by: >) {
      let folder = "\(versions)/\(version)/bin"
      if FileStatus.exists(folder + "/initdb") { return folder }
    }
    let message =
      "PostgreSQL is not installed: tests of its store check nothing; scripts/bootstrap --tests installs it\n"
    _ = write(STDERR_FILENO, message, message.utf8.count)
    return nil
  }()

  /// Whether tests can run. Where CI runs them, they have to.
  public static var isAvailable: Bool { programs != nil || getenv("CI") != nil }

  /// The server that tests share which do not stop it.
  public static func shared() throws -> PostgresCluster { try common.get() }

  private static let common = Result<PostgresCluster, any Error> { try PostgresCluster() }

  /// Makes and starts a server, with data checksums or, as most are that were set up before PostgreSQL 18, without.
  public init(checksums: Bool = true) throws {
    guard let programs = Self.programs else { throw PreparationFailed("PostgreSQL is not installed") }
    self.programs = programs
    folder = try Paths.makeTemporaryFolder("/tmp/dbmend-postgres-")
    chmod(folder, 0o755)
    if geteuid() == 0 { _ = try TestSupport.run("chown", "postgres", folder) }
    let watcher = """
      ( while kill -0 \(getpid()) 2>/dev/null && [ -d \(folder) ]; do sleep 1; done
        \(Self.user.joined(separator: " ")) \(programs)/pg_ctl -D \(folder)/data -m immediate stop; rm -rf \(folder) ) >/dev/null 2>&1 </dev/null &
      """
    try command("setsid", "sh", "-c", watcher)
    try command(
      Self.user + [
        programs + "/initdb", "-D", folder + "/data", "-A", "trust", "-U", "postgres", "--locale=C.UTF-8", "-E", "UTF8",
        "-N",
      ] + (checksums ? ["-k"] : []))
    let settings = """
      listen_addresses=''
      unix_socket_directories='\(folder)'
      fsync=off
      shared_buffers=16MB
      max_connections=60
      autovacuum=off
      log_min_messages=fatal
      """
    let rules = "local all locked scram-sha-256\nlocal all all trust\n"
    try command(
      Self.user + [
        "sh", "-c", "printf '%s\\n' \"$1\" >> \"$0/postgresql.conf\"; printf '%s' \"$2\" > \"$0/pg_hba.conf\"",
        folder + "/data",
        settings, rules,
      ])
    try start()
    try sql("create role locked login password 's3cret'; create role plain login")
  }

  private static var user: [String] { geteuid() == 0 ? ["runuser", "-u", "postgres", "--"] : [] }

  private func command(_ words: String...) throws { try command(words) }

  /// Foundation's `Process` waits for whatever a program leaves running in the background, such as a server.
  private func command(_ words: [String]) throws {
    let outcome = try ClientProgram(name: words[0], path: words[0]).run(
      Array(words.dropFirst()), environment: ["LC_ALL": "C.UTF-8"], folder: folder, timeLimit: 90)
    guard outcome.isSuccess else {
      throw PreparationFailed("\(words.joined(separator: " ")): \(outcome.lastWords) \(outcome.text)")
    }
  }

  /// Starts the server.
  public func start() throws {
    try command(
      Self.user + [programs + "/pg_ctl", "-D", folder + "/data", "-l", folder + "/log", "-w", "-t", "60", "start"])
  }

  /// Stops the server, with all that is in memory written.
  public func stop() throws {
    try command(Self.user + [programs + "/pg_ctl", "-D", folder + "/data", "-m", "fast", "-w", "stop"])
  }

  /// The URI of a database for a user.
  public func uri(_ database: String, user: String = "postgres", password: String? = nil) -> String {
    "postgresql://\(user)\(password.map { ":" + $0 } ?? "")@/\(database)?host=\(folder)"
  }

  /// Makes a database with what a script puts into it; its name, which nobody else has.
  public func database(_ script: String = "", like stem: String = "shop") throws -> String {
    let number = numbers.withLock { number in
      number += 1
      return number
    }
    let name = "\(stem)_\(number)"
    try sql("create database \(name)")
    if !script.isEmpty { try sql(script, in: name) }
    return name
  }

  /// Runs SQL; what it answers, one row to a line.
  @discardableResult public func sql(_ script: String, in database: String = "postgres") throws -> String {
    let result = try TestSupport.run(
      [programs + "/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", uri(database), "-f", "-"],
      input: script)
    guard result.exit == 0 else { throw PreparationFailed("\(script): \(result.errors)") }
    var lines = result.output
    while lines.hasSuffix("\n") { lines.removeLast() }
    return lines
  }

  /// Changes the file of a table or an index while the server is stopped.
  public func damage(_ relation: String, of database: String, _ change: (FileHandle) throws -> Void) throws {
    try sql("checkpoint", in: database)
    let path = folder + "/data/" + (try sql("select pg_relation_filepath('\(relation)')", in: database))
    try stop()
    let file = try FileHandle.update(path)
    try change(file)
    file.close()
    try start()
  }

  /// Every row of a table as text, in the order of its first column.
  public func rows(_ table: String, in database: String) throws -> [String] {
    try sql("select t::text from \(table) t order by 1", in: database).split(separator: "\n").map(String.init)
  }
}
