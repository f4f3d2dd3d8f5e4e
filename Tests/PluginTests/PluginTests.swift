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
    let runner = ExampleRunner(registry)
    #expect(try runner.complaints(about: check, in: one.example) == [])
    for finding in try runner.findings(of: check, in: one.example) { expectDescribed(finding) }
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
    #expect(try ExampleRunner(registry).complaints(about: repair, in: one.example) == [])
  }
}
