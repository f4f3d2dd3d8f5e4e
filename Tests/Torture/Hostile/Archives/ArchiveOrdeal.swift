import MendKit
import TestSupport

extension Ordeal {
  /// Archives that dbmend would never write, given to every command that opens one.
  static let hostileArchives = Ordeal("hostile-archives", "archives that nobody wrote") { effort in
    let trial = try ArchiveTrial(effort)
    var outcome = Outcome()
    var slowest = (seconds: 0.0, name: "")
    var largest = (memory: 0, name: "")
    for (index, name) in trial.names.enumerated() {
      if effort.isOver || outcome.failures.count > 50 {
        outcome.measures.append("\(trial.names.count - index) cases not come to")
        break
      }
      guard effort.wants(name) else { continue }
      let (failure, run) = try trial.run(name)
      outcome.count(failure.map { Failure(name, $0) })
      if run.seconds > slowest.seconds { slowest = (run.seconds, name) }
      if run.memory > largest.memory { largest = (run.memory, name) }
    }
    outcome.measures.insert("slowest \(Int(slowest.seconds * 1000)) ms (\(slowest.name))", at: 0)
    outcome.measures.insert("at most \(largest.memory >> 20) MiB of memory (\(largest.name))", at: 1)
    return outcome
  }
}

/// The folder that the archives are brought into, and what must hold of every command in it.
private final class ArchiveTrial {
  private let site: HostileSite
  private let template: TemporaryFolder
  private var archives: [String: HostileArchive] = [:]
  /// Every case, as an archive and a command, in the order in which they are tried.
  private(set) var names: [String] = []
  /// What the store held at any time.
  private var known: [[UInt8]] = []
  private let newest: String

  private static let limits = ContainedRun.Limits(seconds: 90)

  init(_ effort: Effort) throws {
    site = try HostileSite(effort)
    template = try TemporaryFolder("dbmend-hostile-template")
    let (work, canary) = (site.work, Paths.join(site.beside, "canary"))
    try Self.fill(work)
    let store = Paths.join(work, "app.db")
    known.append(try FileHandle.read(store).readAll(limit: 1 << 30))
    for name in ["Edith", ""] {
      let backup = try site.dbmend(["backup", "--quiet"])
      guard backup.exit == 0 else { throw PreparationFailed(backup.said) }
      if name.isEmpty { break }
      try SQLiteFile.make(store, "insert into users(name) values ('\(name)')")
      known.append(try FileHandle.read(store).readAll(limit: 1 << 30))
    }
    let written = try Paths.names(in: Paths.join(work, "backups")).filter { $0.hasSuffix(".tar.zst") }
    guard let app = written.filter({ $0.hasPrefix("production_app") }).max(by: { $0.count < $1.count }),
      let files = written.first(where: { $0.hasPrefix("production_files") })
    else { throw PreparationFailed("the archives are not there: \(written)") }
    newest = app
    // The store is then what no archive has.
    try SQLiteFile.make(store, "insert into users(name) values ('Mary')")
    known.append(try FileHandle.read(store).readAll(limit: 1 << 30))
    for archive in HostileArchive.all(
      of: try GenuineArchive(Paths.join(work, "backups/" + app)),
      folder: try GenuineArchive(Paths.join(work, "backups/" + files)), canary: canary)
    {
      archives[archive.name] = archive
    }
    let copied = try TestSupport.run("cp", "-a", work, template.file("work"))
    guard copied.exit == 0 else { throw PreparationFailed(copied.errors) }
    names = Self.order(archives.keys.sorted(), effort)
  }

