import MendKit
import TestSupport

extension Ordeal {
  /// Stores of every kind, and archives, whose bytes were mutated, through the program's own check and repair.
  static let hostileStores = Ordeal("hostile-stores", "stores and archives with mutated bytes") { effort in
    var trial = try StoreTrial(effort)
    let kinds = try trial.kinds()
    var number = 0
    while !effort.isOver, number < 1_000_000, trial.outcome.failures.count < 50 {
      // Each kind has its turn, those that need a program of their own more rarely: they take ten times as long.
      let kind = kinds[number % kinds.count]
      let name = "\(kind)-\(number)"
      number += 1
      guard effort.wants(name) else { continue }
      try trial.run(kind, name, effort)
    }
    return trial.ended()
  }
}

private struct StoreTrial {
  var outcome = Ordeal.Outcome()
  private let site: HostileSite
  private let pool: DatabasePool
  private let bases: TemporaryFolder
  private var images: [String: [UInt8]] = [:]
  private var tried: [String: Int] = [:]
  private var slowest = (seconds: 0.0, name: "")
  private var largest = (memory: 0, name: "")
  private let jar = "/usr/share/java/h2.jar"

  private static let limits = ContainedRun.Limits(seconds: 60, memory: 1 << 30)

  init(_ effort: Effort) throws {
    var programs: [String: String] = [:]
    if let duckdb = try DuckDBFile.client() { programs["duckdb"] = duckdb }
    if FileStatus.exists("/usr/bin/java") { programs["java"] = "/usr/bin/java" }
    site = try HostileSite(effort, programs: programs)
    pool = try DatabasePool(size: .tiny)
    bases = try TemporaryFolder("dbmend-hostile-bases")
  }

  func ended() -> Ordeal.Outcome {
    var outcome = outcome
    outcome.measures = [
      tried.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "),
      "slowest \(Int(slowest.seconds * 1000)) ms (\(slowest.name))",
      "at most \(largest.memory >> 20) MiB of memory (\(largest.name))",
    ]
    return outcome
  }

  /// What is tried in turn.
  func kinds() throws -> [String] {
    var kinds = ["archive", "sqlite", "json", "archive", "manifest", "folder"]
    kinds += kinds + kinds
    if try DuckDBFile.client() != nil { kinds.append("duckdb") }
    if FileStatus.exists(jar), FileStatus.exists("/usr/bin/java") { kinds.append("h2") }
    return kinds
  }

  mutating func run(_ kind: String, _ name: String, _ effort: Effort) throws {
    var random = effort.random(name)
    tried[kind, default: 0] += 1
    try Paths.removeTree(site.work)
    try Paths.makeFolder(site.work)
    switch kind {
    case "archive", "manifest", "folder": try archive(kind, name, &random)
    default: try store(kind, name, &random)
    }
  }

