import MendKit
import TestSupport
import Testing

/// Archives that are broken, hostile, or from another time.
@Suite("Trials: archives") struct ArchiveTrials {
  /// A store with three archives, of 4, 5 and 6 users.
  private func trial() throws -> (Trial, [String]) {
    let trial = try Trial("app.db")
    for name in [nil, "Edith", "Alva"] {
      if let name { try trial.sql("insert into users(name) values ('\(name)')") }
      #expect(try trial.dbmend("backup", "app.db").exit == 0)
    }
    // In one second the suffix tells the order, and the first has none.
    let list = try #require(try trial.dbmend("list").json?["archives"]?.array)
    let paths = list.compactMap { $0["archive"]?.string ?? $0["path"]?.string }
    try #require(paths.count == 3)
    return (trial, paths.reversed())
  }

  private func alter(_ path: String) throws {
    let file = try FileHandle.update(path)
    let at = try file.status().size / 2
    let byte = try file.read(1, at: at)
    try file.write(byte.map { $0 ^ 0x55 }, at: at)
  }

  @Test(
    "a truncated or altered archive is named by verify, refused by restore, passed over for an older one, and not pruned",
    arguments: ["truncated", "altered", "empty", "no manifest beside it and truncated"])
  func broken(_ how: String) throws {
    let (trial, archives) = try trial()
    let newest = archives[2]
    switch how {
    case "altered": try alter(newest)
    case "empty": try FileHandle.update(newest).truncate(to: 0)
    default: try FileHandle.update(newest).truncate(to: 600)
    }
    if how.hasPrefix("no manifest") {
      try Paths.removeFile(newest.replacing(".tar.zst", with: ".manifest.json"))
    }
    let before = try trial.sight(except: "dbmend-archives/.dbmend.lock")

    let verified = try trial.dbmend("verify")
    #expect(verified.exit == 1, "\(verified.everything)")
    let bad = (verified.json?["archives"]?.array ?? []).filter { $0["good"] == .boolean(false) }
    #expect(bad.count == 1 && bad.first?["archive"]?.string == newest)
    #expect(bad.first?["problem"]?.string?.contains(newest) == true)

    let refused = try trial.dbmend("restore", newest, "app.db")
    #expect(refused.exit == 1, "\(refused.everything)")
    #expect(refused.tells(Paths.name(of: newest)))
    #expect(refused.problems.first?["kind"]?.string == "archive")
    #expect(try trial.sight(except: "dbmend-archives/.dbmend.lock") == before)

    let output = try trial.dbmend("restore", "latest", "app.db", "--output", "old.db")
    #expect(output.exit == 0, "\(output.everything)")
    #expect(try trial.value("select count(*) from users", in: "old.db") == "5")
    if !how.hasPrefix("no manifest") {
      #expect(output.tells("passed over") && output.tells(Paths.name(of: newest)), "\(output.everything)")
    }

    // Even a retention of one keeps the broken one for a person to look at, and the newest good one.
    try trial.folder.write(
      "version: 1\nrepository: dbmend-archives\nretention: { keep_last: 1 }\n"
        + "environments: { adhoc: { stores: { app.db: { path: app.db } } } }\n", to: "dbmend.yaml")
    let pruned = try trial.dbmend("prune")
    #expect(pruned.exit == 1, "\(pruned.everything)")
    #expect(FileStatus.exists(newest) && FileStatus.exists(archives[1]) && !FileStatus.exists(archives[0]))
    #expect(pruned.output.contains(Paths.name(of: newest)))

    try trial.spoilAll()
    let repaired = try trial.dbmend("repair", "--max-loss", "changes", "app.db")
    #expect(repaired.exit == 0, "\(repaired.everything)")
    #expect(try trial.value("select count(*) from users") == "5")
    #expect(repaired.tells(Paths.name(of: newest)), "\(repaired.everything)")
  }

