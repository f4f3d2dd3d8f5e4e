import MendKit
import TestSupport

/// Stores whose files have hostile names.
struct FileNames {
  let site: HostileSite

  static let commands = [
    "check-text", "check-json", "check-junit", "check-sarif", "check-github", "search-text", "search-json",
    "search-github", "backup", "repair",
    "plan", "output", "restore", "preflight", "write", "status", "json-store", "folder", "init", "bare", "verify",
  ]

  /// Runs a command on a store of a name; what broke.
  func run(_ index: Int, _ command: String, _ trial: NameTrial) throws -> [String] {
    let name = HostileNames.ofFiles[index]
    let folder = try TemporaryFolder("dbmend-hostile-source")
    try Paths.makeFolder(folder.file("work/in"))
    let format = command.split(separator: "-").last.map(String.init) ?? "text"
    try make(folder, name, command)
    try site.reset(to: folder.file("work"))
    guard let text = String(validating: name, as: UTF8.self) else { return try searched(command, format, trial) }
    let store = "./in/" + text
    var lines: [[String]]
    switch command {
    case "check-text", "check-json", "check-junit", "check-sarif", "check-github":
      lines = [["check", store, "--format", format]]
    case "search-text", "search-json", "search-github": lines = [["check", "in", "--format", format]]
    case "backup": lines = [["backup", store], ["list"], ["list", "--format", "json"], ["prune"]]
    case "repair": lines = [["repair", store, "--yes"], ["check", store]]
    case "plan": lines = [["repair", "--plan", store, "--format", "json"]]
    case "output": lines = [["repair", store, "--output", "./in/" + text.prefix(100) + ".out", "--yes"]]
    case "restore":
      lines = [
        ["backup", store], ["restore", "latest", store], ["restore", "latest", store, "--output", "in/out.db"],
      ]
    case "preflight": lines = [["preflight", store, "--", "/bin/false", text]]
    case "write": lines = [["write", store + ".json"]]
    case "status": lines = [["status", store], ["status", store, "--format", "json"]]
    case "json-store": lines = [["check", store], ["backup", store], ["repair", store, "--yes"]]
    case "folder": lines = [["backup", "in"], ["restore", "latest", "in"], ["check", "in"], ["verify"]]
    case "init": lines = [["init", "in"], ["check"]]
    case "verify": lines = [["verify", store], ["restore", text, store], ["repair", store, "--from", store]]
    // The name by itself, as a shell hands it over: perhaps an option, perhaps a command.
    default:
      lines = [["check", text], ["--report", text, "check", store], ["plugins", text], ["help", text], [text]]
    }
    return try lines.flatMap { try run($0, format, trial) }
  }

  /// A name that is no text cannot be given to a program in this language; whatever searches or archives comes upon it.
  private func searched(_ command: String, _ format: String, _ trial: NameTrial) throws -> [String] {
    switch command {
    case "check-text", "check-json", "check-junit", "check-sarif", "check-github":
      return try run(["check", "in", "--format", format], format, trial)
    case "folder":
      return try [["backup", "in"], ["check", "in"], ["preflight", "in", "--", "/bin/true"]].flatMap {
        try run($0, "text", trial)
      }
    case "init": return try run(["init", "in"], "text", trial)
    case "repair": return try run(["repair", "in", "--yes"], "text", trial)
    default: return try run(["backup", "in", "--repository", "in"], "text", trial)
    }
  }

  private func run(_ words: [String], _ format: String, _ trial: NameTrial) throws -> [String] {
    let run = try site.dbmend(words, input: words[0] == "write" ? "{\"a\": 1}\n" : nil)
    var said: [String] = []
    if let broken = try site.broken(
      by: run,
      mayChange: { path in
        ["in", "in/", "dbmend-archives", "dbmend.yaml"].contains { path == $0 || path.hasPrefix($0) }
          || path == words.dropFirst().first
      })
    {
      said.append(broken)
    }
    if let flaw = try trial.flaw(of: run, format) { said.append(flaw + "\n  " + run.said) }
    return said
  }

  private func make(_ folder: TemporaryFolder, _ name: [UInt8], _ command: String) throws {
    let plain = folder.file("plain")
    if command == "json-store" {
      try folder.write("{\"a\": [1, 2", to: "plain")
    } else {
      try SQLiteFile.make(
        plain,
        """
        create table orders(id integer primary key, sku text);
        insert into orders(sku) values ('bolt'), ('nut'), ('screw');
        create index orders_sku on orders(sku) where id < 3;
        pragma writable_schema = on;
        update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';
        """)
    }
    let target = Array(folder.file("work/in/").utf8) + name
    guard rename(plain, target.map { CChar(bitPattern: $0) } + [0]) == 0 else {
      throw PreparationFailed("no file can be named \(name): \(String(cString: strerror(errno)))")
    }
  }
}
