import MendKit
import TestSupport
import Testing

/// A folder with stores in it, and the program run there as a user would, as a process of its own.
final class Trial {
  let folder: TemporaryFolder

  /// A folder that every user may look into, with a small shop in each of these files.
  init(_ stores: String...) throws {
    folder = try TemporaryFolder("dbmend-trial")
    chmod(folder.path, 0o755)
    for store in stores {
      try Paths.makeFolder(Paths.folder(of: file(store)))
      try SQLiteFile.make(file(store), Trial.shop)
    }
  }

  static let shop = """
    create table users(id integer primary key autoincrement, name text);
    insert into users(name) values('Ada'), ('Grace'), ('Mary'), ('Joan');
    create table orders(id integer primary key, sku text, user_id integer);
    insert into orders(sku, user_id) values('bolt', 1), ('nut', 2), ('screw', 3), ('washer', 4);
    create index orders_sku on orders(sku);
    """

  /// The user that has no rights here.
  static let nobody = 65534

  func file(_ name: String) -> String { folder.file(name) }

  /// Runs SQL on a store, making it when it is not there.
  func sql(_ script: String, on store: String = "app.db") throws { try SQLiteFile.make(file(store), script) }

  func value(_ query: String, in store: String = "app.db") throws -> String? {
    try SQLiteFile.value(file(store), query)
  }

  /// Makes the index of a shop lack two of its rows.
  func spoilIndex(of store: String = "app.db") throws {
    try sql(
      """
      drop index orders_sku;
      create index orders_sku on orders(sku) where id < 3;
      pragma writable_schema = on;
      update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';
      """, on: store)
  }

  /// Makes a store one that nothing but a backup helps.
  func spoilAll(of store: String = "app.db") throws {
    let handle = try FileHandle.update(file(store))
    try handle.write([UInt8](repeating: 0x5A, count: try handle.status().size), at: 0)
  }

  /// A configuration with these stores in `production`, named as their files without the extension.
  func configure(_ stores: String..., more: String = "") throws {
    let list = stores.map { "\($0.prefix { $0 != "." }): { path: \($0) }" }.joined(separator: ", ")
    try folder.write(
      """
      version: 1
      repository: backups
      busy_timeout: 200ms
      environments:
        production: { stores: { \(list) } }
      \(more)
      """, to: "dbmend.yaml")
  }

  // MARK: The program

  static let program = Paths.join(Paths.folder(of: Paths.resolved("/proc/self/exe")), "dbmend")

  struct Outcome {
    let exit: Int
    let output: String
    let errors: String
    /// What standard output holds, where that is one JSON object.
    let json: JSONValue?

    var stores: [JSONValue] { json?["stores"]?.array ?? [] }
    /// The only store, or the one of a name.
    func store(_ name: String? = nil) -> JSONValue? {
      stores.first { name == nil || $0["store"]?.string == name }
    }
    var verdict: String? { json?["verdict"]?.string }
    var codes: [String] { (store()?["findings"]?.array ?? []).compactMap { $0["code"]?.string } }
    /// What stood in the way, of the run and of its stores.
    var problems: [JSONValue] {
      ([json].compactMap { $0 } + stores).flatMap { $0["problems"]?.array ?? [] }
    }
    /// The archive of the only store.
    var archive: String? { store()?["archive"]?.string }
    /// Whether both the report and what is for people hold a text.
    func tells(_ text: String) -> Bool { output.contains(text) && errors.contains(text) }
    var everything: String { "exit \(exit)\n\(output)\n\(errors)" }
  }

  /// Runs dbmend in the folder with a report in JSON on standard output, which must be one object and nothing else; the
  /// text for people is then on standard error.
  func dbmend(_ words: String..., user: Int? = nil, location: SourceLocation = #_sourceLocation) throws -> Outcome {
    try dbmend(words: words, user: user, location: location)
  }

  /// The same, with the words as a list.
  func dbmend(words: [String], user: Int? = nil, location: SourceLocation = #_sourceLocation) throws -> Outcome {
    var words = words
    words.insert(contentsOf: ["--format", "json"], at: min(1, words.count))
    let result = try raw(words, user: user)
    let json = try? JSONValue(parsing: Array(result.output.utf8))
    #expect(json?.members != nil, "standard output is not one JSON object: \(result)", sourceLocation: location)
    return Outcome(exit: result.exit, output: result.output, errors: result.errors, json: json)
  }

  /// Runs dbmend with a report in text. A run that hangs is ended with exit code 124.
  func text(_ words: String..., user: Int? = nil) throws -> ProgramResult { try raw(words, user: user) }

  /// The same, with the words as a list.
  func text(_ words: [String]) throws -> ProgramResult { try raw(words, user: nil) }

  private func raw(_ words: [String], user: Int?) throws -> ProgramResult {
    var start = ["timeout", "-k", "1", "30"]
    if let user { start += ["setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups"] }
    return try run(start + [Trial.program] + words, folder: folder.path, environment: ["LC_ALL": "C.UTF-8"])
  }

  // MARK: What is there

  /// A file as far as anyone could see that it was touched.
  struct Sight: Equatable {
    var kind: FileStatus.Kind
    var mode: Int
    var user: UInt32
    var group: UInt32
    var size: Int
    var modified: Int64
    var inode: UInt64
    var bytes: [UInt8]
  }

  /// Everything in the folder but what stands under these names, hidden files included.
  func sight(except names: String...) throws -> [String: Sight] {
    var found: [String: Sight] = [:]
    func look(_ folder: String, _ prefix: String) throws {
      for name in try Paths.names(in: folder) where !names.contains(prefix + name) {
        let path = Paths.join(folder, name)
        let status = try FileStatus.of(path, followLinks: false)
        if status.kind == .folder { try look(path, prefix + name + "/") }
        found[prefix + name] = Sight(
          kind: status.kind, mode: status.mode, user: status.user, group: status.group,
          size: status.kind == .folder ? 0 : status.size, modified: status.kind == .folder ? 0 : status.modified,
          inode: status.inode,
          bytes: status.kind == .file ? try FileHandle.read(path).readAll(limit: 1 << 30) : [])
      }
    }
    try look(folder.path, "")
    return found
  }

  /// The archives in a repository, sorted.
  func archives(_ repository: String = "dbmend-archives") throws -> [String] {
    guard FileStatus.exists(file(repository)) else { return [] }
    return try Paths.names(in: file(repository)).filter { $0.hasSuffix(".tar.zst") }
  }

  /// What dbmend made and should have taken away again.
  func leftovers(_ repository: String = "dbmend-archives") throws -> [String] {
    let beside = try folder.names().filter {
      $0.hasPrefix(".dbmend") || $0.contains("-journal") || $0.contains(".orphan")
    }
    guard FileStatus.exists(file(repository)) else { return beside }
    return beside + (try Paths.names(in: file(repository)).filter { $0.hasPrefix(".") && $0 != ".dbmend.lock" })
  }
}
