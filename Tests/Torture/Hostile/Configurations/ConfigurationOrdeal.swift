import DuckDBStore
import FolderStore
import H2Store
import JSONStore
import MendEngine
import MendKit
import PostgreSQLStore
import SQLiteStore
import StandardChecks
import StandardRepairs
import TestSupport

extension Ordeal {
  /// Configurations that are random, mutated, or made to be slow: each is read, or refused with file, line and column.
  static let hostileConfigurations = Ordeal("hostile-configurations", "configurations that nobody wrote") { effort in
    var trial = try ConfigurationTrial(effort)
    for attack in ConfigurationMaker.attacks where effort.wants(attack.name) && !effort.isOver {
      try trial.runProgram(attack.name, attack.make(), "attack")
    }
    // The library itself is quick enough for very many; every five hundredth goes through the program as well.
    var number = 0
    while !effort.isOver, number < 1_000_000, trial.outcome.failures.count < 50 {
      let name = "input-\(number)"
      number += 1
      guard effort.wants(name) else {
        if effort.only?.hasPrefix("input-") == true { continue } else { break }
      }
      var random = effort.random(name)
      let made = ConfigurationMaker.make(&random)
      if number % 500 == 0 || effort.only != nil { try trial.runProgram(name, made.bytes, made.words) }
      trial.read(name, made)
    }
    return trial.ended()
  }
}

private struct ConfigurationTrial {
  var outcome = Ordeal.Outcome()
  private let site: HostileSite
  private let registry = PluginRegistry(
    drivers: [
      H2Driver(), SQLiteDriver(), DuckDBDriver(), JSONDriver(), FolderDriver(documents: JSONDriver()),
      PostgreSQLDriver(),
    ],
    checks: standardChecks, repairs: standardRepairs)
  private var slowest = (seconds: 0.0, name: "")
  private var slowestRead = (seconds: 0.0, name: "")
  private var largest = (memory: 0, name: "")
  private var (read, refused) = (0, 0)

  /// A megabyte of nonsense may take as long as this, and this much memory.
  private static let limits = ContainedRun.Limits(seconds: 30, memory: 512 << 20)
  private static let patience = 2.0

  init(_ effort: Effort) throws { site = try HostileSite(effort) }

  func ended() -> Ordeal.Outcome {
    var outcome = outcome
    outcome.measures = [
      "\(read) taken, \(refused) refused", "slowest run \(Int(slowest.seconds * 1000)) ms (\(slowest.name))",
      "slowest read \(Int(slowestRead.seconds * 1000)) ms (\(slowestRead.name))",
      "at most \(largest.memory >> 20) MiB of memory (\(largest.name))",
    ]
    return outcome
  }

  /// Reads an input in this process.
  mutating func read(_ name: String, _ made: ConfigurationMaker.Made) {
    let start = Clock.system.steady()
    var said: String?
    // What it names is looked for here, and not there.
    let file = site.file("nowhere/dbmend.yaml")
    do throws(Problem) {
      _ = try ConfigurationLoader.parse(made.bytes, file: file, registry: registry)
      read += 1
    } catch {
      refused += 1
      if error.kind != .configuration { said = "expected a problem of the configuration, found \(error)" }
      if !Self.tellsPlace(error.said, file) { said = "expected file, line and column, found \(error.said.prefix(300))" }
    }
    let seconds = Clock.system.steady() - start
    if seconds > slowestRead.seconds { slowestRead = (seconds, name) }
    if seconds > Self.patience { said = "it took \(seconds) s" }
    outcome.count(said.map { Ordeal.Failure(name, "\($0)\n  \(made.words): \(Self.shown(made.bytes))") })
  }

  /// Has the program read an input.
  mutating func runProgram(_ name: String, _ bytes: [UInt8], _ words: String) throws {
    let file = site.file("dbmend.yaml")
    try Paths.removeFile(file)
    try FileHandle.create(file, mode: 0o644).write(bytes, at: 0)
    let run = try site.dbmend(["plugins", "integrity", "--config", "dbmend.yaml"], limits: Self.limits)
    let status = try site.dbmend(["status", "--config", "dbmend.yaml", "--format", "json"], limits: Self.limits)
    for run in [run, status] {
      var said = try site.broken(by: run, limits: Self.limits, exits: 0...3)
      let told = String(decoding: run.output + run.errors, as: UTF8.self)
      if run.exit == 2, said == nil, told.contains("use the configuration"), !told.contains("dbmend.yaml:") {
        said = "expected file, line and column\n  \(run.said)"
      }
      outcome.count(said.map { Ordeal.Failure(name, "\($0)\n  \(words): \(Self.shown(bytes))") })
      if run.seconds > slowest.seconds { slowest = (run.seconds, name) }
      if run.memory > largest.memory { largest = (run.memory, name) }
    }
  }

  /// Whether every line of a message that names the file names a place in it, too.
  private static func tellsPlace(_ said: String, _ file: String) -> Bool {
    guard let start = said.firstRange(of: file + ":") else { return false }
    let numbers = said[start.upperBound...].prefix(40).split(separator: ":").prefix(2).map { Int($0) }
    return numbers.count == 2 && numbers.allSatisfy { ($0 ?? 0) > 0 }
  }

  private static func shown(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix(1000), as: UTF8.self).debugDescription
  }
}
