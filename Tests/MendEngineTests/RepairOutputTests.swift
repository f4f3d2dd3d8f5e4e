import MendArchive
import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("Repair into a file")
struct RepairOutputTests {
  @Test("the mended store is written, and the original is untouched")
  func output() throws {
    let site = try Deployment()
    try site.sql(Deployment.dropIndexEntries)
    let before = try site.bytes()
    let status = try FileStatus.of(site.path)
    let report = site.engine.repair("data", mode: .output(site.folder.file("mended.db")))
    #expect(report.code == .healthy)
    #expect(report.stores.first?.plan.map(\.outcome) == [.mended])
    #expect(try site.value("select count(*) from orders indexed by orders_sku where sku > ''", in: "mended") == "4")
    #expect(try site.bytes() == before)
    #expect(try FileStatus.of(site.path) == status)
    #expect(try site.folder.names() == ["data.db", "mended.db"])
  }

  @Test("the best result is written even if findings remain, and the code says so")
  func best() throws {
    let site = try Deployment()
    try site.sql(Deployment.dropIndexEntries)
    site.check("required-tables", [.init("tables", .list([.string("invoices")]))])
    let report = site.engine.repair("data", mode: .output(site.folder.file("mended.db")))
    #expect(report.code == .damaged)
    #expect(report.stores.first?.findings.filter { !$0.mended }.map(\.code) == ["table.missing"])
    #expect(try site.value("select count(*) from orders indexed by orders_sku where sku > ''", in: "mended") == "4")
  }

  @Test("a file that is there is not replaced, unless that is asked for")
  func taken() throws {
    let site = try Deployment()
    try site.sql(Deployment.dropIndexEntries)
    try site.folder.write("mine", to: "mended.db")
    let report = site.engine.repair("data", mode: .output(site.folder.file("mended.db")))
    #expect(report.code == .damaged)
    #expect(String(decoding: try site.folder.read("mended.db"), as: UTF8.self) == "mine")
    site.settings.replacesOutput = true
    #expect(site.engine.repair("data", mode: .output(site.folder.file("mended.db"))).code == .healthy)
  }

  @Test("a file of the same kind, or an archive of another store, serves as the backup", arguments: [true, false])
  func from(_ isArchive: Bool) throws {
    let site = try Deployment(more: ["copy": Deployment.shop])
    site.settings.maxLoss = .changes
    var source = site.folder.file("copy.db")
    if isArchive {
      source = try #require(site.engine.backup(["copy"]).stores.first?.archive)
    }
    try FileHandle.update(site.path).write([UInt8](repeating: 0, count: 200), at: 0)
    let report = site.engine.repair("data", mode: .inPlace, from: source)
    #expect(report.verdict == .repaired)
    #expect(try site.value("select count(*) from orders") == "4")
  }
}