  /// Checks and repairs a store whose bytes were mutated.
  private mutating func store(_ kind: String, _ name: String, _ random: inout SeededRandom) throws {
    let file = ["sqlite": "app.db", "json": "app.json", "duckdb": "app.duckdb", "h2": "app.mv.db"][kind] ?? "app"
    let words: String
    let path = site.file(file)
    if kind == "sqlite", random.chance(70) {
      let damaged = DamagedDatabase(number: random.next() >> 8, bases: 40)
      words = try damaged.write(to: path, from: pool).map { "\($0)" } ?? "nothing"
      if !FileStatus.exists(path) { return }
    } else {
      var bytes = kind == "sqlite" ? try pool.image(UInt64(random.int(0...39))).bytes : try image(kind)
      words = Mutation.apply(to: &bytes, &random)
      try FileHandle.create(path, mode: 0o644).write(bytes, at: 0)
    }
    let before = try FileHandle.read(path).readAll(limit: 1 << 30)
    var commands = [
      ["check", "./" + file, "--format", "json"],
      ["repair", "./" + file, "--output", "out", "--yes", "--max-loss", "everything"],
    ]
    if random.chance(30) {
      commands.append(["repair", "./" + file, "--yes", "--max-loss", random.pick(["none", "rows", "changes"])])
    }
    for line in commands {
      let run = try site.dbmend(line, limits: Self.limits)
      let isInPlace = line[0] == "repair" && !line.contains("--output")
      var said = try site.broken(
        by: run, limits: Self.limits,
        mayChange: { path in
          line[0] == "repair"
            && (path.hasPrefix("out") || path.hasPrefix("dbmend-archives") || isInPlace && path.hasPrefix("app"))
        })
      if said == nil, line[0] == "check", (try? JSONValue(parsing: run.output))?.members == nil {
        said = "standard output is no JSON\n  \(run.said)"
      }
      if said == nil, isInPlace, run.exit != 0, try FileHandle.read(path).readAll(limit: 1 << 30) != before {
        said = "a repair that failed changed the store\n  \(run.said)"
      }
      let result = isInPlace ? path : site.file("out")
      if said == nil, line[0] == "repair", run.exit == 0, FileStatus.exists(result) {
        said = try unsound(kind, result).map { "\($0)\n  \(run.said)" }
      }
      note(run, name, said, words)
    }
  }

  /// What is wrong with what was called repaired.
  private func unsound(_ kind: String, _ path: String) throws -> String? {
    switch kind {
    case "sqlite":
      let opinion = Opinion.ofEngine(path)
      return opinion.verdict == .damaged ? "it was called repaired, and SQLite says: \(opinion)" : nil
    case "json":
      let bytes = try FileHandle.read(path).readAll(limit: 1 << 30)
      return (try? JSONValue(parsing: bytes)) == nil ? "it was called repaired, and is no JSON" : nil
    default: return nil
    }
  }

  /// Restores, verifies and lists an archive of which bytes were mutated: of its file, of the manifest beside it, or, packed anew, of
  /// what it holds.
  private mutating func archive(_ kind: String, _ name: String, _ random: inout SeededRandom) throws {
    let source = try archived()
    let copied = try TestSupport.run("cp", "-a", source + "/.", site.work)
    guard copied.exit == 0 else { throw PreparationFailed(copied.errors) }
    let backups = site.file("backups")
    let wanted = kind == "folder" ? "production_files" : "production_" + random.pick(["app", "app", "files"])
    let names = try Paths.names(in: backups).filter {
      $0.hasPrefix(wanted) && $0.hasSuffix(kind == "manifest" ? ".manifest.json" : ".tar.zst")
    }
    guard let file = names.first.map({ Paths.join(backups, $0) }) else {
      throw PreparationFailed("no archive of \(wanted)")
    }
    var words: String
    if kind == "folder" || kind == "archive" && random.chance(50) {
      // Within the frame, so that what is mutated is not found by the checksum of the compression.
      let tar = bases.file("tar")
      let unpacked = try TestSupport.run("zstd", "-dqf", file, "-o", tar)
      guard unpacked.exit == 0 else { throw PreparationFailed(unpacked.errors) }
      var bytes = try FileHandle.read(tar).readAll(limit: 1 << 30)
      words = "inside " + Mutation.apply(to: &bytes, &random)
      try Durable.write(Zstd.frame(bytes), to: file)
      try Paths.removeFile(file.replacing(".tar.zst", with: ".manifest.json"))
    } else {
      var bytes = try FileHandle.read(file).readAll(limit: 1 << 30)
      words = Mutation.apply(to: &bytes, &random)
      try Durable.write(bytes, to: file)
      if kind == "archive", random.chance(50) {
        try Paths.removeFile(file.replacing(".tar.zst", with: ".manifest.json"))
      }
    }
    words += ", \(kind) of \(wanted)"
    let target = wanted == "production_app" ? "app" : "files"
    let archive = "backups/" + Paths.name(of: file).replacing(".manifest.json", with: ".tar.zst")
    let line =
      random.chance(50)
      ? ["restore", archive, target]
      : random.pick([
        ["list"], ["verify"], ["restore", archive, target, "--output", "out"], ["restore", "latest", target],
        ["backup"], ["prune"],
        ["status"], ["check"], ["repair", target, "--from", archive, "--yes"],
      ])
    let content = try FileHandle.read(site.file("app.db")).readAll(limit: 1 << 30)
    let run = try site.dbmend(line, limits: Self.limits)
    var said = try site.broken(
      by: run, limits: Self.limits,
      mayChange: { path in
        ["backups", "out", "files"].contains { path == $0 || path.hasPrefix($0 + "/") }
          || path == "app.db" && line[0] == "restore"
      })
    // There is one content only that the store ever had.
    if said == nil, try FileHandle.read(site.file("app.db")).readAll(limit: 1 << 30) != content {
      said = "the store holds what it never held\n  \(run.said)"
    }
    note(run, name, said, words)
  }

