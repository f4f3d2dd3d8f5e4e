import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("The journal of a run that died")
struct JournalTests {
  let folder: TemporaryFolder
  let identity: StoreIdentity
  let work: String

  init() throws {
    folder = try TemporaryFolder("dbmend-journal")
    try folder.write("old", to: "data.db")
    try Paths.makeFolder(folder.file("backups"))
    identity = StoreIdentity(environment: "production", name: "data", path: folder.file("data.db"))
    work = folder.file(".dbmend-work-aB3dE6")
  }

  var repository: String { folder.file("backups") }

  func left(_ phase: Journal.Entry.Phase, _ change: (inout Journal.Entry) -> Void = { _ in }) throws {
    try Paths.makeFolder(work, mode: 0o700)
    try folder.write("new", to: ".dbmend-work-aB3dE6/copy-abcdef/data.db")
    var entry = Journal.Entry(store: identity, phase: phase, work: work, archive: "/srv/backups/a.tar.zst")
    entry.old = Journal.FileMark(of: identity.path)
    entry.new = Journal.FileMark(of: folder.file(".dbmend-work-aB3dE6/copy-abcdef/data.db"))
    change(&entry)
    try Journal(repository: repository, action: "repair", started: 1_700_000_000).put(entry)
  }

  func recover() throws -> String {
    var recovery = JournalRecovery(repository: repository)
    try recovery.recover()
    #expect(!FileStatus.exists(Paths.join(repository, Journal.name)))
    return recovery.notes.joined(separator: "\n")
  }

  @Test("that worked on a copy: the old content is in place, and the copy is removed")
  func working() throws {
    try left(.working)
    let said = try recover()
    #expect(said.contains("dbmend repair, process \(getpid()), begun 2023-11-14T22:13:20Z"))
    #expect(said.contains("the old content is in place"))
    #expect(!FileStatus.exists(work))
    #expect(try folder.names() == ["backups", "data.db"])
  }

  @Test("before the exchange: the old content is in place")
  func beforeExchange() throws {
    try left(.installing)
    #expect(try recover().contains("the old content is in place"))
    #expect(!FileStatus.exists(work))
  }

  @Test("after the exchange: the verified new content is in place")
  func afterExchange() throws {
    try left(.installing)
    try Durable.rename(folder.file(".dbmend-work-aB3dE6/copy-abcdef/data.db"), to: identity.path)
    let said = try recover()
    #expect(said.contains("the new, verified content is in place"))
    #expect(said.contains("/srv/backups/a.tar.zst"))
  }

  @Test("and whose store was replaced or removed since is not claimed to be either")
  func replacedSince() throws {
    try left(.installing)
    try folder.write("third", to: "other")
    try Durable.rename(folder.file("other"), to: identity.path)
    #expect(try recover().contains("another file is in place"))
    try left(.installing)
    try Paths.removeFile(identity.path)
    #expect(try recover().contains("no file is in place"))
  }

  @Test("while its command ran: the archive and the way back are named, and nothing is restored")
  func command() throws {
    try left(.command) { entry in
      entry.work = nil
      entry.command = "./update.sh --all"
    }
    #expect(try recover().contains("has not changed since"))
    for phase in [Journal.Entry.Phase.working, .command] {
      try left(phase) { $0.command = "./update.sh --all" }
      try folder.write("half", to: "data.db")
      #expect(try recover().contains("dbmend restore /srv/backups/a.tar.zst " + folder.file("data.db")))
    }
    try left(.command) { $0.command = "./update.sh --all" }
    try folder.write("half", to: "data.db")
    let said = try recover()
    #expect(said.contains("./update.sh --all"))
    #expect(said.contains("dbmend restore /srv/backups/a.tar.zst " + folder.file("data.db")))
    #expect(String(decoding: try folder.read("data.db"), as: UTF8.self) == "half")
  }

  @Test(
    "and that lies about its work folder makes nothing be removed",
    arguments: [
      "precious", ".dbmend-work-aB3dE6/..", ".dbmend-work-abc", "link/.dbmend-work-aB3dE6", ".dbmend-work-aB3dE/",
    ])
  func hostile(_ name: String) throws {
    try folder.write("keep", to: "precious/file")
    try folder.write("keep", to: "elsewhere/.dbmend-work-aB3dE6/file")
    #expect(symlink(folder.file("elsewhere"), folder.file("link")) == 0)
    try left(.working) { $0.work = folder.path + "/" + name }
    _ = try recover()
    #expect(FileStatus.exists(folder.file("precious/file")))
    #expect(FileStatus.exists(folder.file("elsewhere/.dbmend-work-aB3dE6/file")))
    #expect(FileStatus.exists(folder.file("backups")))
  }

  @Test("and whose work folder is a link makes nothing be removed behind it")
  func linkedWork() throws {
    try folder.write("keep", to: "precious/file")
    try left(.working)
    try Paths.removeTree(work)
    #expect(symlink(folder.file("precious"), work) == 0)
    #expect(try recover().contains("was left alone"))
    #expect(FileStatus.exists(folder.file("precious/file")))
  }

  @Test("and left the old file where a process still writes to it stops the next run")
  func stillOpen() throws {
    try left(.installing)
    let file = folder.file(".dbmend-work-aB3dE6/copy-abcdef/data.db")
    try Paths.removeFile(file)
    try SQLiteFile.make(file, "create table t(a)")
    let other = try LockingProcess(file, "select * from t")
    defer { other.stop() }
    var recovery = JournalRecovery(repository: repository)
    let problem = #expect(throws: Problem.self) { try recovery.recover() }
    #expect(problem?.kind == .locked)
    #expect(problem?.blockers.map(\.pid) == [other.pid])
    #expect(FileStatus.exists(file))
    #expect(FileStatus.exists(Paths.join(repository, Journal.name)))
  }

  @Test(
    "and cannot be read is kept for a person, and said",
    arguments: [
      "", "{", "{\"format\": \"other\"}", "[1, 2]",
      "{\"format\": \"dbmend.journal/1\", \"pid\": 1, \"started\": 2, \"action\": \"x\", \"stores\": [{}]}",
    ])
  func unreadable(_ text: String) throws {
    try folder.write(text, to: "backups/" + Journal.name)
    #expect(try recover().contains("journal of an earlier run"))
    #expect(FileStatus.exists(folder.file("backups/\(Journal.name).unreadable")))
  }

  @Test("leaves staging folders in the repository, which are removed")
  func staging() throws {
    try folder.write("half", to: "backups/.dbmend-staging-aB3dE6/data.db")
    try folder.write("half", to: "backups/.dbmend-journal.json.123.new")
    try folder.write("keep", to: "backups/.dbmend-staging-mine/data.db")
    #expect(try recover().isEmpty)
    #expect(try Paths.names(in: repository) == [".dbmend-staging-mine"])
  }

  @Test("strikes off store by store, and the last one takes the file with it")
  func strike() throws {
    let journal = Journal(repository: repository, action: "preflight", started: 1)
    let other = StoreIdentity(environment: "production", name: "logs", path: "/srv/logs.db")
    try journal.put([.init(store: identity, phase: .command), .init(store: other, phase: .command)])
    try journal.strike(identity)
    #expect(try LeftJournal.read(journal.path)?.entries.map(\.store) == [other])
    try journal.strike(other)
    #expect(try LeftJournal.read(journal.path) == nil)
    #expect(!FileStatus.exists(journal.path))
  }
}
