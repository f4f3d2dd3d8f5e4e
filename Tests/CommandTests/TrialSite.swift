import MendKit
import TestSupport
import Testing

/// A small deployment in a folder of its own, and the program on it as its user runs it.
final class TrialSite {
  /// The tables and rows that every store of a trial begins with.
  static let shop = """
    create table users(id integer primary key, name text);
    insert into users values(1, 'Ada'), (2, 'Grace'), (3, 'Edsger');
    create table orders(id integer primary key autoincrement, sku text);
    create index orders_sku on orders(sku);
    insert into orders(sku) values('bolt'), ('nut'), ('screw'), ('washer');
    """
  /// Takes entries out of an index, so that `reindex` has something to mend.
  static let dropIndexEntries = """
    drop index orders_sku;
    create index orders_sku on orders(sku) where id < 3;
    pragma writable_schema = on;
    update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';
    """

  let folder: TemporaryFolder

  /// Makes the stores, each a file `NAME.db`, and a configuration that names them; `more` is added to it.
  init(_ names: [String] = ["data"], _ more: String = "") throws {
    folder = try TemporaryFolder("dbmend-trial")
    for name in names { try SQLiteFile.make(file("\(name).db"), Self.shop) }
    let stores = names.map { "\($0): { path: \($0).db }" }.joined(separator: ", ")
    try folder.write(
      """
      version: 1
      repository: backups
      environments: { production: { stores: { \(stores) } } }
      \(more)

      """, to: "dbmend.yaml")
  }

  func file(_ name: String) -> String { folder.file(name) }

  /// The program that was built with these tests.
  static var program: String {
    let beside = Paths.join(Paths.folder(of: Paths.resolved(CommandLine.arguments[0])), "dbmend")
    if FileStatus.exists(beside) { return beside }
    return Paths.join(Paths.folder(of: Paths.folder(of: Paths.folder(of: #filePath))), ".build/debug/dbmend")
  }

  /// Runs the program in the folder.
  func dbmend(_ words: String...) throws -> ProgramResult { try dbmend(words) }

  /// Runs the program in the folder.
  func dbmend(_ words: [String]) throws -> ProgramResult {
    try run([Self.program] + words, folder: folder.path, environment: ["NO_COLOR": "1", "LC_ALL": "C"])
  }

  /// Runs a command of the program with its report as JSON, which has to be all of standard output.
  func report(_ words: String...) throws -> TrialReport {
    let result = try dbmend([words[0], "--format", "json"] + words.dropFirst())
    return TrialReport(exit: result.exit, json: try JSONValue(parsing: Array(result.output.utf8)), text: result.errors)
  }

  func sql(_ script: String, in name: String = "data") throws { try SQLiteFile.make(file("\(name).db"), script) }

  func value(_ query: String, in name: String = "data") throws -> String? {
    try SQLiteFile.value(file("\(name).db"), query)
  }

  func bytes(_ name: String = "data") throws -> [UInt8] { try folder.read("\(name).db") }

  /// The archives, by name.
  func archives() throws -> [String] {
    guard FileStatus.exists(file("backups")) else { return [] }
    return try Paths.names(in: file("backups")).filter { $0.hasSuffix(".tar.zst") }.sorted()
  }

  /// What a run should not have left: hidden names beside the stores, and all but the lock in the repository.
  func leftovers() throws -> [String] {
    let hidden = try folder.names().filter { $0.hasPrefix(".") || $0.contains(".db-") }
    guard FileStatus.exists(file("backups")) else { return hidden }
    return try hidden + Paths.names(in: file("backups")).filter { $0.hasPrefix(".") && $0 != ".dbmend.lock" }
  }
}

/// What a run said, as JSON and in text.
struct TrialReport {
  let exit: Int
  let json: JSONValue
  let text: String

  /// What it says of a store, by the name in its environment.
  func store(_ name: String = "data") throws -> JSONValue {
    try #require(json["stores"]?.array?.first { $0["store"]?.string?.hasSuffix("/" + name) == true }, "\(json.text())")
  }

  /// The notes on the run and on a store, a line each.
  func notes(_ name: String? = nil) -> String {
    let all = (json["notes"]?.array ?? []) + ((try? name.map(store))??["notes"]?.array ?? [])
    return all.compactMap(\.string).joined(separator: "\n")
  }

  /// The codes of what was found in a store.
  func codes(_ name: String = "data") throws -> [String] {
    try store(name)["findings"]?.array?.compactMap { $0["code"]?.string } ?? []
  }

  var command: Int? { json["command"]?["exit"]?.integer }
}

extension ProgramResult {
  /// Everything it said.
  var said: String { output + errors }
}