  private static func fill(_ work: String) throws {
    for (name, text) in [
      (
        "dbmend.yaml",
        """
        version: 1
        repository: backups
        checks: [file-exists, connects, integrity, row-counts: { max_drop: 20% }]
        environments: { production: { stores: { app: { path: app.db }, files: { path: files, kind: folder } } } }

        """
      ),
      (
        "keep-one.yaml",
        "version: 1\nrepository: backups\nretention: { keep_last: 1, keep_damaged: 1 }\n"
          + "environments: { production: { stores: { app: { path: app.db } } } }\n"
      ),
      ("fail.sh", "#!/bin/sh\n/bin/cp other.db app.db\nexit 7\n"),
    ] {
      let file = try FileHandle.create(Paths.join(work, name), mode: 0o755)
      try file.write(Array(text.utf8), at: 0)
    }
    try SQLiteFile.make(
      Paths.join(work, "app.db"),
      """
      create table users(id integer primary key, name text);
      insert into users(name) values ('Ada'), ('Grace'), ('Joan');
      create table orders(id integer primary key, sku text);
      create index orders_sku on orders(sku);
      insert into orders(sku) values ('bolt'), ('nut'), ('screw');
      """)
    try SQLiteFile.make(Paths.join(work, "other.db"), "create table other(x)")
    try Paths.makeFolder(Paths.join(work, "files/sub"))
    for name in ["a", "sub/b"] {
      try FileHandle.create(Paths.join(work, "files/" + name), mode: 0o644).write(Array("\(name)\n".utf8), at: 0)
    }
  }

  /// What is tried with each archive: those commands first that write what they find.
  private static let commands = [
    "restore", "output", "own", "verify", "latest", "prune", "backup", "check", "repair", "put-back", "list", "status",
    "json",
  ]

  /// The archives that broke something once, or would lead out of the folder.
  private static let first = [
    "folder-line-3-modified restore", "manifest-kind-postgresql output", "manifest-elsewhere-uri own",
    "manifest-elsewhere own",
    "copy-sequence backup", "manifest-sequence-max backup", "frame-nested-twice restore", "folder-through verify",
    "folder-twice verify", "name-0-main restore", "name-3-main output", "type-through restore", "type-link1-0 restore",
    "type-link2-content-0 output", "frame-bomb-sparse restore", "frame-bomb-main verify", "copy-damaged prune",
    "copy-sequence prune", "place-link-canary prune", "manifest-rows-max check", "manifest-rows-min restore",
  ]

  /// Every archive with every command, in an order that a seed draws, behind what hangs most on.
  private static func order(_ archives: [String], _ effort: Effort) -> [String] {
    var random = effort.random("archives")
    var names = archives.flatMap { archive in commands.map { "\(archive) \($0)" } }.shuffled(using: &random)
    names.removeAll { first.contains($0) }
    return first + names
  }

  /// Runs one case; what broke, and the run.
  func run(_ name: String) throws -> (String?, ContainedRun) {
    let words = name.split(separator: " ").map(String.init)
    guard let command = words.last, let archive = archives[words.dropLast().joined(separator: " ")] else {
      throw PreparationFailed("there is no case '\(name)'")
    }
    try site.reset(to: template.file("work"))
    let good = try Surroundings(site.file("backups"))
    let isInside = ["latest", "prune", "backup", "check", "put-back", "list", "status", "json"].contains(command)
    let file = isInside ? "backups/production_app_99990101_000000.tar.zst" : "in/evil.tar.zst"
    try place(archive, at: site.file(file))
    var line = line(of: command, file)
    let isFolder = archive.name.hasPrefix("folder-")
    if isFolder, !["repair", "put-back"].contains(command) { line = line.map { $0 == "app" ? "files" : $0 } }
    if command == "repair" {
      let store = try FileHandle.update(site.file("app.db"))
      try store.write([UInt8](repeating: 0x5A, count: 4096), at: 4096)
    }
    let before = try FileHandle.read(site.file("app.db")).readAll(limit: 1 << 30)
    let files = try Surroundings(site.file("files"))
    let run = try site.dbmend(line, limits: Self.limits)
    var said: [String] = []
    let changed = ["app.db", "files", "out", "backups"]
    if let broken = try site.broken(
      by: run, limits: Self.limits,
      mayChange: { path in
        changed.contains { path == $0 || path.hasPrefix($0 + "/") }
      })
    {
      said.append(broken)
    }
    if let broken = try stores(command, archive, before, files, run) { said.append(broken + "\n  " + run.said) }
    if let broken = try repository(command, good) {
      said.append(broken + "\n  " + run.said)
    }
    return (said.isEmpty ? nil : said.joined(separator: "\n  "), run)
  }

