import MendKit

/// Writes the `dbmend.yaml` that `dbmend init` begins with.
public enum ConfigurationWriter {
  /// The folder of archives that a new configuration names.
  public static let repositoryName = "backups"

  /// A commented configuration for stores as they are now. What most stores share stands at the top; what is different in
  /// one stands with it. `folder` is where the file is to be: paths below it are written relative to it.
  public static func draft(stores: [DraftStore], folder: String) -> String {
    let draft = Draft(stores: stores, folder: Paths.absolute(folder))
    return draft.head + draft.environments + draft.checks
  }
}

private struct Draft {
  let stores: [DraftStore]
  let folder: String
  /// The tables, and the least counts of rows, that stand at the top.
  let commonTables: [String]
  let commonMinimum: [OptionPair]

  init(stores: [DraftStore], folder: String) {
    self.stores = stores
    self.folder = folder
    commonTables = Self.mostCommon(stores.map(Self.tables))
    commonMinimum = Self.mostCommon(stores.map(Self.minimum))
  }

  private static func tables(of store: DraftStore) -> [String] { store.tables.map(\.name).sorted() }

  private static func minimum(of store: DraftStore) -> [OptionPair] {
    store.tables.filter { ($0.rows ?? 0) > 0 }.map { OptionPair($0.name, .integer(1)) }.sorted { $0.key < $1.key }
  }

  /// The list that most stores have, of those that are not empty; the first of equals.
  private static func mostCommon<Item: Hashable>(_ lists: [[Item]]) -> [Item] {
    var counts: [[Item]: Int] = [:]
    for list in lists where !list.isEmpty { counts[list, default: 0] += 1 }
    let most = counts.values.max()
    return lists.first { counts[$0] == most } ?? []
  }

  var head: String {
    """
    # What dbmend protects, and what it checks. Written by `dbmend init` from the stores as they were then: read it, and
    # change what does not fit. `dbmend check` says whether the file is right; docs/configuration.md has every key.
    version: 1

    # Where archives are kept, relative to this file. Another disk is a better place.
    repository: \(ConfigurationWriter.repositoryName)

    # Which archives stay: the newest good ones, and of damaged stores the first and the newest. There are also
    # keep_daily, keep_weekly, keep_monthly, keep_within (7d) and max_size (2GiB).
    retention: { keep_last: 30, keep_damaged: 3 }

    # The most that a repair may cost without being asked: none, rows (only what can be read nowhere any more),
    # changes (what changed since the newest archive) or everything (an empty schema).
    max_loss: rows

    # How long to wait for a lock of a store.
    busy_timeout: 5s


    """
  }

  var environments: String {
    var text = "environments:\n"
    for environment in Set(stores.map(\.environment)).sorted() {
      text += "  \(YAMLText.scalar(environment)):\n    stores:\n"
      for store in stores.filter({ $0.environment == environment }).sorted(by: { $0.name < $1.name }) {
        text += entry(store)
      }
    }
    return text + "\n"
  }

  private func entry(_ store: DraftStore) -> String {
    var text = "      \(YAMLText.scalar(store.name)):\n"
    text += "        path: \(YAMLText.scalar(written(store.path)))\n"
    text += "        kind: \(YAMLText.scalar(store.kind))\n"
    var own = ""
    let tables = Self.tables(of: store)
    if tables != commonTables { own += requiredTables(tables, indent: 10) }
    let minimum = Self.minimum(of: store)
    if minimum != commonMinimum {
      let hasCommon = !commonMinimum.isEmpty
      own += rowCounts(minimum, indent: 10, withDrop: !hasCommon)
    }
    return own.isEmpty ? text : text + "        checks:  # what is different here\n" + own
  }

  private func written(_ path: String) -> String {
    let below = folder == "/" ? "/" : folder + "/"
    guard path.hasPrefix(below) else { return path }
    let relative = String(path.dropFirst(below.count))
    return StorePath.isURI(relative) ? path : relative
  }

