import MendKit

/// The messages between dbmend and plugins from outside: one JSON object as a request, one as its reply.
enum MessageFormat {
  /// The version of the message, which every request carries under `dbmend`.
  static let version = 1

  /// What a plugin may be asked.
  enum Method: String, CaseIterable {
    case describe, check, offer, repair
  }

  static let requests = [describeRequest, checkRequest, offerRequest, repairRequest]
  static let replies = [describeReply, description, checkReply, offerReply, repairReply, errorReply]

  /// Every object, the outermost ones first.
  static let objects =
    requests + replies + [
      findingDescription, option, example, damage, store, place, catalog, table, column, index, sequence, finding,
      measure, archive, limits, schemaText, offer, tally, failure,
    ]

  private static let severities = MessageShape.words(Severity.allCases.map(\.rawValue))
  private static let losses = MessageShape.words(Loss.allCases.map(\.rawValue))
  private static let count = MessageShape.integer(atLeast: 0)

  // MARK: - Requests

  private static func asked(_ method: Method) -> [MessageMember] {
    [
      MessageMember("dbmend", .constant(version), isRequired: true, "The version of the message."),
      MessageMember("method", .words([method.rawValue]), isRequired: true, "What is asked."),
    ]
  }

  private static let common = [
    MessageMember("plugin", .text, isRequired: true, "Which plugin of the file is asked, by its id."),
    MessageMember(
      "options", .map(.any), isRequired: true,
      "Every option that is set or has a default. Sizes are in bytes, lengths of time in seconds, shares from 0 to 1."),
    MessageMember("store", .object(store), isRequired: true, "The store."),
    MessageMember("scratch", .text, isRequired: true, "A folder for files of its own, which goes away afterwards."),
    MessageMember("limits", .object(limits), isRequired: true, "What it may take."),
    MessageMember(
      "archives", .list(.object(archive)),
      "The newest good archive of the store; empty where there is none. With `archives` among its `needs`."),
  ]

  static let describeRequest = MessageObject(
    name: "describe_request", title: "Asks what the plugins of a file are.", members: asked(.describe))

  static let checkRequest = MessageObject(
    name: "check_request", title: "Asks a check what it finds in a store.",
    members: asked(.check) + common + [
      MessageMember(
        "findings", .list(.object(finding)), isRequired: true, "What the checks before it found in the store.")
    ])

  static let offerRequest = MessageObject(
    name: "offer_request", title: "Asks a repair what it would mend, at what cost. Only where it `offers`.",
    members: asked(.offer) + common + [
      MessageMember("findings", .list(.object(finding)), isRequired: true, "What was found of what it mends."),
      MessageMember("max_loss", losses, isRequired: true, "The most that a repair may cost."),
    ] + mending)

  /// What offers and repairs are told beside.
  private static let mending = [
    MessageMember("schema", .object(schemaText), "The definitions that `schema:` or `--schema` names."),
    MessageMember(
      "found", .list(.object(finding)), isRequired: true, "All that was found in the store before any repair."),
    MessageMember("asked", .boolean, isRequired: true, "Whether the operator asked for this repair by its name."),
    MessageMember(
      "provenance", .boolean, isRequired: true,
      "Whether the operator wants to know of each row where it came from, in a table `dbmend_provenance` of the result."
    ),
  ]

  static let repairRequest = MessageObject(
    name: "repair_request", title: "Has a repair mend a working copy. The checks say afterwards whether it did.",
    members: asked(.repair) + common + [
      MessageMember(
        "copy", .text, isRequired: true,
        "The working copy, which it changes in its place; where its offer `replaces`, where the new store is to be."),
      MessageMember("findings", .list(.object(finding)), isRequired: true, "What it is to mend."),
      MessageMember("max_loss", losses, isRequired: true, "The most that the repair may cost."),
    ] + mending)

  static let store = MessageObject(
    name: "store", title: "A store.",
    members: [
      MessageMember("name", .text, isRequired: true, "Its name on the command line: `production/data`."),
      MessageMember("environment", .text, isRequired: true, "Its environment; `adhoc` without a configuration."),
      MessageMember("kind", .text, "Its kind: `sqlite`; left out where no driver knows what is there, or nothing is."),
      MessageMember("engine", .text, "The engine and its version: `SQLite 3.40.1`."),
      MessageMember("bytes", count, "Its size."),
      MessageMember(
        "snapshot", .text,
        "A copy of it, as one consistent state: a file, for a folder a folder, for a PostgreSQL database a dump that "
          + "`pg_restore` reads; the raw bytes of a store that is too damaged for that. With `snapshot` among its `needs`; never in "
          + "`repair`."),
      MessageMember(
        "catalog", .object(catalog),
        "What the driver tells of it, unless it is too damaged for that. With `catalog` among its `needs`."),
      MessageMember(
        "place", .object(place), "The file in its place; left out where none is. With `place` among its `needs`."),
    ])

