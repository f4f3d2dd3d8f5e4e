import MendArchive
import MendKit
import SQLiteStore
import StandardChecks
import StandardRepairs
import Synchronization
import TestSupport

@testable import MendEngine

/// A throw-away deployment on real files: SQLite stores, a configuration for them, and engines with the real plugins.
final class Deployment {
  let folder: TemporaryFolder
  var configuration: Configuration
  var settings = RunSettings(dbmendVersion: "test")
  var registry = PluginRegistry(drivers: [SQLiteDriver()], checks: standardChecks, repairs: standardRepairs)
  private let ticks = Ticks()

  static let shop = """
    create table users(id integer primary key autoincrement, name text);
    insert into users(name) values('Ada'), ('Grace'), ('Mary'), ('Joan');
    create table orders(id integer primary key, sku text, user_id integer);
    insert into orders(sku, user_id) values('bolt', 1), ('nut', 2), ('screw', 3), ('washer', 4);
    create index orders_sku on orders(sku);
    """

  /// Makes the index of the shop lack two of its rows.
  static let dropIndexEntries = """
    drop index orders_sku;
    create index orders_sku on orders(sku) where id < 3;
    pragma writable_schema = on;
    update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';
    """

  /// A deployment of `production/data`, and of more stores in the same environment by name.
  init(_ script: String = Deployment.shop, more: [String: String] = [:]) throws {
    folder = try TemporaryFolder("dbmend-engine")
    configuration = .standard
    configuration.file = folder.file("dbmend.yaml")
    configuration.repository = folder.file("backups")
    configuration.busyTimeout = 0.2
    var stores: [Configuration.Store] = []
    for (name, script) in [("data", script)] + more.sorted(by: { $0.key < $1.key }) {
      try SQLiteFile.make(folder.file("\(name).db"), script)
      stores.append(
        Configuration.Store(
          name: name, writtenPath: "\(name).db", path: folder.file("\(name).db"), checks: configuration.checks))
    }
    configuration.environments = [
      Configuration.Environment(name: "production", stores: stores, checks: configuration.checks)
    ]
  }

  var path: String { folder.file("data.db") }
  var repository: Repository { Repository(path: folder.file("backups")) }

  /// Time moves one second with every look at the clock.
  var engine: Engine {
    let ticks = ticks
    return Engine(
      configuration: configuration, registry: registry, settings: settings,
      clock: Clock(now: { 1_700_000_000 + ticks.next() }, steady: Clock.system.steady))
  }

  func store(_ name: String = "data") throws -> ManagedStore {
    guard let store = try engine.resolve(["production/\(name)"]).first else { throw Missing() }
    return store
  }

  func check(_ id: String, _ options: [OptionPair] = [], severity: Severity? = nil) {
    for environment in configuration.environments.indices {
      for store in configuration.environments[environment].stores.indices {
        configuration.environments[environment].stores[store].checks.append(
          Configuration.ConfiguredCheck(id: id, options: options, severity: severity, origin: "dbmend.yaml:9"))
      }
    }
  }

  func sql(_ script: String, on name: String = "data") throws { try SQLiteFile.make(folder.file("\(name).db"), script) }

  func value(_ query: String, in name: String = "data") throws -> String? {
    try SQLiteFile.value(folder.file("\(name).db"), query)
  }

  func bytes(_ name: String = "data.db") throws -> [UInt8] { try folder.read(name) }

  /// Everything in the folder that dbmend made beside the stores, hidden files included.
  func leftovers() throws -> [String] {
    try folder.names().filter { $0.hasPrefix(".dbmend") }
      + ((try? Paths.names(in: folder.file("backups"))) ?? []).filter { $0.hasPrefix(".") && $0 != RunLock.name }
  }

  struct Missing: Error {}
}

final class Ticks: Sendable {
  private let count = Atomic<Int64>(0)
  func next() -> Int64 { count.add(1, ordering: .relaxed).newValue }
}

extension Report {
  var code: ExitCode { ExitCode(for: self) }
  /// Everything that it says, for tests that look for a word.
  var text: String {
    (notes + problems.map(\.description)
      + stores.flatMap { $0.notes + $0.problems.map(\.description) + $0.findings.map(\.message) })
      .joined(separator: "\n")
  }
}