  @Test("with no good archive left, a hopeless store stays as it is")
  func noneGood() throws {
    let (trial, archives) = try trial()
    for archive in archives { try alter(archive) }
    try trial.spoilAll()
    let before = try trial.sight(except: "dbmend-archives")
    let outcome = try trial.dbmend("repair", "--max-loss", "changes", "app.db")
    #expect(outcome.exit == 1, "\(outcome.everything)")
    for archive in archives { #expect(outcome.tells(Paths.name(of: archive)), "\(outcome.everything)") }
    #expect(try trial.sight(except: "dbmend-archives") == before)
    #expect(try trial.dbmend("restore", "latest", "app.db").exit == 1)
    #expect(try trial.sight(except: "dbmend-archives") == before)
  }

  /// Rewrites an archive with a member of another name or type, and a manifest that agrees with it.
  private static let craft = """
    import hashlib, io, json, subprocess, sys, tarfile
    source, target, evil, way, keeps = sys.argv[1:6]
    raw = subprocess.run(["zstd", "-dcq", source], stdout=subprocess.PIPE, check=True).stdout
    old = tarfile.open(fileobj=io.BytesIO(raw))
    members = [(m, old.extractfile(m).read()) for m in old.getmembers() if m.isfile()]
    main = members[0][0].name
    out = io.BytesIO(); new = tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT)
    def add(name, data, **fields):
        info = tarfile.TarInfo(name); info.mode = 0o644; info.size = len(data)
        for key, value in fields.items(): setattr(info, key, value)
        new.addfile(info, io.BytesIO(data) if info.type == tarfile.REGTYPE else None)
    for member, data in members:
        if member.name == "manifest.json":
            manifest = json.loads(data); manifest["members"][0]["name"] = evil if way == "name" else main
            add("manifest.json", json.dumps(manifest).encode()); continue
        if member.name != main: add(member.name, data); continue
        if way == "name": add(evil, data)
        elif way == "symlink": add(main, b"", type=tarfile.SYMTYPE, linkname=evil)
        elif way == "hardlink": add(main, b"", type=tarfile.LNKTYPE, linkname=evil)
        elif way == "through": add("x", b"", type=tarfile.SYMTYPE, linkname=evil); add("x/evil", data); add(main, data)
        elif way == "twice": add(main, data); add(main, b"other")
        elif way == "device": add(main, b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)
    new.close()
    subprocess.run(["zstd", "-qf", "-o", target], input=out.getvalue(), check=True)
    if keeps == "beside":
        manifest["archive"] = None; del manifest["archive"]
        open(target[:-8] + ".manifest.json", "w").write(json.dumps(manifest))
    """

  @Test(
    "no archive writes out of its folder: not by '../', an absolute path, a link, or a device",
    arguments: [
      ("name", "../evil"), ("name", "a/../../evil"), ("name", "FOLDER/evil"), ("symlink", "/etc/passwd"),
      ("hardlink", "/etc/passwd"), ("symlink", "../../app.db"), ("through", "FOLDER"), ("twice", ""), ("device", ""),
    ])
  func hostile(_ way: String, _ evil: String) throws {
    let (trial, archives) = try trial()
    let evil = evil.replacing("FOLDER", with: trial.folder.path)
    try Paths.makeFolder(trial.file("in"))
    for keeps in ["beside", "inside"] {
      let target = trial.file("in/adhoc_app.db_20200101_000000.tar.zst")
      let made = try run("python3", "-c", Self.craft, archives[0], target, evil, way, keeps)
      try #require(made.exit == 0, "\(made.errors)")
      let before = try trial.sight(except: "dbmend-archives/.dbmend.lock")
      let commands = [
        ["verify", target], ["restore", target, "app.db"], ["restore", target, "app.db", "--output", "out.db"],
        ["repair", "--from", target, "app.db"],
      ]
      for words in commands.dropLast() {
        let outcome = try trial.dbmend(words: words)
        #expect(outcome.exit == 1, "\(words) \(outcome.everything)")
        #expect(outcome.output.contains(Paths.name(of: target)))
        #expect(try trial.sight(except: "dbmend-archives/.dbmend.lock") == before, "\(words)")
      }
      try trial.spoilAll()
      let spoiled = try trial.sight(except: "dbmend-archives")
      let outcome = try trial.dbmend("repair", "--max-loss", "changes", "--from", target, "app.db")
      #expect(outcome.exit == 1, "\(outcome.everything)")
      var after = try trial.sight()
      for name in after.keys where name.hasPrefix("dbmend-archives") { after[name] = nil }
      #expect(after == spoiled.filter { !$0.key.hasPrefix("dbmend-archives") })
      #expect(try trial.dbmend("restore", archives[2], "app.db").exit == 0)
      try Paths.removeTree(trial.file("in"))
      try Paths.makeFolder(trial.file("in"))
    }
  }

  @Test("after the clock went back, the archive that was taken last is still the newest")
  func clock() throws {
    let (trial, archives) = try trial()
    // The archives there are from a year from now: their names and manifests say so, as after a clock that was ahead.
    for path in archives {
      let name = Paths.name(of: path)
      let year = name.split(separator: "_").compactMap { $0.count == 8 ? Int($0.prefix(4)) : nil }.first ?? 0
      for suffix in [".tar.zst", ".manifest.json"] {
        let old = path.replacing(".tar.zst", with: suffix)
        let new = old.replacing("_\(year)", with: "_\(year + 1)")
        if suffix == ".manifest.json" {
          let text = String(decoding: try FileHandle.read(old).readAll(limit: 1 << 20), as: UTF8.self)
          try Durable.write(
            Array(text.replacing("\"taken\": \"\(year)", with: "\"taken\": \"\(year + 1)").utf8), to: new)
          try Paths.removeFile(old)
        } else {
          try Durable.rename(old, to: new)
        }
      }
    }
    try trial.sql("insert into users(name) values ('now')")
    let backup = try trial.dbmend("backup", "app.db")
    #expect(backup.exit == 0, "\(backup.everything)")
    let list = try trial.dbmend("list").json?["archives"]?.array ?? []
    #expect(list.count == 4)
    #expect(try trial.dbmend("restore", "latest", "app.db", "--output", "latest.db").exit == 0)
    #expect(try trial.value("select count(*) from users", in: "latest.db") == "7")
    // Nor is the new one the first to go.
    try trial.folder.write(
      "version: 1\nrepository: dbmend-archives\nretention: { keep_last: 1 }\n"
        + "environments: { adhoc: { stores: { app.db: { path: app.db } } } }\n", to: "dbmend.yaml")
    _ = try trial.dbmend("prune")
    #expect(FileStatus.exists(try #require(backup.archive)))
  }

  @Test("unchanged content is not archived twice")
  func unchanged() throws {
    let trial = try Trial("app.db")
    let first = try trial.dbmend("backup", "app.db")
    for command in ["backup", "preflight"] {
      let outcome = try trial.dbmend(command, "app.db")
      #expect(outcome.exit == 0 && outcome.archive == first.archive, "\(outcome.everything)")
    }
    #expect(try run("touch", trial.file("app.db")).exit == 0)
    #expect(try trial.dbmend("backup", "app.db").archive == first.archive)
    #expect(try trial.archives().count == 1)
    try trial.sql("update users set name = 'Adele' where id = 1")
    #expect(try trial.dbmend("backup", "app.db").archive != first.archive)
    #expect(try trial.archives().count == 2)
  }

  @Test("prune keeps what the retention says, and a dry run removes nothing")
  func prune() throws {
    let (trial, archives) = try trial()
    try trial.folder.write(
      "version: 1\nrepository: dbmend-archives\nretention: { keep_last: 2 }\n"
        + "environments: { adhoc: { stores: { app.db: { path: app.db } } } }\n", to: "dbmend.yaml")
    let dry = try trial.dbmend("prune", "--dry-run")
    #expect(dry.exit == 0 && dry.json?["removed"]?.array?.count == 1, "\(dry.everything)")
    #expect(try trial.archives().count == 3)
    #expect(try trial.dbmend("prune").exit == 0)
    #expect(!FileStatus.exists(archives[0]) && FileStatus.exists(archives[1]) && FileStatus.exists(archives[2]))
    #expect(!FileStatus.exists(archives[0].replacing(".tar.zst", with: ".manifest.json")))
  }

  @Test("a damaged store is archived as such, never counts as good, and pushes no good one out")
  func damagedArchive() throws {
    let (trial, archives) = try trial()
    try trial.folder.write(
      "version: 1\nrepository: dbmend-archives\nretention: { keep_last: 1, keep_damaged: 2 }\n"
        + "environments: { adhoc: { stores: { app.db: { path: app.db } } } }\n", to: "dbmend.yaml")
    for index in 0..<4 {
      try trial.spoilAll()
      try trial.folder.write(try trial.folder.read("app.db") + [UInt8(index)], to: "app.db")
      #expect(try trial.dbmend("backup", "app.db").exit == 1)
    }
    #expect(try trial.dbmend("prune").exit == 0)
    #expect(FileStatus.exists(archives[2]))
    #expect(try trial.archives().count == 3)
    #expect(try trial.dbmend("restore", "latest", "app.db").exit == 0)
    #expect(try trial.value("select count(*) from users") == "6")
  }

  @Test("an archive that is named without a target goes to its own store, wherever dbmend is started")
  func ownStore() throws {
    let (trial, archives) = try trial()
    let before = try trial.folder.names()
    try trial.sql("delete from users")
    let outcome = try trial.dbmend("restore", "dbmend-archives/\(Paths.name(of: archives[1]))")
    #expect(outcome.exit == 0, "\(outcome.everything)")
    #expect(try trial.value("select count(*) from users") == "5")
    #expect(try trial.folder.names() == before)
    // What was replaced was archived first.
    #expect(try trial.archives().count == 4)
  }

  @Test("an archive from elsewhere does not say by itself which file it replaces")
  func foreignStore() throws {
    let (trial, archives) = try trial()
    try Paths.makeFolder(trial.file("in"))
    let copied = try run("cp", archives[0], trial.file("in/a.tar.zst"))
    #expect(copied.exit == 0)
    let before = try trial.sight(except: "dbmend-archives/.dbmend.lock")
    let outcome = try trial.dbmend("restore", "in/a.tar.zst")
    #expect(outcome.exit == 2 && outcome.tells("dbmend restore ARCHIVE TARGET"), "\(outcome.everything)")
    #expect(try trial.sight(except: "dbmend-archives/.dbmend.lock") == before)
    let named = try trial.dbmend("restore", "in/a.tar.zst", "app.db")
    #expect(named.exit == 0, "\(named.everything)")
    #expect(try trial.value("select count(*) from users") == "4")
  }

  @Test("latest over a damaged store, over a missing one, and into a file")
  func latest() throws {
    let (trial, archives) = try trial()
    try trial.spoilAll()
    let damaged = try trial.folder.read("app.db")
    let output = try trial.dbmend("restore", "latest", "app.db", "--output", "old.db")
    #expect(output.exit == 0, "\(output.everything)")
    #expect(try trial.folder.read("app.db") == damaged)
    #expect(try trial.dbmend("restore", "latest", "app.db", "--output", "old.db").exit == 1)
    #expect(try trial.dbmend("restore", "latest", "app.db", "--output", "old.db", "--yes").exit == 0)
    #expect(try trial.value("select count(*) from users", in: "old.db") == "6")

    let over = try trial.dbmend("restore", "latest", "app.db")
    #expect(over.exit == 0 && over.verdict == "repaired", "\(over.everything)")
    #expect(over.archive != nil && over.archive != archives[2])
    #expect(try trial.value("select count(*) from users") == "6")

    try Paths.removeFile(trial.file("app.db"))
    let missing = try trial.dbmend("restore", "latest", "app.db")
    #expect(missing.exit == 0 && missing.verdict == "repaired", "\(missing.everything)")
    #expect(try trial.value("select count(*) from users") == "6")
    #expect(try trial.leftovers() == [])
  }

  @Test("an archive that is not there is an error with the way to those that are")
  func unknown() throws {
    let (trial, _) = try trial()
    let before = try trial.sight()
    for words in [["restore", "nosuch"], ["restore", "nosuch", "app.db"], ["verify", "nosuch"]] {
      let outcome = try trial.dbmend(words: words)
      #expect(outcome.exit == 1, "\(outcome.everything)")
      #expect(outcome.tells("there is none of that name") && outcome.tells("dbmend list"))
      #expect(try trial.sight() == before)
    }
    #expect(try trial.dbmend("restore", "latest", "gone.db").exit == 1)
    #expect(try trial.sight() == before)
  }
}
