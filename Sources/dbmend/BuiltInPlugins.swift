import MendKit
import SQLiteStore
import StandardChecks
import StandardRepairs

/// The plugins that dbmend comes with. The only place that names them.
enum BuiltInPlugins {
  /// Drivers in the order in which they are asked, checks in the order in which they run, repairs in the order in which they
  /// are preferred.
  static let registry = PluginRegistry(
    drivers: [SQLiteDriver()],
    checks: [
      FileExistsCheck(), ConnectsCheck(), IntegrityCheck(), RequiredTablesCheck(), PrimaryKeysCheck(),
      SequencesCheck(), RowCountsCheck(), ForeignKeysCheck(), SQLCheck(), FreeSpaceCheck(),
    ],
    repairs: [
      ReindexRepair(), ResetSequencesRepair(), CreateMissingTablesRepair(), SetAsideNullKeysRepair(),
      RestoreBackupRepair(), RecreateSchemaRepair(),
    ])
}
