import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("Work folders that a dead run left") struct AbandonedWorkTests {
  private func leave(_ site: Deployment, _ name: String) throws {
    try Paths.makeFolder(site.folder.file(name), mode: 0o700)
    try site.folder.write("a copy", to: name + "/copy-abcdef/data.db")
  }

  @Test("are removed by the next run that changes something, which says so")
  func removed() throws {
    let site = try Deployment()
    try leave(site, ".dbmend-work-abc123")
    let report = site.engine.backup([])
    #expect(report.code == .healthy)
    #expect(report.notes.contains { $0.contains("An earlier run died") && $0.contains(".dbmend-work-abc123") })
    #expect(try site.folder.names() == ["backups", "data.db"])
  }

  @Test("are removed by the next repair into another file, which needs no repository")
  func removedBesideOutput() throws {
    let site = try Deployment()
    try site.sql(Deployment.dropIndexEntries)
    try leave(site, ".dbmend-work-abc123")
    let report = site.engine.repair("data", mode: .output(site.folder.file("mended.db")))
    #expect(report.code == .healthy)
    #expect(try site.folder.names() == ["data.db", "mended.db"])
  }

  @Test("stay while a live run uses them, and so does what only has such a name")
  func kept() throws {
    let site = try Deployment()
    try leave(site, ".dbmend-work-abc123")
    try site.folder.write("a file", to: ".dbmend-work-def456")
    try leave(site, ".dbmend-work-mine")
    let lock = try #require(FolderLock.take(site.folder.file(".dbmend-work-abc123")))
    #expect(site.engine.backup([]).code == .healthy)
    #expect(
      try site.folder.names() == [
        ".dbmend-work-abc123", ".dbmend-work-def456", ".dbmend-work-mine", "backups", "data.db",
      ])
    lock.close()
    #expect(site.engine.backup([]).code == .healthy)
    #expect(try site.folder.names() == [".dbmend-work-def456", ".dbmend-work-mine", "backups", "data.db"])
  }

  @Test("stay while a process has a file in them open")
  func open() throws {
    let site = try Deployment()
    let old = site.folder.file(".dbmend-work-abc123/copy-abcdef/data.db")
    try Paths.makeFolder(Paths.folder(of: old))
    try SQLiteFile.make(old, Deployment.shop)
    let holder = try LockingProcess(old)
    let report = site.engine.backup([])
    #expect(report.notes.contains { $0.contains("could not be removed") })
    #expect(FileStatus.exists(old))
    holder.stop()
    #expect(site.engine.backup([]).code == .healthy)
    #expect(try site.folder.names() == ["backups", "data.db"])
  }
}
