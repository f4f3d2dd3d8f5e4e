import DuckDBStore
import FolderStore
import H2Store
import JSONStore
import MendKit
import PostgreSQLStore
import SQLiteStore
import StandardChecks
import StandardRepairs

/// The plugins that dbmend comes with. Checks and repairs are named by their rooms, in the order in which they run and are
/// preferred; drivers are named here, in the order in which they are asked whether they know a file.
enum BuiltInPlugins {
  /// All of them.
  static let registry = PluginRegistry(
    drivers: [
      H2Driver(), SQLiteDriver(), DuckDBDriver(), JSONDriver(), FolderDriver(documents: JSONDriver()),
      PostgreSQLDriver(),
    ],
    checks: standardChecks, repairs: standardRepairs)
}
