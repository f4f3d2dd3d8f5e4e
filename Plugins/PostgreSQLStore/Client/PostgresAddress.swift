import MendKit
import Synchronization

/// Where a database is: a URI without a password, as `psql` takes it.
///
/// What the URI leaves out comes from where PostgreSQL's own programs take it: `PGHOST` and its like, a service file
/// (`?service=`), `PGPASSFILE`. A password that the URI had goes to the programs in their environment.
struct PostgresAddress: Hashable {
  /// The URI as reports show it.
  let uri: String

  static let schemes = ["postgresql://", "postgres://"]

  init(_ uri: String) { self.uri = StoreURI.withoutPassword(uri) }

  static func isAddress(_ path: String) -> Bool {
    let lower = path.prefix(16).lowercased()
    return schemes.contains { lower.hasPrefix($0) }
  }

  /// The name of the database in the URI; nil where the environment or a service file names it.
  var database: String? {
    let (_, name, _) = parts
    return name.isEmpty ? nil : StoreURI.decoded(name)
  }

  /// The same server with another database.
  func with(database: String) -> PostgresAddress {
    let (start, _, query) = parts
    var kept = query.dropFirst().split(separator: "&").filter { !$0.lowercased().hasPrefix("dbname=") }
    kept.removeAll { $0.isEmpty }
    let other = start + "/" + StoreURI.encoded(database) + (kept.isEmpty ? "" : "?" + kept.joined(separator: "&"))
    if let password = StoreURI.password(of: uri) { StoreURI.remember(password, for: other) }
    return PostgresAddress(other)
  }

  /// What the programs get beside this process's environment; `options` are settings of the session, as `name=value`.
  func environment(patience: Double, options: [String] = []) -> [String: String?] {
    var variables: [String: String?] = [
      "LC_ALL": "C", "PGCLIENTENCODING": "UTF8", "PGAPPNAME": "dbmend", "PG_COLOR": "never",
    ]
    for name in ["PSQLRC", "PGOPTIONS", "PSQL_PAGER"] { variables.updateValue(nil, forKey: name) }
    let settings = options + (CatalogIndexes.areDamaged(of: self) ? ["ignore_system_indexes=on"] : [])
    if !settings.isEmpty { variables["PGOPTIONS"] = settings.map { "-c " + $0 }.joined(separator: " ") }
    if getenv("PGCONNECT_TIMEOUT") == nil {
      variables["PGCONNECT_TIMEOUT"] = String(max(3, Int(patience.rounded(.up))))
    }
    if let password = StoreURI.password(of: uri) { variables["PGPASSWORD"] = password }
    return variables
  }

  /// Scheme and server, database, and what follows from the question mark on.
  private var parts: (start: String, database: String, query: String) {
    let question = uri.firstIndex(of: "?") ?? uri.endIndex
    let place = uri[..<question]
    guard let begin = place.firstRange(of: "://")?.upperBound else { return (uri, "", "") }
    let slash = place[begin...].firstIndex(of: "/") ?? place.endIndex
    let name = slash == place.endIndex ? "" : String(place[place.index(after: slash)...])
    return (String(place[..<slash]), name, String(uri[question...]))
  }
}

/// The databases of which an index of the server's own catalogs is damaged: who goes on reads the catalogs themselves.
enum CatalogIndexes {
  private static let damaged = Mutex<[String: String]>([:])

  /// Notes that an index of the catalogs of a database is damaged, and what the server said.
  static func distrust(_ address: PostgresAddress, _ said: String) { damaged.withLock { $0[address.uri] = said } }

  /// Whether they are noted to be.
  static func areDamaged(of address: PostgresAddress) -> Bool { said(of: address) != nil }

  /// What the server said.
  static func said(of address: PostgresAddress) -> String? { damaged.withLock { $0[address.uri] } }

  /// After they were built anew.
  static func trust(_ address: PostgresAddress) { damaged.withLock { $0[address.uri] = nil } }
}
