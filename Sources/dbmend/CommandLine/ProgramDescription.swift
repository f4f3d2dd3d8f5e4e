/// What the program says of itself: the one description that parsing, help, completions and the manual page are made from.
struct ProgramDescription: Sendable {
  /// The program's version.
  static let version = "0.1.0"

  /// The commands, in the order in which the help lists them.
  var commands: [CommandDescription]

  /// What the program is for, in one sentence without the full stop.
  let summary = "check, back up and repair the data files that an application lives on"

  /// What stands at the start of the manual page.
  let discussion = [
    "dbmend guards stores (SQLite databases and JSON files) at the moment when they are most at risk: just before an update. "
      + "Checks read a store and produce findings; repairs mend findings on a working copy, which takes the store's "
      + "place only when the same checks pass on it, and only after an archive of the old content has been written and "
      + "read back.",
    "Without a configuration a path is checked by what every store must satisfy, and archives are kept in "
      + "dbmend-archives/ beside it. dbmend.yaml, which 'dbmend init' writes, names the stores of an application and "
      + "what must hold for them.",
  ]

  /// What each exit code means, as a promise to scripts.
  let exitCodes: [(code: Int, meaning: String)] = [
    (0, "Healthy; or repaired, and verified healthy; and the command after --, if any, succeeded"),
    (1, "Findings remain, a missing path among them; nothing was changed, or the change was undone"),
    (2, "Wrong use, or an error in the configuration"),
    (3, "A store could not be checked: locked, no permission, disk full, a format that is not supported"),
    (4, "The command after -- failed, and every store has the content it had before it"),
    (5, "The same, and a store could not be put back; the report says where its archive is"),
  ]

  /// The environment variables that matter beside those of options.
  let variables: [(name: String, meaning: String)] = [
    ("NO_COLOR", "Use no colours when it is set to anything")
  ]

  /// Command lines to begin with.
  let examples = [
    CommandExample(line: "dbmend check app.db", meaning: "Is the file sound?"),
    CommandExample(line: "dbmend repair app.db", meaning: "Mend it, after an archive of it was taken"),
    CommandExample(line: "dbmend init data/", meaning: "Write a dbmend.yaml for the databases in a folder"),
    CommandExample(
      line: "dbmend preflight -- ./update.sh", meaning: "Update, and put the data back if the update ruins it"),
  ]

  /// The command of a name.
  func command(_ name: String) -> CommandDescription? { commands.first { $0.name == name } }
}
