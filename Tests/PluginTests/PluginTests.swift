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
    #expect(try ExampleRunner(registry).complaints(about: check, in: one.example) == [])
  }

  @Test(
    "a repair mends its examples at no more cost than it says",
    arguments: PluginExample.all(registry.repairs.map(\.description)))
  func repair(_ one: PluginExample) throws {
    let repair = try #require(registry.repair(one.plugin))
    #expect(try ExampleRunner(registry).complaints(about: repair, in: one.example) == [])
  }
}
