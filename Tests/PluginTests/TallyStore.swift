import MendKit

/// A small kind of store that answers no SQL and has sequences that its engine does not step over: a text file that
/// begins with `tally` and has a line `TABLE ROWS LARGEST-KEY LAST-OF-SEQUENCE` for each table.
struct TallyDriver: Driver {
  let description = PluginDescription(
    id: "tally", title: "text files of tallies", discussion: "For tests.", kind: .driver)

  func recognise(_ file: FileHead) -> Recognition { file.bytes.starts(with: Array("tally\n".utf8)) ? .certain : .no }

  func open(_ path: String, patience: Double) throws(Problem) -> any StoreSession {
    let text = String(decoding: try FileHandle.read(path).readAll(limit: 4096), as: UTF8.self)
    return TallySession(
      lines: text.split(separator: "\n").dropFirst().map { $0.split(separator: " ").map(String.init) })
  }

  func sidecars(of path: String) -> [String] { [] }
  func installObstacle(_ path: String) -> Problem? { nil }
  func openers(of path: String) -> [Blocker] { [] }
  func settle(_ copy: String) throws(Problem) {}
  func stamp(_ path: String) throws(Problem) -> StoreStamp { throw unsupported(path) }
  func install(_ copy: String, over path: String, expected: StoreStamp?, patience: Double) throws(Problem) {
    throw unsupported(path)
  }
  func snapshot(
    _ path: String, form: SnapshotForm, staging: String?, patience: Double
  ) throws(Problem) -> StoreSnapshot { throw unsupported(path) }

  private func unsupported(_ path: String) -> Problem {
    Problem(.unsupported, tried: "write to", on: path, said: "tallies are only read")
  }
}

private final class TallySession: StoreSession {
  let facts = StoreFacts(engine: "Tally 1.0", format: "text", bytes: 100)
  private let lines: [[String]]

  init(lines: [[String]]) { self.lines = lines }

  func catalog() throws(Problem) -> Catalog {
    Catalog(tables: lines.map { Table(name: $0[0], columns: [], primaryKey: ["key"], keyIsStructural: false) })
  }

  func verifyIntegrity(_ request: IntegrityRequest) throws(Problem) -> [Finding] { [] }
  func rowCount(of table: Table) throws(Problem) -> Int {
    guard let rows = lines.first(where: { $0[0] == table.name }).flatMap({ Int($0[1]) }) else {
      throw Problem(.locked, tried: "count", on: table.name, said: "somebody is counting already")
    }
    return rows
  }
  func sequences() throws(Problem) -> [SequenceState] {
    lines.map { SequenceState(table: $0[0], last: Int64($0[3]), largestKey: Int64($0[2]), engineRecovers: false) }
  }
  func end() {}
}