  private mutating func note(_ run: ContainedRun, _ name: String, _ said: String?, _ words: String) {
    if run.seconds > slowest.seconds { slowest = (run.seconds, name) }
    if run.memory > largest.memory { largest = (run.memory, name) }
    outcome.count(said.map { Ordeal.Failure(name, "\($0)\n  \(words)") })
  }

  /// A folder with two stores and their archives.
  private func archived() throws -> String {
    let folder = bases.file("archived")
    if FileStatus.exists(folder) { return folder }
    try Paths.makeFolder(site.file("files/sub"))
    for name in ["a", "sub/b", "sub/c"] {
      try FileHandle.create(site.file("files/" + name), mode: 0o644).write(Array(name.utf8), at: 0)
    }
    _ = symlink("a", site.file("files/l"))
    try SQLiteFile.make(
      site.file("app.db"),
      "create table users(id integer primary key, name text); insert into users(name) values ('Ada'), ('Grace');")
    try FileHandle.create(site.file("dbmend.yaml"), mode: 0o644).write(
      Array(
        "version: 1\nrepository: backups\nenvironments: { production: { stores: { app: { path: app.db }, files: { path: files, kind: folder } } } }\n"
          .utf8),
      at: 0)
    let backup = try site.dbmend(["backup"])
    guard backup.exit == 0 else { throw PreparationFailed(backup.said) }
    let copied = try TestSupport.run("cp", "-a", site.work, folder)
    guard copied.exit == 0 else { throw PreparationFailed(copied.errors) }
    try Paths.removeTree(site.work)
    try Paths.makeFolder(site.work)
    return folder
  }

  /// A sound store of a kind.
  private mutating func image(_ kind: String) throws -> [UInt8] {
    if let image = images[kind] { return image }
    let script =
      "create table users(id integer primary key, name varchar, note varchar); insert into users select x, 'name ' || x, repeat('y', x % 50) from "
    switch kind {
    case "json":
      images[kind] = Array(
        """
        {"users": [{"id": 1, "name": "Ada \\u00e9 \\ud83d\\ude00", "tags": ["a", "b"], "more": {"x": null, "y": [true, false, -1.5e-10]}},
          {"id": 2, "name": "Grace", "big": 123456789012345678901234567890, "deep": [[[[[[{"a": {"b": {"c": []}}}]]]]]]}], "": {}, "n": 0}

        """.utf8)
    case "duckdb":
      try DuckDBFile.run(
        bases.file("app.duckdb"), script + "range(1, 400) t(x); create index users_name on users(name); checkpoint;")
      images[kind] = try bases.read("app.duckdb")
    default:
      let made = try TestSupport.run(
        "/usr/bin/java", "-cp", jar, "org.h2.tools.Shell", "-url", "jdbc:h2:" + bases.file("app"), "-user", "sa",
        "-sql",
        script + "system_range(1, 400); create index users_name on users(name)")
      guard made.exit == 0 else { throw PreparationFailed("H2: \(made.errors.prefix(600))") }
      images[kind] = try bases.read("app.mv.db")
    }
    return images[kind] ?? []
  }
}
