import DuckDBStore
import FolderStore
import H2Store
import JSONStore
import MendKit
import PostgreSQLStore
import SQLiteStore
import StandardChecks
import StandardRepairs
import TestSupport
import Testing

/// Every plugin that comes with dbmend.
let registry = PluginRegistry(
  drivers: [
    H2Driver(), SQLiteDriver(), DuckDBDriver(), JSONDriver(), FolderDriver(documents: JSONDriver()), PostgreSQLDriver(),
  ],
  checks: standardChecks, repairs: standardRepairs)

/// One example of one plugin.
struct PluginExample: CustomTestStringConvertible, Sendable {
  let plugin: String
  let example: Example
  var testDescription: String { "\(plugin): \(example.title)" }

  static func all(_ descriptions: [PluginDescription]) -> [PluginExample] {
    let all = descriptions.flatMap { about in about.examples.map { PluginExample(plugin: about.id, example: $0) } }
    // Without DuckDB's client its examples are left out, visibly; in CI they fail.
    return all.filter { $0.example.kind != "duckdb" || (try? DuckDBFile.isHere) ?? true }
  }
}

@Suite("Every plugin's examples hold")
struct ExampleTests {
  @Test(
    "a check finds in its examples what they say, and nothing else",
    arguments: PluginExample.all(registry.checks.map(\.description)))
  func check(_ one: PluginExample) throws {
    let check = try #require(registry.check(one.plugin))
    let findings = try ExampleRunner(registry).findings(of: check, in: one.example)
    for finding in findings { expectDescribed(finding) }
    #expect(Set(findings.map(\.code)) == one.example.finds, "\(findings.map(\.message))")
    let described = Set(check.description.finds.map(\.code))
    #expect(Set(findings.map(\.code)).isSubset(of: described))
  }

  /// Rules are held against what the descriptions say, so a finding that is otherwise would be one that no rule can name.
  private func expectDescribed(_ finding: Finding) {
    let all = registry.descriptions.flatMap(\.finds).filter { $0.code == finding.code }
    #expect(all.contains { $0.severities.contains(finding.severity) }, "\(finding.code) is \(finding.severity)")
    if all.allSatisfy(\.isOfStore) {
      let place = finding.location
      #expect(place.table == nil && place.index == nil && place.column == nil && place.row == nil, "\(finding.code)")
    }
    for measure in finding.measures {
      let known = all.flatMap(\.measures).first { $0.name == measure.name }
      #expect(known?.unit == measure.unit, "\(finding.code) measures \(measure.name)")
      #expect(known?.range.contains(measure.value) == true, "\(finding.code): \(measure.name) is \(measure.value)")
    }
  }

  @Test(
    "a repair mends its examples at no more cost than it says",
    arguments: PluginExample.all(registry.repairs.map(\.description)))
  func repair(_ one: PluginExample) throws {
    let repair = try #require(registry.repair(one.plugin))
    let runner = ExampleRunner(registry)
    let store = try runner.make(one.example)
    let live = try content(store.path)
    let mending = try runner.mend(store, with: repair, one.example)
    #expect(Set(mending.before.map(\.code)).isSuperset(of: one.example.finds), "\(mending.before.map(\.message))")
    guard !one.example.finds.isEmpty else {
      #expect(mending.offer == nil)
      return
    }
    let offer = try #require(mending.offer)
    #expect(Set(offer.mends.map(\.code)).isSuperset(of: one.example.finds))
    #expect(offer.loss <= (repair.description.loss ?? .none))
    #expect(Set(mending.after.map(\.code)).isDisjoint(with: one.example.finds), "\(mending.after.map(\.message))")
    #expect(try content(store.path) == live, "the live store was touched")
  }

  /// What a file holds, or every file of a folder.
  private func content(_ path: String) throws -> [[UInt8]] {
    guard try FileStatus.of(path).kind == .folder else { return [try FileHandle.read(path).readAll(limit: 1 << 20)] }
    return try FolderWalk(path).entries.filter { $0.status.kind == .file }.map {
      try FileHandle.read(Paths.join(path, $0.path)).readAll(limit: 1 << 20)
    }
  }
}
