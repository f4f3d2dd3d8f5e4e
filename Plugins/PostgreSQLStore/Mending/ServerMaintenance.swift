import MendKit

/// Work on databases as wholes: from a connection to another one, since none is made, dropped or renamed from within itself.
struct ServerMaintenance {
  let address: PostgresAddress
  let patience: Double
  let connection: ServerConnection
  /// The database's own name.
  let name: String

  /// Connects beside the database of an address.
  init(_ address: PostgresAddress, patience: Double) throws(Problem) {
    self.address = address
    self.patience = patience
    name = try Self.name(of: address, patience: patience)
    var failure: Problem?
    for other in ["postgres", "template1"] where other != name {
      do throws(Problem) {
        connection = try ServerConnection(address.with(database: other), .writing, patience: patience)
        return
      } catch {
        failure = failure ?? error
      }
    }
    throw failure ?? Problem(.system, tried: "connect beside", on: address.uri, said: "there is no other database")
  }

  /// The name in the URI, or the one that the environment or a service file gives.
  static func name(of address: PostgresAddress, patience: Double) throws(Problem) -> String {
    if let name = address.database { return name }
    let connection = try ServerConnection(address, .reading, patience: patience)
    defer { connection.end() }
    do throws(ServerFailure) {
      return try connection.value("select pg_catalog.current_database()") ?? ""
    } catch {
      throw error.problem("ask for the name of", on: address.uri)
    }
  }

  func end() { connection.end() }

  /// The names that dbmend gives to databases of its own.
  static let prefix = "dbmend_work_"

  /// What a working copy has as its comment, for whoever comes upon it.
  static func comment(on name: String) -> String {
    "a working copy that dbmend made of \(name); where no dbmend runs it may be dropped"
  }

  /// A name that nobody has.
  static func workName() -> String {
    let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    return prefix + String((0..<10).map { _ in letters[Int.random(in: letters.indices)] })
  }

  /// Why this user could not put a new database in the place of the old one; nil where nothing is known to stand in the way.
  func obstacle() throws(ServerFailure) -> Problem? {
    let row =
      try connection.rows(
        """
        select r.rolsuper, r.rolcreatedb, (select pg_catalog.pg_has_role(d.datdba, 'member') from pg_catalog.pg_database d
          where d.datname = \(Quoting.text(name))), current_user, pg_catalog.pg_is_in_recovery(),
          (select pg_catalog.pg_get_userbyid(d.datdba) from pg_catalog.pg_database d where d.datname = \(Quoting.text(name)))
        from pg_catalog.pg_roles r where r.rolname = current_user
        """
      ).first ?? []
    guard row.count == 6 else { return nil }
    let user = row[3] ?? "?"
    if row[4] == "t" {
      return refusal("the server is a standby, which takes no changes", "Name the primary server.")
    }
    if row[0] == "t" { return nil }
    if row[1] != "t" {
      return refusal(
        "the role \(user) may not make databases (CREATEDB), and a new one takes the place of the old",
        "Let a superuser run: alter role \(Quoting.name(user)) createdb;")
    }
    if row[2] == "f" {
      return refusal(
        "the role \(user) may not rename it: it belongs to \(row[5] ?? "another role")",
        "Run dbmend as its owner, or as a member of that role.")
    }
    return nil
  }

  private func refusal(_ said: String, _ advice: String) -> Problem {
    Problem(.denied, tried: "replace", on: address.uri, said: said, advice: advice, code: "store.denied")
  }

  /// Makes an empty database like the one of the address.
  func create(_ copy: PostgresAddress) throws(ServerFailure) {
    guard let new = copy.database else { throw ServerFailure(state: "", message: "the copy has no name") }
    let properties = try DatabaseProperties(connection, of: name)
    try connection.run(properties?.creation(new) ?? "create database \(Quoting.name(new)) template template0")
    try? connection.run(
      "comment on database \(Quoting.name(new)) is \(Quoting.text(Self.comment(on: name)))")
  }

  /// Drops a database of dbmend's own.
  func drop(_ copy: String) {
    guard copy.hasPrefix(Self.prefix) else { return }
    do throws(ServerFailure) {
      try connection.run("drop database if exists \(Quoting.name(copy)) with (force)")
    } catch {
      try? connection.run("drop database if exists \(Quoting.name(copy))")
    }
  }
}
