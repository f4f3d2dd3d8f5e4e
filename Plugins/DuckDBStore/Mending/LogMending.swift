import MendKit

/// What to do with a log that the engine refuses.
struct LogMending {
  private let path: String
  private let log: WriteAheadLog

  /// nil where no log stands beside the database, or the engine takes it.
  init?(_ path: String) throws(Problem) {
    guard let log = try WriteAheadLog.beside(path) else { return nil }
    self.path = path
    self.log = log
  }

  /// Whether the transactions before the damage can stay.
  private var keepsSome: Bool {
    if case .damaged(let at) = log.ending { return at > 0 && log.transactions > 0 }
    return false
  }

  /// What is done, as a sentence of a plan.
  var plan: String {
    let held = (keepsSome ? log.rest.words : all.words).map { "; what goes: " + $0 } ?? ""
    switch log.ending {
    case .damaged(let at) where keepsSome:
      return
        "keeps the \(count(log.transactions)) of the log before its damaged entry at byte \(at), and sets the rest aside"
        + held
    case .damaged(let at): return "sets the log aside, which is damaged at byte \(at)" + held
    default:
      return "sets the log aside, with \(count(log.transactions)), which cannot be replayed into this file" + held
    }
  }

  private var all: LogContent {
    var content = log.content
    content.add(log.rest)
    return content
  }

  private func count(_ transactions: Int) -> String { "\(transactions) transaction\(transactions == 1 ? "" : "s")" }

  /// Takes what cannot be replayed out of the log.
  func run() throws(Problem) -> RepairOutcome {
    let name = path + Sidecars.log
    for suffix in Sidecars.suffixes.dropFirst() { try Paths.removeFile(path + suffix) }
    if keepsSome {
      try FileHandle.update(name).truncate(to: log.committed)
      if try isReplayed() {
        try SetAsideMark.write(beside: path, kept: log.committed)
        return outcome(kept: log.transactions, lost: log.rest)
      }
    }
    try Paths.removeFile(name)
    try SetAsideMark.write(beside: path, kept: 0)
    return outcome(kept: 0, lost: all)
  }

  private func isReplayed() throws(Problem) -> Bool {
    let words = try Client.find().run(["SELECT 1"], on: path, .readOnly).first?.failure
    if let words, ClientMemory.isShort(words), !ClientMemory.isAbsurd(words) {
      throw ClientMemory.problem(words, on: path, tried: "replay the log beside")
    }
    return words == nil
  }

  private func outcome(kept: Int, lost: LogContent) -> RepairOutcome {
    var outcome = RepairOutcome()
    let told = lost.words ?? "nothing that can be read"
    outcome.notes.append(
      kept > 0
        ? "\(count(kept)) of the log \(kept == 1 ? "was" : "were") kept; of the rest it held: \(told)"
        : "the log was set aside; it held: \(told)")
    outcome.rows = lost.losses(of: path)
    return outcome
  }
}

extension LogContent {
  /// What the tables of a database lose that is at a path now, without this: the rows that were inserted; nobody can count them where
  /// others were deleted or changed, nor of a table of which nothing is told where an entry cannot be read.
  func losses(of path: String) -> [String: RowTally] {
    var rows: [String: RowTally] = [:]
    for (table, changes) in tables where table != "?" {
      rows[table] = RowTally(lost: changes.deleted == 0 && changes.updated == 0 ? changes.inserted : nil)
    }
    guard unreadable > 0 || tables["?"] != nil, let session = try? DuckDBSession.open(path, patience: 1) else {
      return rows
    }
    defer { session.end() }
    for table in session.structure.catalog.tables where rows[table.name] == nil {
      rows[table.name] = RowTally(lost: nil)
    }
    return rows
  }
}

/// A note beside a working copy that its log was set aside: when the copy takes the store's place, the bytes of the store's log
/// are kept under another name.
enum SetAsideMark {
  private static let suffix = ".log-set-aside"

  /// Writes the note; `kept` is the length of what stayed of the log.
  static func write(beside copy: String, kept: Int) throws(Problem) {
    try Durable.write(Array(String(kept).utf8), to: copy + suffix)
  }

  /// Reads the note and takes it away; nil where there is none.
  static func take(beside copy: String) throws(Problem) -> Int? {
    guard FileStatus.exists(copy + suffix) else { return nil }
    let text = String(decoding: try FileHandle.read(copy + suffix).readAll(limit: 64), as: UTF8.self)
    try Paths.removeFile(copy + suffix)
    return Int(text)
  }
}