  static let place = MessageObject(
    name: "place", title: "What the system says of the live store's file or folder.",
    members: [
      MessageMember("mode", .text, isRequired: true, "Its permission bits in octal: `0644`."),
      MessageMember("owner", count, isRequired: true, "The number of the user who owns it."),
      MessageMember("group", count, isRequired: true, "The number of its group."),
      MessageMember("modified", .text, isRequired: true, "When it was last changed: `2026-11-22T18:00:00Z`."),
      MessageMember("links", count, isRequired: true, "How many names it has."),
      MessageMember("volume_bytes", count, "The size of the volume that it is on."),
      MessageMember("volume_free", count, "The room on that volume that this user may take."),
      MessageMember("open", .boolean, "Whether another process has it open, as far as this user may see that."),
      MessageMember("bytes", count, isRequired: true, "Its size, with that of the files that belong to it."),
      MessageMember("archives_bytes", count, "The size of the volume that its archives are on."),
      MessageMember("archives_free", count, "The room on that volume that this user may take."),
    ])

  static let catalog = MessageObject(
    name: "catalog", title: "What a driver tells of a store, the same for every kind.",
    members: [
      MessageMember("tables", .list(.object(table)), isRequired: true, "The tables that hold the application's rows."),
      MessageMember("views", .list(.text), isRequired: true, "The names of the views."),
      MessageMember("sequences", .list(.object(sequence)), isRequired: true, "What tables draw their keys from."),
      MessageMember("schema", .text, "The definitions that make all of it anew, where the engine has such."),
    ])

  static let table = MessageObject(
    name: "table", title: "A table.",
    members: [
      MessageMember("name", .text, isRequired: true, "Its name."),
      MessageMember("columns", .list(.object(column)), isRequired: true, "Its columns, in their order."),
      MessageMember(
        "primary_key", .list(.text), isRequired: true, "The columns of its primary key; empty without one."),
      MessageMember("indexes", .list(.object(index)), isRequired: true, "The indexes on it."),
      MessageMember("virtual", .boolean, isRequired: true, "Whether its rows are held elsewhere, by a module."),
      MessageMember("sequence", .boolean, isRequired: true, "Whether it draws its keys from a sequence."),
      MessageMember("rows", count, "How many rows it has. With `rows` among its `needs`, where they can be counted."),
    ])

  static let column = MessageObject(
    name: "column", title: "A column.",
    members: [
      MessageMember("name", .text, isRequired: true, "Its name."),
      MessageMember("type", .text, isRequired: true, "Its declared type; empty without one."),
      MessageMember("not_null", .boolean, isRequired: true, "Whether it refuses NULL."),
    ])

  static let index = MessageObject(
    name: "index", title: "An index.",
    members: [
      MessageMember("name", .text, isRequired: true, "Its name."),
      MessageMember(
        "columns", .list(.either([.text, .null])), isRequired: true, "Its columns; null for an expression."),
      MessageMember("unique", .boolean, isRequired: true, "Whether it refuses duplicates."),
      MessageMember("partial", .boolean, isRequired: true, "Whether it covers only the rows of a condition."),
      MessageMember("implicit", .boolean, isRequired: true, "Whether the engine made it for a constraint."),
    ])

  static let sequence = MessageObject(
    name: "sequence", title: "What a table draws its keys from.",
    members: [
      MessageMember("table", .text, isRequired: true, "The table."),
      MessageMember("last", .integer(atLeast: nil), "The last value that it gave; left out where it is missing."),
      MessageMember("largest_key", .integer(atLeast: nil), "The largest key in the table; left out of an empty one."),
    ])

  static let archive = MessageObject(
    name: "archive", title: "An archive of the store.",
    members: [
      MessageMember("path", .text, isRequired: true, "Where it is: a file that `tar` opens."),
      MessageMember("taken", .text, isRequired: true, "When it was taken: `2026-11-22T18:00:00Z`."),
      MessageMember("bytes", count, isRequired: true, "The size of the store in it."),
      MessageMember("rows", .map(count), isRequired: true, "The rows of each table in it."),
    ])

  static let limits = MessageObject(
    name: "limits", title: "What a call may take. A plugin that takes more is ended.",
    members: [
      MessageMember("seconds", .number, isRequired: true, "Time from its start to its end."),
      MessageMember("memory", count, isRequired: true, "Bytes of memory of all its processes."),
      MessageMember("output", count, isRequired: true, "Bytes of its reply."),
      MessageMember("files", count, isRequired: true, "Open files of each process."),
      MessageMember("processes", count, isRequired: true, "Processes at a time."),
    ])