  private func requiredTables(_ tables: [String], indent: Int) -> String {
    let space = String(repeating: " ", count: indent)
    if tables.isEmpty { return space + "- required-tables: false\n" }
    let start = space + "    tables: "
    let list = YAMLText.wrapped(.list(tables.map { .string($0) }), indent: indent + 6, before: start.count)
    return space + "- required-tables:\n" + start + list + "\n"
  }

  private func rowCounts(_ minimum: [OptionPair], indent: Int, withDrop: Bool) -> String {
    let space = String(repeating: " ", count: indent)
    let start = space + "    minimum: "
    let map = YAMLText.wrapped(.map(minimum), indent: indent + 6, before: start.count)
    return space + "- row-counts:\n" + start + map + "\n" + (withDrop ? space + "    max_drop: 20%\n" : "")
  }

  private var rules: String {
    let sample = "- { when: { code: \"row-count.*\", table: logs }, severity: warning }"
    let tables = Set(stores.flatMap(\.tablesWithoutKeys)).sorted()
    guard !tables.isEmpty else { return "# rules:\n#   " + sample }
    var text =
      "rules:\n  # " + sample + "\n  # No row of these tables has a primary key: the application's way, and no damage."
    for table in tables {
      let holders = stores.filter { $0.tables.contains { $0.name == table } }
      let isCommon = holders.allSatisfy { $0.tablesWithoutKeys.contains(table) }
      let names = holders.filter { $0.tablesWithoutKeys.contains(table) }.map { "\($0.environment)/\($0.name)" }
      for store in isCommon ? [nil] : names.sorted().map(Optional.some) {
        var condition = [OptionPair("code", .string("key.null")), OptionPair("table", .string(table))]
        if let store { condition.append(OptionPair("store", .string(store))) }
        text +=
          "\n  - " + YAMLText.flow(.map([OptionPair("when", .map(condition)), OptionPair("ignore", .boolean(true))]))
      }
    }
    return text
  }

  var checks: String {
    var text = """
      # The checks for every store, in this order. `checks:` of an environment or a store adds to them, changes options key
      # by key, and switches off with `NAME: false`.
      checks:
        # There, a readable file, not empty.
        - file-exists
        # Opens, by the engine that it should be.
        - connects
        # Every page, every index entry against its table. `integrity: { level: quick }` leaves the comparison out.
        - integrity

      """
    if !commonTables.isEmpty {
      text += "  # Tables that must be there.\n" + requiredTables(commonTables, indent: 2)
    }
    text += "  # No NULL and no duplicate in a primary key.\n  - primary-keys\n"
    if stores.contains(where: { $0.tables.contains(where: \.hasSequence) }) {
      text += "  # Sequences are not behind their tables' largest keys.\n  - sequences\n"
    }
    if !commonMinimum.isEmpty {
      text += "  # Tables that had rows keep some, and none loses more than a fifth of its rows between two archives.\n"
      text += rowCounts(commonMinimum, indent: 2, withDrop: true)
    }
    let isDangling = stores.contains { $0.lenientChecks.contains("foreign-keys") }
    text += "  # Rows that refer to rows which are not there."
    text += isDangling ? " There are some now, so this only warns.\n" : "\n"
    text += isDangling ? "  - foreign-keys: { severity: warning }\n" : "  - foreign-keys\n"
    text += "  # Room for an archive and a working copy; a warning when the volume is as full as this.\n"
    text += "  - free-space: { warn_at: 80% }\n"
    return text + """

      # A query of your own, and what it must return:
      #  - sql: { name: orphan orders, query: "select count(*) from orders where user_id is null", expect: 0 }

      # What becomes of findings, where it is not what the checks say of themselves:
      \(rules)

      # Commands around the changes that dbmend makes:
      # hooks:
      #   before_repair: ./stop.sh
      #   after_repair: ./start.sh

      """
  }
}
