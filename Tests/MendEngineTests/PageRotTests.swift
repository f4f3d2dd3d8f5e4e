import MendArchive
import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("Bit rot against the newest good archive")
struct PageRotTests {
  private static let shop = """
    create table users(id integer primary key, name text); create index users_name on users(name);
    create table notes(id integer primary key, body text);
    with recursive n(i) as (values(1) union all select i + 1 from n where i < 2000)
    insert into users select i, 'user number ' || i from n;
    insert into notes select id, 'a note on ' || name from users;
    """

  /// Changes bytes of a store as a disk does: its times stay as they were.
  private func rot(_ site: Deployment, _ bytes: [UInt8], at offset: Int) throws {
    var before = stat()
    #expect(stat(site.path, &before) == 0)
    try FileHandle.update(site.path).write(bytes, at: offset)
    let times = [before.st_atim, before.st_mtim]
    #expect(utimensat(AT_FDCWD, site.path, times, 0) == 0)
  }

  /// Where a text stands in the store.
  private func place(_ text: String, in site: Deployment) throws -> Int {
    let bytes = try site.bytes()
    let wanted = Array(text.utf8)
    return try #require(
      bytes.indices.first { $0 + wanted.count < bytes.count && bytes[$0..<$0 + wanted.count].elementsEqual(wanted) })
  }

  private func deployment(_ settings: String = "") throws -> Deployment {
    let site = try Deployment(settings + Self.shop)
    #expect(site.engine.backup([]).code == .healthy)
    return site
  }

  @Test(
    "a bit that flipped where no rule looks is found by the archive's checksum, with its table, and healed from there",
    arguments: ["", "pragma journal_mode = wal;"])
  func healed(_ settings: String) throws {
    let site = try deployment(settings)
    let before = try site.bytes()
    let place = try place("a note on user number 1500", in: site)
    try rot(site, [UInt8(ascii: "A")], at: place)
    let found = site.engine.check([])
    #expect(found.code == .damaged)
    let finding = try #require(found.stores.first?.findings.first)
    #expect(found.stores.first?.findings.map(\.code) == ["page.rotten"])
    #expect(finding.location.table == "notes" && finding.location.page == place / 4096 + 1)

    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.verdict == .repaired, "\(report.text)")
    #expect(report.stores.first?.plan.map(\.repair) == ["restore-pages"])
    #expect(report.stores.first?.plan.map(\.loss) == [Loss.none])
    #expect(try site.bytes() == before)
    #expect(site.engine.check([]).code == .healthy)
  }

  @Test("after a commit a page that differs proves nothing")
  func committed() throws {
    let site = try deployment()
    try site.sql("update notes set body = 'A note' where id = 1")
    #expect(site.engine.check([]).code == .healthy)
    try rot(site, [UInt8(ascii: "A")], at: try place("a note on user number 1500", in: site))
    #expect(site.engine.check([]).code == .healthy)
  }

  @Test("notes beside the archive that are missing or altered are read from the archive")
  func notesBeside() throws {
    let site = try deployment()
    let record = try #require(try site.repository.records().first)
    #expect(record.manifest?.notes == "pages.bin")
    let beside = record.path.replacing(".tar.zst", with: ".pages")
    let notes = try FileHandle.read(beside).readAll(limit: 1 << 20)
    #expect(notes.count == 24 + 12 * (try site.bytes().count / 4096))
    try FileHandle.update(beside).write([UInt8](repeating: 0, count: 8), at: 40)
    #expect(site.engine.check([]).code == .healthy)
    try Paths.removeFile(beside)
    try rot(site, [UInt8(ascii: "A")], at: try place("a note on user number 1500", in: site))
    #expect(site.engine.check([]).stores.first?.findings.map(\.code) == ["page.rotten"])
  }

  @Test("an archive of an older dbmend, without notes on pages, is a backup as ever")
  func older() throws {
    let site = try deployment()
    let record = try #require(try site.repository.records().first)
    let copy = record.path.replacing(".tar.zst", with: ".manifest.json")
    var manifest = try #require(record.manifest)
    manifest.notes = nil
    manifest.members.removeAll { $0.name == "pages.bin" }
    try Paths.removeFile(copy)
    let folder = try TemporaryFolder()
    #expect(try run("tar", "-xf", record.path, "-C", folder.path).exit == 0)
    let text = String(decoding: try folder.read("manifest.json"), as: UTF8.self)
    #expect(text.contains("dbmend.manifest/2"))
    // As the older one would have written it: without the member and without the key.
    try folder.write(olderText(text), to: "manifest.json")
    try Paths.removeFile(folder.file("pages.bin"))
    try Paths.removeFile(record.path)
    let names = manifest.members.map(\.name) + ["manifest.json"]
    #expect(try run(["tar", "-C", folder.path, "--zstd", "-cf", record.path] + names).exit == 0)
    let records = try site.repository.records()
    #expect(records.map { $0.problem == nil } == [true] && records.first?.manifest?.isGood == true)
    #expect(records.first?.manifest?.notes == nil)
    try FileHandle.update(site.path).write([UInt8](repeating: 0xA5, count: 4096), at: 2 * 4096)
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.stores.first?.plan.map(\.repair) == ["restore-pages"], "\(report.text)")
    #expect(report.verdict == .repaired)
  }

  /// A manifest's text without what the second format added.
  private func olderText(_ text: String) throws -> String {
    guard let members = try JSONValue(parsing: Array(text.utf8)).members else { return text }
    let kept = members.filter { $0.key != "notes" }.map { member in
      switch member.key {
      case "format": JSONMember("format", .string("dbmend.manifest/1"))
      case "members":
        JSONMember("members", .array((member.value.array ?? []).filter { $0["name"]?.string != "pages.bin" }))
      default: member
      }
    }
    return JSONValue.object(kept).text(pretty: true)
  }
}