  static let schemaText = MessageObject(
    name: "schema_text", title: "Definitions that lost tables are made from.",
    members: [
      MessageMember("path", .text, isRequired: true, "The file that they were read from."),
      MessageMember("text", .text, isRequired: true, "The statements."),
    ])

  // MARK: - Both ways

  static let finding = MessageObject(
    name: "finding", title: "One thing that was found.",
    members: [
      MessageMember("code", .text, isRequired: true, "What kind of thing it is: `quota.exceeded`."),
      MessageMember("message", .text, isRequired: true, "One sentence for a person."),
      MessageMember("severity", severities, "How bad it is; in a reply, where left out, what the description says."),
      MessageMember("table", .text, "The table."), MessageMember("index", .text, "The index."),
      MessageMember("column", .text, "The column, or several joined with a comma."),
      MessageMember("row", .integer(atLeast: nil), "The row's number (rowid)."),
      MessageMember("key", .text, "The row's key, where rows have no numbers."),
      MessageMember("page", count, "The page, from 1."), MessageMember("byte", count, "The byte in the file, from 0."),
      MessageMember("file", .text, "The file in a folder, or another one than the store's own."),
      MessageMember("evidence", .text, "What was read that shows it; short."),
      MessageMember("count", .integer(atLeast: 1), "How many such things it stands for; 1 where left out."),
      MessageMember("measures", .list(.object(measure)), "What was measured that shows it."),
      MessageMember(
        "perhaps_meant", .boolean,
        "Whether somebody may have meant it: then it is mended only where a repair may cost changes."),
      MessageMember("hides_no_row", .boolean, "Of damage to pages: whether it is certain that no row is lost with it."),
    ])

  static let measure = MessageObject(
    name: "measure", title: "Something that was measured.",
    members: [
      MessageMember("name", .text, isRequired: true, "What, as rules name it: `drop`."),
      MessageMember("value", .number, isRequired: true, "How much."),
      MessageMember("unit", .text, "What the value counts: `%`, `B`, `s`; left out for a number of things."),
    ])

  // MARK: - Replies

  static let describeReply = MessageObject(
    name: "describe_reply",
    title: "What the plugins of a file are, where it has several. One alone replies with its description.",
    members: [MessageMember("plugins", .list(.object(description)), isRequired: true, "Each plugin.")])

  static let description = MessageObject(
    name: "description", title: "What a plugin says of itself.",
    members: [
      MessageMember("id", .text, isRequired: true, "Its name in the configuration: lower case, digits, hyphens."),
      MessageMember("title", .text, isRequired: true, "What it does, in a line without a full stop."),
      MessageMember("kind", .words(["check", "repair"]), isRequired: true, "What it is."),
      MessageMember(
        "discussion", .text, "A paragraph for its page: what it looks at, what it costs, where it comes short."),
      MessageMember(
        "finds", .list(.either([.object(findingDescription), .text])),
        "What a check may find; as text a code, or a pattern such as `quota.*`, of severity error."),
      MessageMember("mends", .list(.text), "What a repair mends: codes, or patterns."),
      MessageMember("loss", losses, "The worst that a repair may cost; `none` where left out."),
      MessageMember("kinds", .list(.text), "The kinds of stores that it is for; all where left out."),
      MessageMember(
        "needs", .list(.words(Need.allCases.map(\.rawValue))),
        "What its requests shall hold; `snapshot` and `catalog` where left out."),
      MessageMember(
        "offers", .boolean,
        "Whether a repair wants to be asked what it would mend. Else it offers to mend all that it `mends` at its `loss`."
      ),
      MessageMember("options", .map(.object(option)), "Its options in the configuration."),
      MessageMember(
        "repeatable", .boolean, "Whether the configuration may name it several times, told apart by the option `name`."),
      MessageMember("examples", .list(.object(example)), "Stores that show what it does."),
    ])

  /// What a plugin's requests may hold on demand.
  enum Need: String, CaseIterable, Sendable {
    case snapshot, catalog, rows, place, archives
  }

  static let findingDescription = MessageObject(
    name: "finding_description", title: "One kind of finding.",
    members: [
      MessageMember("code", .text, isRequired: true, "The code: an area of the plugin's own, and what is wrong."),
      MessageMember("severity", severities, "How bad it is unless a rule says otherwise; error where left out."),
      MessageMember("meaning", .text, "What it means, in a line."),
    ])