  private func line(of command: String, _ file: String) -> [String] {
    switch command {
    case "restore": ["restore", file, "app"]
    case "own": ["restore", file]
    case "output": ["restore", file, "app", "--output", "out"]
    case "verify": ["verify", file]
    case "latest": ["restore", "latest", "app"]
    case "prune": ["prune", "--config", "keep-one.yaml"]
    case "backup": ["backup", "app"]
    case "check": ["check", "app"]
    case "repair": ["repair", "app", "--from", file, "--max-loss", "changes", "--yes"]
    case "put-back": ["preflight", "app", "--", "./fail.sh"]
    case "list": ["list"]
    case "status": ["status"]
    default: ["list", "--format", "json"]
    }
  }

  private func place(_ archive: HostileArchive, at path: String) throws {
    try Paths.makeFolder(Paths.folder(of: path))
    if let place = archive.place { return try place(path) }
    try FileHandle.create(path, mode: 0o600).write(archive.bytes(), at: 0)
    if let copy = archive.copy() {
      try FileHandle.create(path.replacing(".tar.zst", with: ".manifest.json"), mode: 0o600).write(copy, at: 0)
    }
  }

  /// What the run broke of what must hold for the stores.
  private func stores(
    _ command: String, _ archive: HostileArchive, _ before: [UInt8], _ files: Surroundings, _ run: ContainedRun
  ) throws -> String? {
    let now =
      FileStatus.exists(site.file("app.db")) ? try FileHandle.read(site.file("app.db")).readAll(limit: 1 << 30) : []
    let isFolder = archive.name.hasPrefix("folder-")
    if command == "repair" {
      if run.exit == 0, Opinion.ofEngine(site.file("app.db")).verdict != .sound {
        return "it called a damaged store repaired"
      }
      if run.exit != 0, now != before { return "a repair that failed changed the store" }
    } else if now != before, !known.contains(now) {
      return "the store holds what it never held (\(now.count) bytes)"
    } else if !["restore", "own", "latest"].contains(command) || isFolder, now != before {
      return "the store was changed"
    }
    let output = site.file("out")
    if run.exit == 0, archive.fate == .refused, ["restore", "output", "own", "verify"].contains(command) {
      return "expected the archive to be refused, found exit 0"
    }
    if archive.fate == .sound, run.exit != 0, ["restore", "output", "verify"].contains(command) {
      return "expected the archive to be taken"
    }
    if run.exit != 0, command == "output", archive.fate == .refused, FileStatus.exists(output) {
      return "a restore that failed left its output"
    }
    if run.exit == 0, command == "output", !isFolder,
      !known.contains(try FileHandle.read(output).readAll(limit: 1 << 30))
    {
      return "what it wrote is not what the store held"
    }
    if run.exit != 0, command == "restore", isFolder,
      let difference = try Surroundings(site.file("files")).difference(from: files)
    {
      return "a restore that failed changed the folder: \(difference)"
    }
    if command == "put-back", run.exit != 4 { return "expected a put-back and exit 4" }
    if command == "backup", archive.fate != .any, run.exit != 0 { return "expected a backup beside the other archive" }
    if command == "latest", archive.fate == .refused, !isFolder, run.exit == 0, now != known[1] {
      return "expected the newest good archive in the store's place"
    }
    return nil
  }

  /// What the run broke of what must hold for the good archives.
  private func repository(_ command: String, _ good: Surroundings) throws -> String? {
    let now = try Surroundings(site.file("backups"))
    let ours: ([UInt8]) -> Bool = { path in
      let name = String(decoding: path, as: UTF8.self)
      // With a retention of one only the newest has to stay.
      return command == "prune" ? name == self.newest : name.hasPrefix("production_") && name.hasSuffix(".tar.zst")
    }
    var kept = now.only(ours)
    kept.keep(only: good)
    guard let difference = kept.difference(from: good.only(ours)) else { return nil }
    return "of the good archives \(difference)"
  }
}
