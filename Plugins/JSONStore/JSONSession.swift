import MendKit

/// A JSON file as it was when it was opened.
final class JSONSession: StoreSession, DocumentSession {
  let facts: StoreFacts
  private let document: JSONDocument
  private let path: String
  /// The file and what it was like when it was read; nil where somebody else read it.
  private let source: (file: FileHandle, status: FileStatus)?

  /// Reads the file, again where it was written to meanwhile.
  convenience init(_ file: FileHandle) throws(Problem) {
    let content = try Self.read(file)
    self.init(content.bytes, of: file.path, source: (file, content.status))
  }

  /// The bytes of a file that somebody read.
  init(_ bytes: [UInt8], of path: String, source: (file: FileHandle, status: FileStatus)? = nil) {
    self.path = path
    self.source = source
    document = JSONDocument(bytes)
    facts = StoreFacts(
      engine: "JSON (RFC 8259)", format: Self.format(document), bytes: bytes.count,
      notices: JSONFindings(document).ofText)
  }

  private static func format(_ document: JSONDocument) -> String {
    if let other = document.otherEncoding { return other }
    return "UTF-8, " + (document.root?.rawValue ?? "no value")
  }

  /// Whether it is no document, and was written to just now.
  var isPerhapsBeingWritten: Bool { document.fault != nil && source?.status.isJustWritten == true }

  // MARK: - Reading

  /// How often a file is read that another process writes to meanwhile.
  private static let tries = 10

  /// One state of a file.
  static func read(_ file: FileHandle) throws(Problem) -> (bytes: [UInt8], status: FileStatus) {
    for _ in 0..<tries {
      let before = try file.status()
      let bytes = try file.readAll(limit: JSONDocument.mostBytes)
      let after = try file.status()
      if before == after, bytes.count == after.size { return (bytes, after) }
    }
    throw changed(file.path)
  }

  static func document(_ path: String) throws(Problem) -> JSONDocument {
    JSONDocument(try read(FileHandle.read(path)).bytes)
  }

  /// Throws where a file was written to since.
  static func confirm(_ file: FileHandle, _ status: FileStatus) throws(Problem) {
    let now = try file.status()
    guard now.size == status.size, now.modified == status.modified else { throw changed(file.path) }
  }

  static func changed(_ path: String) -> Problem {
    Problem(
      .changing, tried: "read one state of", on: path, said: "another process wrote to it meanwhile",
      advice: "Run dbmend again when the application is less busy.", code: "store.changing")
  }

  // MARK: - What is asked of it

  func catalog() throws(Problem) -> Catalog {
    if let fault = document.fault { throw Self.damaged(document, fault, at: path) }
    return Catalog(
      tables: document.collections.map { Table(name: $0.name, columns: [], primaryKey: [], keyIsStructural: true) })
  }

  func verifyIntegrity(_ request: IntegrityRequest) throws(Problem) -> [Finding] {
    let findings = JSONFindings(document)
    return findings.ofText + (request.isFull ? findings.ofValues(request.findingsPerCause) : [])
  }

  func rowCount(of table: Table) throws(Problem) -> Int {
    document.collections.first { $0.name == table.name }?.rows ?? 0
  }

  func sequences() throws(Problem) -> [SequenceState] { [] }

  func values(at pointers: [String]) throws(Problem) -> [String: DocumentValue] {
    if let fault = document.fault { throw Self.damaged(document, fault, at: path) }
    return JSONPointers.find(pointers, in: document)
  }

  func confirm() throws(Problem) {
    if let source { try Self.confirm(source.file, source.status) }
  }

  func end() { source?.file.close() }

  static func damaged(_ document: JSONDocument, _ fault: JSONScanner.Fault, at path: String) -> Problem {
    Problem(
      .damaged, tried: "read", on: path, said: JSONFindings(document).words(fault), code: "file.malformed")
  }
}
