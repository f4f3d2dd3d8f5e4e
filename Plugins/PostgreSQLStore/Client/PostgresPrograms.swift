import MendKit

/// PostgreSQL's own client programs.
enum PostgresPrograms {
  /// The package that has them all on Debian.
  static let package =
    "postgresql-client (Debian, Ubuntu) or libpq and postgresql (Homebrew); pg_amcheck is in postgresql"

  static func psql() throws(Problem) -> ClientProgram { try find("psql") }
  static func dump() throws(Problem) -> ClientProgram { try find("pg_dump") }
  static func restore() throws(Problem) -> ClientProgram { try find("pg_restore") }
  static func amcheck() throws(Problem) -> ClientProgram { try find("pg_amcheck") }

  /// Debian keeps the programs of each version in `lib/postgresql/VERSION/bin`, and in `bin` a script that chooses one and
  /// takes longer to start than the program itself: in its place the newest one is run. A newer program works with an older
  /// server, and not the other way round.
  private static func find(_ name: String) throws(Problem) -> ClientProgram {
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
    for folder in path.split(separator: ":") {
      let own = Paths.join(String(folder), name)
      if access(own, X_OK) == 0, Paths.name(of: Paths.resolved(own)) != "pg_wrapper" {
        return ClientProgram(name: name, path: own)
      }
      let versions = Paths.join(Paths.folder(of: String(folder)), "lib/postgresql")
      guard let found = try? Paths.names(in: versions) else { continue }
      for version in found.compactMap({ Int($0) }).sorted(by: >) {
        let file = Paths.join(versions, "\(version)/bin/\(name)")
        if access(file, X_OK) == 0 { return ClientProgram(name: name, path: file) }
      }
    }
    return try ClientProgram.find(name, package: package)
  }
}
