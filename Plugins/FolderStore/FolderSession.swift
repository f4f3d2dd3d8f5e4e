import MendKit
import Synchronization

/// A folder as it was when it was opened: names, sizes and times. Contents are read as they are when a check reads them.
final class FolderSession: StoreSession, RotSession, HandingSession {
  let facts: StoreFacts
  private let content: FolderContent
  private let documents: (any Driver)?
  /// What the last verification read.
  private var reading: FolderReading?
  /// Takes what the next verification reads.
  private var taker: ((StoreSnapshot) -> Void)?

  init(_ content: FolderContent, documents: (any Driver)?) {
    self.content = content
    self.documents = documents
    let files = content.files.count
    let others = content.entries.count - files
    facts = StoreFacts(
      engine: "files", format: "\(files) \(files == 1 ? "file" : "files"), \(others) folders and links",
      bytes: content.bytes)
  }

  /// The one table of a folder, whose rows are its files.
  private static let table = Table(name: "files", columns: [], primaryKey: [], keyIsStructural: true)

  func catalog() throws(Problem) -> Catalog { Catalog(tables: [Self.table]) }

  func rowCount(of table: Table) throws(Problem) -> Int { content.files.count }

  var countedRows: [String: Int]? { [Self.table.name: content.files.count] }

  func sequences() throws(Problem) -> [SequenceState] { [] }

  func end() {}

  // MARK: - Verifying

  func handOver(to taker: @escaping (StoreSnapshot) -> Void) { self.taker = taker }

  /// Reads every file to its end, and documents as such; of `quick`, only what the folders say.
  func verifyIntegrity(_ request: IntegrityRequest) throws(Problem) -> [Finding] {
    // A limit of this machine says nothing of the folder.
    if let problem = content.problems.first(where: { $0.kind == .exhausted }) { throw problem }
    var findings = content.problems.map { problem in
      Finding(
        "file.unreadable", .error, at: .init(file: below(problem.subject)),
        "the folder \(below(problem.subject)) cannot be listed", evidence: problem.said)
    }
    findings += specialFiles(request.findingsPerCause)
    guard request.isFull else { return findings }
    let damage = Mutex<[Int: [Finding]]>([:])
    let (documents, perFile, content) = (documents, request.findingsPerCause, content)
    let reading = read(request) { entry, path, bytes in
      guard let documents else { return }
      let found = DocumentCheck(documents, findingsPerCause: perFile).findings(
        path, size: content.entries[entry].status.size, name: content.entries[entry].path, content: bytes)
      if !found.isEmpty { damage.withLock { $0[entry] = found } }
    }
    self.reading = reading
    findings += try unreadable(reading, request.findingsPerCause)
    let inside = damage.withLock { $0.sorted { $0.key < $1.key }.flatMap(\.value) }
    return findings + Self.few(inside, limit: request.findingsPerCause)
  }

  /// Reads every file, and hands it over to whoever waits for it.
  private func read(_ request: IntegrityRequest, look: @escaping FolderReading.Look) -> FolderReading {
    if let taker {
      self.taker = nil
      let shared = SharedReading(content, workers: request.workers, progress: request.progress, look: look)
      if let snapshot = try? FolderSnapshot(content, sharing: shared) {
        taker(snapshot.snapshot())
        return shared.finish()
      }
    }
    return FolderReading(content, workers: request.workers, progress: request.progress, look: look)
  }

  private func below(_ path: String) -> String {
    path.hasPrefix(content.path + "/") ? String(path.dropFirst(content.path.count + 1)) : path
  }

  private func specialFiles(_ limit: Int) -> [Finding] {
    let special = content.entries.filter { [.socket, .pipe, .device].contains($0.status.kind) }
    return Self.few(
      special.map { entry in
        Finding(
          "file.special", .info, at: .init(file: entry.path),
          "\(entry.path) is a \(entry.status.kind.rawValue), which is left alone")
      }, limit: limit)
  }

  private func unreadable(_ reading: FolderReading, _ limit: Int) throws(Problem) -> [Finding] {
    var findings: [Finding] = []
    for (entry, outcome) in zip(content.entries, reading.outcomes) {
      guard case .failed(let problem)? = outcome else { continue }
      guard problem.kind != .exhausted else { throw problem }
      findings.append(
        Finding(
          "file.unreadable", .error, at: .init(file: entry.path), "the file \(entry.path) cannot be read",
          evidence: problem.said))
    }
    return Self.few(findings, limit: limit)
  }

  /// The first findings of each code; the last one that is kept counts the rest.
  static func few(_ findings: [Finding], limit: Int) -> [Finding] {
    var kept: [Finding] = []
    var places: [FindingCode: [Int]] = [:]
    for finding in findings {
      if let last = places[finding.code]?.last, places[finding.code]?.count == limit {
        kept[last].count += finding.count
      } else {
        places[finding.code, default: []].append(kept.count)
        kept.append(finding)
      }
    }
    return kept
  }

  // MARK: - Against the archive

  /// What is not as the newest good archive has it.
  func rottenParts(_ notes: BackupNotes, limit: Int) throws(Problem) -> [Finding] {
    guard let reading else { return [] }
    let differences = try FolderComparison(content, notes, reading: reading).differences()
    let findings = differences.compactMap { $0.finding(notes) }
    return Self.few(findings, limit: limit)
  }
}

extension FileDifference {
  /// What is said of it; nil of what a check says by itself.
  fileprivate func finding(_ notes: BackupNotes) -> Finding? {
    let place = Finding.Location(file: path)
    let archive = Paths.name(of: notes.archive)
    switch kind {
    case .rotten:
      return Finding(
        "file.rotten", .error, at: place,
        "\(path) is not what it was when the newest good archive was taken, though its size and time of change are",
        evidence: "its XXH3 is another than in \(archive)")
    case .unreadable, .torn: return nil
    case .removed: return perhapsMeant("file.removed", place, "\(path) is not there any more", "it is in \(archive)")
    case .changed:
      let message =
        notes.isProven ? "\(path) changed since the newest good archive" : "\(path) is not as it is in \(archive)"
      return perhapsMeant("file.changed", place, message, what)
    case .added:
      return Finding(
        "file.added", .info, at: place,
        notes.isProven ? "\(path) is new since the newest good archive" : "\(path) is not in \(archive)")
    }
  }

  private func perhapsMeant(
    _ code: FindingCode, _ place: Finding.Location, _ message: String, _ evidence: String
  ) -> Finding {
    var finding = Finding(code, .info, at: place, message, evidence: evidence)
    finding.isPerhapsMeant = true
    return finding
  }
}
