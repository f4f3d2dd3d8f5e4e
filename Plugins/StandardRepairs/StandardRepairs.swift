import MendKit

/// The repairs that come with dbmend, the least invasive first.
public let standardRepairs: [any Repair] = [
  RestorePagesRepair(), RestoreFilesRepair(), SetAsideLogRepair(), ReindexRepair(), ResetSequencesRepair(),
  CreateMissingTablesRepair(), SetAsideNullKeysRepair(),
  SalvageRepair(),
  RewriteRepair(),
  RestoreBackupRepair(), RecreateSchemaRepair(),
]
