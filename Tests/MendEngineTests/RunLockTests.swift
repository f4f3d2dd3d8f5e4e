import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("The run lock")
struct RunLockTests {
  @Test("a second run is refused while one is at work, with its process named, and goes on when it has ended")
  func second() throws {
    let site = try Deployment()
    let lock = try RunLock.take(site.folder.file("backups"))
    for report in [
      site.engine.backup([]), site.engine.preflight([], command: ["true"]), site.engine.repair("data", mode: .inPlace),
    ] {
      #expect(report.code == .unchecked)
      #expect(report.command == nil)
      #expect(report.text.contains("another run of dbmend is working with it (process \(getpid()))"))
      #expect(report.stores.first?.blockedBy.first?.pid == Int(getpid()))
    }
    #expect(site.engine.check([]).code == .healthy)
    lock.release()
    #expect(site.engine.backup([]).code == .healthy)
  }

  @Test("the lock of a process that died is free")
  func dead() throws {
    let folder = try TemporaryFolder()
    _ = try run("python3", "-c", "open('\(folder.file(RunLock.name))', 'w').write('1\\n')")
    let lock = try RunLock.take(folder.path)
    #expect(String(decoding: try folder.read(RunLock.name), as: UTF8.self) == "\(getpid())\n")
    lock.release()
  }

  @Test("a link in the place of the lock is not followed")
  func link() throws {
    let folder = try TemporaryFolder()
    let victim = try folder.write("precious", to: "victim")
    #expect(symlink(victim, folder.file(RunLock.name)) == 0)
    #expect(throws: Problem.self) { try RunLock.take(folder.path) }
    #expect(String(decoding: try folder.read("victim"), as: UTF8.self) == "precious")
  }

  @Test("a repository that may not be written stops the run before anything is changed")
  func denied() throws {
    let site = try Deployment()
    try Paths.makeFolder(site.folder.file("backups"))
    #expect(chmod(site.folder.path, 0o755) == 0)
    #expect(chmod(site.path, 0o644) == 0)
    try site.sql(Deployment.dropIndexEntries)
    let before = try site.bytes()
    let reports = try withoutPrivileges {
      [
        site.engine.repair("data", mode: .inPlace), site.engine.preflight([], command: ["true"]),
        site.engine.backup([]),
      ]
    }
    for report in reports {
      #expect(report.code == .unchecked)
      #expect(report.command == nil)
    }
    #expect(try site.bytes() == before)
  }

  @Test("a lock holds when its file is deleted or replaced, and by whatever path a run comes")
  func takenAway() throws {
    let folder = try TemporaryFolder()
    let place = folder.file("backups")
    let lock = try RunLock.take(place)
    func isRefused(_ path: String) -> Bool { (try? RunLock.take(path)) == nil }
    try Paths.removeFile(Paths.join(place, RunLock.name))
    #expect(isRefused(place))
    try folder.write("1\n", to: "backups/" + RunLock.name)
    #expect(isRefused(place))
    #expect(symlink(place, folder.file("link")) == 0)
    #expect(isRefused(folder.file("link")))
    lock.release()
    #expect(!isRefused(place))
  }

  @Test("two names of one repository are one to a run")
  func twoNames() throws {
    let folder = try TemporaryFolder()
    let place = folder.file("backups")
    try Paths.makeFolder(place)
    #expect(symlink(place, folder.file("link")) == 0)
    let session = try RunSession.open([place, folder.file("link")], action: "test", clock: .system)
    session.close()
  }

  @Test("two runs that may change one store are held apart whatever their repositories; who only reads it is not")
  func oneStore() throws {
    let site = try Deployment()
    try Paths.makeFolder(site.folder.file("links"))
    #expect(symlink(site.path, site.folder.file("links/alias.db")) == 0)
    let claims = try StoreClaims.take([try site.store()])
    site.settings.repository = site.folder.file("elsewhere")
    for report in [
      site.engine.preflight([], command: ["true"]), site.engine.repair("data", mode: .inPlace),
      site.engine.repair(site.folder.file("links/alias.db"), mode: .inPlace),
    ] {
      #expect(report.code == .unchecked)
      #expect(report.command == nil)
      #expect(report.text.contains("another run of dbmend is working on it (process \(getpid()))"), "\(report.text)")
    }
    #expect(site.engine.backup([]).code == .healthy)
    #expect(site.engine.check([]).code == .healthy)
    claims.release()
    #expect(site.engine.preflight([], command: ["true"]).code == .healthy)
    #expect(try Paths.names(in: site.folder.path).filter { $0.hasPrefix(".") } == [])
  }
}
