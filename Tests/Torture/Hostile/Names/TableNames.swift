import MendKit
import TestSupport

/// Stores whose tables, columns and indexes have hostile names, of every kind whose engine is here.
final class TableNames {
  private let site: HostileSite
  private var bases: [String: TemporaryFolder] = [:]
  private var cluster: PostgresCluster?
  private let jar = "/usr/share/java/h2.jar"

  init(site: HostileSite) { self.site = site }

  static let commands = ["check", "formats", "backup", "repair", "init", "salvage"]

  /// The kinds that can be tried here.
  func kinds() throws -> [String] {
    var kinds = ["sqlite"]
    if try DuckDBFile.client() != nil { kinds.append("duckdb") }
    if FileStatus.exists(jar), FileStatus.exists("/usr/bin/java") { kinds.append("h2") }
    if PostgresCluster.programs != nil { kinds.append("postgresql") }
    return kinds
  }

  /// Runs a command on a store of a kind; what broke.
  func run(_ kind: String, _ command: String, _ trial: NameTrial) throws -> [String] {
    try site.reset(to: base(of: kind).file("work"))
    let store = kind == "postgresql" ? try database() : "./" + file(of: kind)
    switch command {
    case "check": return try run(["check", store, "--explain", "--verbose"], "text", kind, trial)
    case "formats":
      return try ["json", "junit", "sarif", "github"].flatMap {
        try run(["check", store, "--format", $0], $0, kind, trial)
      }
    case "backup":
      return try [
        ["backup", store], ["preflight", store, "--", "/bin/false"], ["restore", "latest", store], ["list"], ["verify"],
      ].flatMap {
        try run($0 + ["--repository", "archives"], "text", kind, trial)
      }
    case "repair":
      let output = kind == "postgresql" ? "out.dump" : "out"
      return try [
        ["repair", "--plan", store], ["repair", store, "--output", output, "--yes"], ["repair", store, "--yes"],
      ].flatMap {
        try run($0 + ["--repository", "archives"], "text", kind, trial)
      }
    case "init":
      guard kind != "postgresql" else { return [] }
      var said = kind == "sqlite" ? try run(["repair", store, "--yes"], "text", kind, trial) : []
      said += try run(["init", "."], "text", kind, trial)
      guard FileStatus.exists(site.file("dbmend.yaml")) else { return said + ["'init' wrote no configuration"] }
      let check = try site.dbmend(["check"])
      // What it wrote is read again, whatever the tables are called.
      if check.exit == 2 { return said + ["the configuration that 'init' wrote is refused\n  " + check.said] }
      return said
    default:
      guard kind != "postgresql" else { return [] }
      let handle = try FileHandle.update(site.file(file(of: kind)))
      let size = try handle.status().size
      for place in stride(from: size / 3, to: size, by: max(4096, size / 5)) {
        try handle.write([UInt8](repeating: 0x5A, count: 600), at: place)
      }
      handle.close()
      return try run(["repair", store, "--output", "out", "--max-loss", "everything", "--yes"], "text", kind, trial)
    }
  }

  private func run(_ words: [String], _ format: String, _ kind: String, _ trial: NameTrial) throws -> [String] {
    let limits = ContainedRun.Limits(seconds: 120, memory: 2 << 30)
    let run = try site.dbmend(words, limits: limits)
    var said: [String] = []
    if let broken = try site.broken(
      by: run, limits: limits,
      mayChange: { path in
        ["archives", "dbmend-archives", "out", "dbmend.yaml", self.file(of: kind)].contains {
          path == $0 || path.hasPrefix($0 + "/") || path.hasPrefix("out")
        }
      })
    {
      said.append(broken)
    }
    if let flaw = try trial.flaw(of: run, format) { said.append(flaw + "\n  " + run.said) }
    return said
  }

  private func file(of kind: String) -> String { kind == "h2" ? "app.mv.db" : "app." + kind }

  private static func quoted(_ name: String) -> String { "\"" + name.replacing("\"", with: "\"\"") + "\"" }

  /// A table of every name, with a column and an index of names beside it, and a table that nobody may drop.
  private static func script(_ names: [String], indexed: String = "", limit: Int = 1000) -> String {
    var script =
      "create table users(id integer primary key, name varchar); insert into users values (1, 'Ada'), (2, 'Grace');\n"
    var used: Set<String> = ["users", "id"]
    for (index, full) in names.enumerated() {
      var name = String(full.prefix(limit))
      // Some engines do not tell capitals from small letters.
      while used.contains(name.lowercased()) || name.isEmpty { name += "\(index)" }
      used.insert(name.lowercased())
      let column = name == "id" ? "id_" : name
      script += "create table \(quoted(name))(id integer primary key, \(quoted(column)) varchar, other varchar);\n"
      script += "insert into \(quoted(name)) values (1, 'a', 'b'), (2, '\(name.replacing("'", with: "''"))', null);\n"
      script +=
        "create index \(quoted(name.prefix(limit - 2) + "_i\(index)")) on \(quoted(name))(\(quoted(column)), other)\(indexed);\n"
    }
    return script
  }

  private func base(of kind: String) throws -> TemporaryFolder {
    if let base = bases[kind] { return base }
    let folder = try TemporaryFolder("dbmend-hostile-tables")
    try Paths.makeFolder(folder.file("work"))
    let path = folder.file("work/" + file(of: kind))
    var names = HostileNames.ofTables
    switch kind {
    case "sqlite":
      names.removeAll { $0.hasPrefix("sqlite_") }
      try SQLiteFile.make(path, Self.script(names, indexed: " where id < 2"))
      // Every index lacks the entry of a row, so that every name is spoken of.
      try SQLiteFile.make(
        path,
        "pragma writable_schema = on; update sqlite_schema set sql = replace(sql, ' where id < 2', '') where type = 'index'"
      )
    case "duckdb": try DuckDBFile.run(path, Self.script(names))
    case "h2":
      names.removeAll { $0.count > 250 }
      try folder.write(Self.script(names), to: "script.sql")
      let made = try TestSupport.run(
        "/usr/bin/java", "-cp", jar, "org.h2.tools.RunScript", "-url", "jdbc:h2:" + path.dropLast(6), "-user", "sa",
        "-script",
        folder.file("script.sql"))
      guard made.exit == 0 else { throw PreparationFailed("H2: \(made.errors.prefix(1000))") }
    default: break
    }
    bases[kind] = folder
    return folder
  }

  private func database() throws -> String {
    let cluster = try self.cluster ?? PostgresCluster.shared()
    self.cluster = cluster
    let names = HostileNames.ofTables.filter { !$0.hasPrefix("pg_") }
    let name = try cluster.database(Self.script(names, limit: 50))
    return cluster.uri(name)
  }
}
