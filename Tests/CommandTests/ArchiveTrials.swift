import Foundation
import MendKit
import TestSupport
import Testing

@Suite("Trials: archives that are damaged, hostile, many or of another time")
struct ArchiveTrials {
  /// A deployment with archives of three states: 3, 4 and 5 users.
  private func threeArchives(_ more: String = "") throws -> (site: TrialSite, archives: [String]) {
    let site = try TrialSite(["data"], more)
    var archives: [String] = []
    for _ in 0..<3 {
      let report = try site.report("backup")
      archives.append(try #require(try report.store()["archive"]?.string))
      try site.sql("insert into users(name) values('Next')")
    }
    return (site, archives)
  }

  private func spoil(_ archive: String, _ how: String) throws {
    let file = try FileHandle.update(archive)
    let size = try file.status().size
    switch how {
    case "cut": try file.truncate(to: size / 2)
    case "emptied": try file.truncate(to: 0)
    case "altered": try file.write([UInt8](repeating: 0x5A, count: 40), at: size / 2)
    default: try file.write([UInt8](repeating: 0, count: 100), at: size)
    }
  }

  @Test(
    "one that was spoilt is named by verify, refused by restore, passed over by repair and kept by prune",
    arguments: ["cut", "emptied", "altered", "extended"])
  func spoilt(_ how: String) throws {
    let (site, archives) = try threeArchives("max_loss: changes\nretention: { keep_last: 1 }\nchecks: [integrity]")
    // The retention of the backups left the newest.
    #expect(try site.archives().count == 1)
    let all = try site.dbmend("backup", "--config", try unlimited(site))
    #expect(all.exit == 0)
    let newest = try #require(try site.archives().last.map { site.file("backups/" + $0) })
    #expect(newest != archives[2])
    try spoil(newest, how)

    let verify = try site.dbmend("verify")
    #expect(verify.exit == 1)
    #expect(verify.output.contains(Paths.name(of: newest)))
    #expect(verify.output.contains("1 good, 1 unusable"), "\(verify.output)")
    let verified = try JSONValue(parsing: Array(try site.dbmend("verify", "--format", "json").output.utf8))
    #expect(verified["archives"]?.array?.compactMap { $0["good"] } == [.boolean(true), .boolean(false)])

    let before = try site.bytes()
    let named = try site.dbmend("restore", newest)
    #expect(named.exit == 1)
    #expect(named.said.contains(Paths.name(of: newest)))
    #expect(try site.bytes() == before)
    let output = try site.dbmend("restore", newest, "--output", "out.db")
    #expect(output.exit == 1)
    #expect(!FileStatus.exists(site.file("out.db")))
    #expect(try site.leftovers() == [])

    // One good archive may stay; what cannot be read does not count as it, nor does it go.
    let prune = try site.dbmend("prune")
    #expect(FileStatus.exists(archives[2]) && FileStatus.exists(newest), "\(prune.said)")
    #expect(prune.said.contains(Paths.name(of: newest)))

    try FileHandle.update(site.file("data.db")).write([UInt8](repeating: 0, count: 100), at: 0)
    let repair = try site.report("repair", "data")
    #expect(repair.exit == 0, "\(repair.text)")
    #expect(try site.value("select count(*) from users") == "5")
    #expect(repair.text.contains(Paths.name(of: archives[2])))
  }

  /// A configuration of the same stores that keeps every archive.
  private func unlimited(_ site: TrialSite) throws -> String {
    let text = String(decoding: try site.folder.read("dbmend.yaml"), as: UTF8.self)
    return try site.folder.write(text.replacing("keep_last: 1", with: "keep_last: 100"), to: "all.yaml")
  }

  @Test("latest is the newest one that can be read, and the report says which it passed over")
  func latest() throws {
    let (site, archives) = try threeArchives()
    try spoil(archives[2], "cut")
    let report = try site.report("restore", "latest", "data")
    #expect(report.exit == 0)
    #expect(try site.value("select count(*) from users") == "4")
    #expect(report.notes("data").contains(Paths.name(of: archives[1])))
  }

  @Test("the number to keep is kept by each backup; a dry run says what would go and removes nothing")
  func keepLast() throws {
    let (site, archives) = try threeArchives()
    let text = String(decoding: try site.folder.read("dbmend.yaml"), as: UTF8.self)
    try site.folder.write(text + "retention: { keep_last: 2 }\n", to: "dbmend.yaml")
    let dry = try site.dbmend("prune", "--dry-run")
    #expect(dry.exit == 0)
    #expect(dry.output.contains("would remove"))
    #expect(try site.archives().count == 3)
    #expect(try site.dbmend("prune").exit == 0)
    #expect(archives.map { FileStatus.exists($0) } == [false, true, true])
    #expect(try site.dbmend("backup").exit == 0)
    #expect(archives.map { FileStatus.exists($0) } == [false, false, true])
    // The copies of manifests go with their archives.
    #expect(try Paths.names(in: site.file("backups")).filter { $0.hasSuffix(".manifest.json") }.count == 2)
  }

  @Test("unchanged content is not archived twice, by whatever command, and the report names the archive that holds it")
  func unchanged() throws {
    let site = try TrialSite()
    let first = try site.report("backup").store()["archive"]?.string
    for words in [["backup"], ["preflight"], ["preflight", "--", "true"]] {
      let result = try site.dbmend([words[0], "--format", "json"] + words.dropFirst())
      #expect(result.exit == 0)
      let json = try JSONValue(parsing: Array(result.output.utf8))
      #expect(json["stores"]?.array?.first?["archive"]?.string == first)
    }
    // A touched file is the same content; a restored one too.
    #expect(try run("touch", site.file("data.db")).exit == 0)
    #expect(try site.report("backup").store()["archive"]?.string == first)
    #expect(try site.archives().count == 1)
    try site.sql("update users set name = 'Eve' where id = 1")
    #expect(try site.dbmend("backup").exit == 0)
    #expect(try site.archives().count == 2)
  }

  @Test("an unchanged store whose archive was spoilt is archived again")
  func spoiltThenBackup() throws {
    let site = try TrialSite()
    let first = try #require(try site.report("backup").store()["archive"]?.string)
    try spoil(first, "cut")
    let second = try #require(try site.report("backup").store()["archive"]?.string)
    #expect(second != first)
    #expect(try site.dbmend("verify", second).exit == 0)
  }

  /// Says of archives that they were taken in the future: inside, and in the copy of the manifest.
  private func moveToFuture(_ archive: String, _ site: TrialSite) throws {
    try site.folder.write(
      """
      import io, json, re, subprocess, sys, tarfile
      path = sys.argv[1]
      raw = subprocess.run(["zstd", "-dc", path], check=True, stdout=subprocess.PIPE).stdout
      source, target = tarfile.open(fileobj=io.BytesIO(raw)), io.BytesIO()
      with tarfile.open(fileobj=target, mode="w") as out:
        for member in source:
          content = source.extractfile(member).read()
          if member.name == "manifest.json":
            content = re.sub(rb'("taken": ?")20', rb'\\g<1>21', content)
            open(path[:-8] + ".manifest.json", "wb").write(content)
          member.size = len(content)
          out.addfile(member, io.BytesIO(content))
      open(path, "wb").write(subprocess.run(["zstd", "-c"], input=target.getvalue(), check=True,
        stdout=subprocess.PIPE).stdout)
      """, to: "future.py")
    let moved = try run("python3", site.file("future.py"), archive)
    try #require(moved.exit == 0, "\(moved.errors)")
  }

  @Test("a clock that went back: the newest archive is the one taken last, and retention keeps it")
  func clockWentBack() throws {
    let (site, archives) = try threeArchives("retention: { keep_last: 2, keep_within: 1h }")
    for archive in archives.prefix(2) { try moveToFuture(archive, site) }
    let list = try site.dbmend("list")
    #expect(list.exit == 0)
    #expect(list.output.contains("21"), "\(list.output)")
    let verify = try site.dbmend("verify")
    #expect(verify.exit == 0, "\(verify.said)")
    try site.sql("delete from users where id > 3")
    // The state with 5 users was archived last, whatever the clock says.
    #expect(try site.dbmend("restore", "latest", "data").exit == 0)
    #expect(try site.value("select count(*) from users") == "5")
    #expect(try site.dbmend("prune").exit == 0)
    #expect(FileStatus.exists(archives[2]))
    #expect(try site.dbmend("check").exit == 0)
  }

  @Test(
    "hostile ones write nothing outside of their folder, and are refused with what is wrong",
    arguments: ["parent", "absolute", "symlink", "hardlink", "through-link", "device", "twice", "no-manifest", "bomb"])
  func hostile(_ how: String) throws {
    let site = try TrialSite()
    let good = try #require(try site.report("backup").store()["archive"]?.string)
    try site.folder.write(Self.craft, to: "craft.py")
    let crafted = site.file("backups/production_data_20990101_000000.tar.zst")
    let made = try run("python3", site.file("craft.py"), how, good, crafted, site.file("escaped"))
    try #require(made.exit == 0, "\(made.errors)")
    let before = try site.bytes()
    let names = try site.folder.names()
    for words in [["restore", crafted, "data"], ["restore", crafted, "--output", "out.db"], ["verify", crafted]] {
      let result = try site.dbmend(words)
      #expect(result.exit == 1, "\(words) \(result.said)")
      #expect(result.said.contains("20990101"), "\(result.said)")
      #expect(!FileStatus.exists(site.file("escaped")))
      #expect(!FileStatus.exists(site.file("backups/escaped")))
    }
    #expect(try site.bytes() == before)
    #expect(try site.folder.names() == names)
    #expect(try site.leftovers() == [])
    // Beside it, the good one serves.
    try site.sql("delete from users")
    let latest = try site.dbmend("restore", "latest", "data")
    #expect(latest.exit == 0, "\(latest.said)")
    #expect(try site.value("select count(*) from users") == "3")
    #expect(!FileStatus.exists(site.file("escaped")))
  }

  /// Makes an archive from a good one, with a member that none of dbmend's would have, listed in its manifest like a true
  /// one.
  private static let craft = """
    import copy, hashlib, io, json, subprocess, sys, tarfile
    how, good, path, escaped = sys.argv[1:]
    raw = subprocess.run(["zstd", "-dc", good], check=True, stdout=subprocess.PIPE).stdout
    source, target = tarfile.open(fileobj=io.BytesIO(raw)), io.BytesIO()
    members = [(member, source.extractfile(member).read()) for member in source]
    manifest = json.loads(members[-1][1])
    manifest["sequence"] = manifest.get("sequence", 1) + 1
    listed = manifest["members"]

    def evil(name, content=b"evil", kind=tarfile.REGTYPE, link=""):
      info = tarfile.TarInfo(name)
      info.type, info.linkname, info.size = kind, link, len(content) if kind == tarfile.REGTYPE else 0
      entry = copy.deepcopy(listed[0])
      entry["name"], entry["size"] = name, info.size
      entry["sha256"] = hashlib.sha256(content if info.size else b"").hexdigest()
      listed.append(entry)
      return info, content

    added = []
    if how == "parent": added.append(evil("../escaped"))
    if how == "absolute": added.append(evil(escaped))
    if how == "symlink": added.append(evil("data.db-wal", kind=tarfile.SYMTYPE, link="/etc/passwd"))
    if how == "hardlink": added.append(evil("data.db-wal", kind=tarfile.LNKTYPE, link="/etc/passwd"))
    if how == "through-link":
      added.append(evil("sub", kind=tarfile.SYMTYPE, link="../.."))
      added.append(evil("sub/escaped"))
    if how == "device": added.append(evil("data.db-wal", kind=tarfile.FIFOTYPE))
    if how == "twice": added.append(members[0])
    if how == "bomb":
      members[0][0].size = 1 << 26
      members[0] = (members[0][0], bytes(1 << 26))
    text = json.dumps(manifest).encode()
    with tarfile.open(fileobj=target, mode="w") as out:
      for info, content in members[:-1] + added:
        out.addfile(info, io.BytesIO(content))
      if how != "no-manifest":
        info = tarfile.TarInfo("manifest.json")
        info.size = len(text)
        out.addfile(info, io.BytesIO(text))
    packed = subprocess.run(["zstd", "-c", "-1"], input=target.getvalue(), check=True, stdout=subprocess.PIPE).stdout
    open(path, "wb").write(packed)
    if how != "no-manifest": open(path[:-8] + ".manifest.json", "wb").write(text)
    """
}
