import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("Targets")
struct InventoryTests {
  func names(_ stores: [ManagedStore]) -> [String] { stores.map { "\($0.identity)" } }

  @Test("no target is every store of the configuration, in its order")
  func everything() throws {
    let site = try Deployment(more: ["logs": "create table t(a)", "cache": "create table t(a)"])
    #expect(names(try site.engine.resolve([])) == ["production/data", "production/cache", "production/logs"])
  }

  @Test("a store is named by environment and name, by its bare name, or by its path, and handled once")
  func once() throws {
    let site = try Deployment(more: ["logs": "create table t(a)"])
    let stores = try site.engine.resolve(["logs", "production/logs", site.folder.file("logs.db"), "production"])
    #expect(names(stores) == ["production/logs", "production/data"])
    #expect(stores.first?.repository == site.folder.file("backups"))
  }

  @Test("a path that is a link to a configured store is that store")
  func link() throws {
    let site = try Deployment()
    #expect(symlink(site.path, site.folder.file("current.db")) == 0)
    #expect(names(try site.engine.resolve([site.folder.file("current.db")])) == ["production/data"])
  }

  @Test("a path of which no configuration speaks gets the standard checks and a repository beside it")
  func adhoc() throws {
    let site = try Deployment()
    let other = try SQLiteFile.make(site.folder.file("other.db"), "create table t(a)")
    let store = try #require(try site.engine.resolve([other]).first)
    #expect("\(store.identity)" == "adhoc/other.db")
    #expect(store.repository == site.folder.file("dbmend-archives"))
    #expect(store.checks == Configuration.standardChecks)
    #expect(store.maxLoss == .rows)
    #expect(!store.isConfigured)
  }

  @Test("a folder is searched by first bytes, archives, sidecars, hidden files and other files left out")
  func folder() throws {
    let site = try Deployment()
    try site.folder.write("hello", to: "fixtures/readme.txt")
    try Paths.makeFolder(site.folder.file("fixtures/deep/dbmend-archives"))
    try Paths.makeFolder(site.folder.file("fixtures/.git"))
    for name in ["b.db", "a.data", "deep/c.bin", "deep/dbmend-archives/d.db", ".git/e.db", ".f.db"] {
      try SQLiteFile.make(site.folder.file("fixtures/\(name)"), "create table t(a)")
    }
    #expect(symlink(site.folder.file("fixtures"), site.folder.file("fixtures/deep/loop")) == 0)
    let found = try site.engine.resolve([site.folder.file("fixtures")])
    #expect(found.map { Paths.name(of: $0.writtenPath) } == ["a.data", "b.db", "c.bin"])
  }

  @Test("a folder without a store is an error, not a healthy nothing")
  func emptyFolder() throws {
    let site = try Deployment()
    try Paths.makeFolder(site.folder.file("empty"))
    let report = site.engine.check([site.folder.file("empty")])
    #expect(report.code == .damaged)
    #expect(report.text.contains("no file in it begins like one"))
  }

  @Test("a name that is nearly right is answered with the right one", arguments: ["prodction", "dta"])
  func nearest(_ word: String) throws {
    let site = try Deployment()
    let report = site.engine.check([word])
    #expect(report.code == .usage)
    #expect(report.text.contains("did you mean"))
  }

  @Test("an unknown environment and a missing configuration are wrong use")
  func usage() throws {
    let site = try Deployment()
    site.settings.environment = "prodution"
    #expect(site.engine.check([]).code == .usage)
    #expect(site.engine.check([]).text.contains("did you mean 'production'?"))
    site.settings.environment = nil
    site.configuration = .standard
    #expect(site.engine.check([]).code == .usage)
    #expect(site.engine.check([]).text.contains("dbmend init"))
  }

  @Test("a bare name that two environments have asks for the environment")
  func ambiguous() throws {
    let site = try Deployment()
    var staging = site.configuration.environments[0]
    staging.name = "staging"
    staging.maxLoss = .everything
    site.configuration.environments.append(staging)
    #expect(site.engine.check(["data"]).text.contains("production/data, staging/data"))
    site.settings.environment = "staging"
    #expect(try site.engine.resolve(["data"]).first?.maxLoss == .everything)
  }

  @Test("the most that a repair may cost is the command line's, the store's, the environment's, the configuration's")
  func maxLoss() throws {
    let site = try Deployment()
    site.configuration.maxLoss = .none
    #expect(try site.store().maxLoss == .none)
    site.configuration.environments[0].maxLoss = .rows
    #expect(try site.store().maxLoss == .rows)
    site.configuration.environments[0].stores[0].maxLoss = .changes
    #expect(try site.store().maxLoss == .changes)
    site.settings.maxLoss = .everything
    #expect(try site.store().maxLoss == .everything)
  }

  @Test("a server's address without a driver for it is unsupported")
  func address() throws {
    #expect(try Deployment().engine.check(["postgresql://db/app"]).code == .unchecked)
  }
}
