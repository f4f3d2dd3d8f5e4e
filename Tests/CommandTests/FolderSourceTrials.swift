import MendKit
import TestSupport
import Testing

/// Folders that are mended from a plain copy, as `cp -a` or rsync makes one, without any archive.
@Suite("Trials: folders and plain copies of them") struct FolderSourceTrials {
  /// A folder `docs` that is damaged in every way, and `copy`, which was made before.
  private func trial() throws -> Trial {
    let trial = try Trial()
    let made = try run(
      "sh", "-c",
      """
      cd \(trial.folder.path); mkdir -p docs/sub docs/gone; echo first > docs/a.txt; echo more > docs/sub/c
      echo '{"name": "Ada", "field": "mathematics"}' > docs/b.json; ln -s a.txt docs/link; echo x > docs/gone/file
      chmod 640 docs/sub/c; find docs -exec touch -h -d '1 hour ago' {} +; cp -a docs copy
      touch -r docs/a.txt t; printf X | dd of=docs/a.txt bs=1 seek=2 conv=notrunc; touch -r t docs/a.txt
      truncate -s 24 docs/b.json; rm -r docs/gone; echo other > docs/sub/c; ln -sfn b.json docs/link; echo new > docs/new
      """)
    try #require(made.exit == 0)
    return trial
  }

  private func text(_ trial: Trial, _ name: String) throws -> String {
    String(decoding: try trial.folder.read(name), as: UTF8.self)
  }

  @Test(
    "a torn file comes back at no loss; what differs otherwise may be as somebody meant it, or the copy's own damage")
  func torn() throws {
    let trial = try trial()
    let repair = try trial.dbmend("repair", "docs", "--from", "copy", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    #expect(try text(trial, "docs/b.json") == text(trial, "copy/b.json"))
    #expect(try text(trial, "docs/a.txt") == "fiXst\n" && text(trial, "docs/sub/c") == "other\n")
    #expect(!FileStatus.exists(trial.file("docs/gone")))
  }

  @Test("with --max-loss changes everything is as in the copy, but for what is new, and the plan names each file")
  func everything() throws {
    let trial = try trial()
    let plan = try trial.dbmend("repair", "--plan", "docs", "--from", "copy", "--max-loss", "changes")
    for name in ["a.txt", "b.json", "sub/c", "gone/file", "link"] {
      #expect(plan.everything.contains("\(name): "), "\(name): \(plan.everything)")
    }
    #expect(plan.everything.contains("one of the two was changed by its disk"))
    let repair = try trial.dbmend("repair", "docs", "--from", "copy", "--max-loss", "changes", "--yes")
    #expect(repair.exit == 0, "\(repair.everything)")
    let difference = try run("sh", "-c", "cd \(trial.folder.path); diff -r --no-dereference docs copy")
    #expect(difference.output == "Only in docs: new\n")
    let times = try run(
      "sh", "-c",
      "cd \(trial.folder.path); stat -c '%Y %a %s' docs/sub/c copy/sub/c docs/gone/file copy/gone/file | uniq -c")
    #expect(times.output.split(separator: "\n").allSatisfy { $0.contains(" 2 ") }, "\(times.output)")
    #expect(try text(trial, "copy/a.txt") == "first\n", "the copy is not touched")
  }

  @Test("a copy that is not there, or is no folder, changes nothing and is named")
  func unusable() throws {
    let trial = try trial()
    for source in ["nowhere", "docs/a.txt"] {
      let repair = try trial.dbmend("repair", "docs", "--from", source, "--max-loss", "changes", "--yes")
      #expect(repair.exit == 3 || repair.exit == 1, "\(repair.everything)")
      #expect(repair.everything.contains(source), "\(repair.everything)")
      #expect(try text(trial, "docs/sub/c") == "other\n")
    }
  }
}