  static let option = MessageObject(
    name: "option", title: "One option.",
    members: [
      MessageMember(
        "type",
        .words([
          "boolean", "integer", "number", "text", "string", "size", "duration", "share", "choice", "list", "map", "any",
        ]),
        isRequired: true, "What it holds; `string` is `text`."),
      MessageMember("meaning", .text, "What it does, in a line."),
      MessageMember("default", .any, "What holds where it is left out, as it would be written in the configuration."),
      MessageMember("required", .boolean, "Whether it cannot be left out."),
      MessageMember("minimum", .integer(atLeast: nil), "Of an integer."),
      MessageMember("maximum", .integer(atLeast: nil), "Of an integer."),
      MessageMember("words", .list(.text), "The words of a choice."),
      MessageMember(
        "of", .words(["boolean", "integer", "number", "text", "string", "size", "duration", "share", "any"]),
        "What a list or a map holds; text where left out."),
    ])

  static let example = MessageObject(
    name: "example", title: "A small store that shows what a plugin does: `dbmend plugins test` makes it and compares.",
    members: [
      MessageMember("title", .text, isRequired: true, "What it shows, in a few words."),
      MessageMember("kind", .text, "The kind of store; `sqlite` where left out."),
      MessageMember(
        "script", .text, isRequired: true,
        "What makes it: SQL; for JSON the file's content; for a folder a line `PATH: CONTENT` for each file."),
      MessageMember("damage", .list(.object(damage)), "What is done to the file afterwards."),
      MessageMember("options", .map(.any), "The plugin's options."),
      MessageMember(
        "finds", .list(.text),
        "Of a check: the codes that it finds, and no others. Of a repair: those that stand before it and are gone afterwards."
      ),
    ])

  static let damage = MessageObject(
    name: "damage", title: "A change to a file's bytes: one of the three.",
    members: [
      MessageMember("overwrite", count, "Write `bytes` at this offset."),
      MessageMember("bytes", .text, "Hexadecimal."),
      MessageMember("replace", .text, "Put `with` in the place of this text everywhere; both have the same length."),
      MessageMember("with", .text, "The other text."),
      MessageMember("truncate", count, "Cut the file to so many bytes."),
    ])

  static let checkReply = MessageObject(
    name: "check_reply", title: "What a check found.",
    members: [
      MessageMember("findings", .list(.object(finding)), isRequired: true, "What it found; empty for a healthy store."),
      MessageMember("said", .text, "A line for the report, also of a healthy store."),
      MessageMember("measures", .list(.object(measure)), "What it measured, also of a healthy store."),
    ])

  static let offerReply = MessageObject(
    name: "offer_reply", title: "What a repair offers.",
    members: [
      MessageMember("offer", .either([.object(offer), .null]), isRequired: true, "The offer; null for none.")
    ])

  static let offer = MessageObject(
    name: "offer", title: "What a repair would do.",
    members: [
      MessageMember("loss", losses, isRequired: true, "What it costs here, at worst."),
      MessageMember(
        "reason", .text, isRequired: true, "What will be done and why it costs what it costs, in a sentence."),
      MessageMember("mends", .list(count), "Which of the findings, by their places from 0; all where left out."),
      MessageMember("details", .list(.text), "The single things that will be done."),
      MessageMember(
        "allowed_loss", losses, "What it costs where `max_loss` allows that much, to keep more than it could else."),
      MessageMember("order", .integer(atLeast: nil), "A repair with a lower number runs first; 50 where left out."),
      MessageMember(
        "replaces", .boolean, "Whether it writes a whole new store, so that nothing of the old one is needed."),
    ])

  static let repairReply = MessageObject(
    name: "repair_reply", title: "What a repair did.",
    members: [
      MessageMember("rows", .map(.object(tally)), "Table by table, what became of rows, where it touched any."),
      MessageMember("notes", .list(.text), "Sentences for the report."),
    ])

  static let tally = MessageObject(
    name: "tally", title: "What became of a table's rows; 0 where left out.",
    members: [
      MessageMember("kept", count, "Rows as they were."),
      MessageMember("from_index", count, "Rows rebuilt from an index."),
      MessageMember("from_backup", count, "Rows taken from a backup."),
      MessageMember("set_aside", count, "Rows moved to a table of their own."),
      MessageMember("lost", count, "Rows that are gone."),
    ])

  static let errorReply = MessageObject(
    name: "error_reply",
    title: "The plugin could not do what was asked. The store counts as unchecked, the repair as failed.",
    members: [MessageMember("error", .object(failure), isRequired: true, "Why.")])

  static let failure = MessageObject(
    name: "failure", title: "Why something could not be done.",
    members: [
      MessageMember("said", .text, isRequired: true, "What was tried, and what the system said."),
      MessageMember("advice", .text, "What a person can do next."),
    ])
}
