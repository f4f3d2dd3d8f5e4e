import MendKit
import TestSupport

/// A shop with a database and a document, and two runs on it.
final class RunPair {
  let folder: TemporaryFolder
  private let program: String
  private let commands: [PairedCommand]
  private let isApart: Bool
  private let delay: Int
  /// How many runs gave up because of the other.
  private(set) var refused = 0

  /// `isApart` gives the second run a repository of its own; `delay` milliseconds lie between the two.
  init(_ effort: Effort, _ one: PairedCommand, _ other: PairedCommand, isApart: Bool, delay: Int) throws {
    folder = try TemporaryFolder("dbmend-pair")
    program = effort.program
    commands = [one, other]
    self.isApart = isApart
    self.delay = delay
    try Self.makeShop(folder)
    for repository in ["backups", "apart"] {
      let result = try run([program, "backup", "--repository", repository], folder: folder.path)
      guard result.exit == 0 else { throw PreparationFailed("backup: \(result.output)\(result.errors)") }
    }
    if commands.contains(.repair) {
      try SQLiteFile.make(
        folder.file("app.db"),
        """
        drop index orders_sku;
        create index orders_sku on orders(sku) where id < 30;
        pragma writable_schema = on;
        update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';
        """)
    }
  }

  static func makeShop(_ folder: TemporaryFolder) throws {
    try SQLiteFile.make(
      folder.file("app.db"),
      """
      create table orders(id integer primary key, sku text);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
        insert into orders select i, 'sku-' || i from n;
      create index orders_sku on orders(sku);
      """)
    try folder.write(#"{"a": 1}"#, to: "state.json")
    try folder.write(
      """
      version: 1
      repository: backups
      environments: { shop: { stores: { app: { path: app.db }, state: { path: state.json } } } }
      """, to: "dbmend.yaml")
  }

  private func start(_ index: Int) throws -> StartedRun {
    let command = commands[index]
    var words = command.words("from-\(index)")
    if isApart, index == 1 { words.insert(contentsOf: ["--repository", "apart"], at: 1) }
    return try StartedRun([program] + words, in: folder.path, input: "{\"from\": \(index)}")
  }

  // MARK: Both live

  /// Runs both; what is wrong with how they ended, or with what is there then.
  func runBoth() throws -> String? {
    let first = try start(0)
    usleep(UInt32(delay * 1_000))
    let second = try start(1)
    let runs = [first, second]
    let results = [try first.end(), try second.end()]
    let said = zip(runs, results).map { run, result in
      "\n$ \(run.words.dropFirst().joined(separator: " ")) (process \(run.pid)): exit \(result.exit)\n"
        + "\(result.output.suffix(700))\(result.errors.suffix(700))"
    }.joined()
    var isDone: [Bool] = []
    for index in 0...1 {
      let other = runs[1 - index].pid
      isDone.append(isAsAlone(commands[index], results[index]))
      if isDone[index] { continue }
      guard results[index].exit == 3 || results[index].exit == 1,
        Self.names(other, in: results[index])
      else {
        return "'\(commands[index].rawValue)' ended neither as it does alone nor by naming the other run, \(other)"
          + said
      }
      refused += 1
    }
    guard isDone.contains(true) else { return "each run gave way to the other" + said }
    return try whole(isDone).map { $0 + said }
  }

  private func isAsAlone(_ command: PairedCommand, _ result: ProgramResult) -> Bool {
    if result.exit == command.exit { return true }
    // A damaged store is found damaged until it is repaired.
    guard commands.contains(.repair) else { return false }
    return [.check, .backup, .status].contains(command) && result.exit == 1
  }

  private static func names(_ pid: Int, in result: ProgramResult) -> Bool {
    (result.output + result.errors).contains("process \(pid)") || (result.output + result.errors).contains("(\(pid))")
  }

  /// What is wrong with the folder after both; `isDone` says which of them did what it does alone.
  private func whole(_ isDone: [Bool]) throws -> String? {
    let app = folder.file("app.db")
    let mends = zip(commands, isDone).contains { $1 && [.repair, .restore, .migrate, .fail].contains($0) }
    let integrity = try SQLiteFile.value(app, "pragma integrity_check") ?? ""
    if integrity != "ok", mends || !commands.contains(.repair) { return "the store is left damaged: \(integrity)" }
    for (index, command) in commands.enumerated() {
      let rows = try SQLiteFile.value(app, "select count(*) from orders where sku = 'from-\(index)'")
      if command == .fail, rows != "0" { return "what the failed command of run \(index + 1) did is still there" }
      if command == .migrate, isDone[index], commands[1 - index] != .restore, rows != "1" {
        return "what the command of run \(index + 1) did, which succeeded, is there \(rows ?? "") times"
      }
    }
    let rows = try SQLiteFile.value(app, "select count(*) from orders not indexed where sku like 'sku-%'")
    if rows != "3000" { return "of 3000 orders there are \(rows ?? "none")" }
    return try left()
  }

  /// What is wrong with what runs left behind.
  private func left() throws -> String? {
    for repository in ["backups", "apart"] {
      let names = try Paths.names(in: folder.file(repository)).filter { $0.hasPrefix(".") && $0 != ".dbmend.lock" }
      if !names.isEmpty { return "left in \(repository): \(names)" }
      let verified = try run([program, "verify", "--repository", repository], folder: folder.path)
      if verified.exit != 0 { return "verify of \(repository): \(verified.output)\(verified.errors)" }
    }
    let names = try folder.names().filter { $0.hasPrefix(".") || $0.hasPrefix("app.db-") }
    return names.isEmpty ? nil : "left beside the store: \(names)"
  }

  // MARK: The first is killed

  /// Kills the first run at its random moment. The second then has nothing to wait for, and takes over.
  func killFirst() throws -> String? {
    let first = try start(0)
    usleep(UInt32(delay * 500))
    first.signal(SIGKILL)
    let before = try first.end()
    let second = try start(1)
    let result = try second.end()
    let said =
      "\n$ \(first.words.dropFirst().joined(separator: " ")), killed: exit \(before.exit)"
      + "\n$ \(second.words.dropFirst().joined(separator: " ")): exit \(result.exit)\n\(result.output.suffix(900))\(result.errors.suffix(900))"
    if (result.output + result.errors).contains("another run of dbmend is working") {
      return "a run that was killed still holds its lock" + said
    }
    // A command that the killed run started may still be at work in the store.
    guard isAsAlone(commands[1], result) || [1, 3, 5].contains(result.exit) && commands[0].isCommand else {
      return "the run after a killed one did not end as it does alone" + said
    }
    usleep(commands[0].isCommand ? 100_000 : 0)
    guard try run([program, "backup"], folder: folder.path).exit <= 1 else { return "a backup afterwards fails" + said }
    if isApart { _ = try run([program, "backup", "--repository", "apart"], folder: folder.path) }
    return try left().map { $0 + said }
  }
}

extension PairedCommand {
  /// Whether it starts a program that outlives it when it is killed.
  var isCommand: Bool { self == .migrate || self == .fail }
}
