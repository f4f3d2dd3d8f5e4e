import MendKit

/// The checks that come with dbmend, in the order in which they run: what is cheap and about the file first, and those
/// that profit from the findings of others after them.
public let standardChecks: [any Check] = [
  FileExistsCheck(), ConnectsCheck(), FreeSpaceCheck(), IntegrityCheck(), RequiredTablesCheck(),
  RequiredKeysCheck(), PrimaryKeysCheck(), SequencesCheck(), ForeignKeysCheck(), RowCountsCheck(), SizeCheck(),
  SQLCheck(), CommandCheck(),
]
