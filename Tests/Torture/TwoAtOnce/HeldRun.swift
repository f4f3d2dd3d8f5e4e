import MendKit
import TestSupport

/// A run in the middle of its command, and others that must not come past it.
struct HeldRun {
  /// What is tried to come past it.
  enum Way: String, CaseIterable {
    case plain
    case stopped
    case lockDeleted = "lock-deleted"
    case lockReplaced = "lock-replaced"
    case linkedRepository = "linked-repository"
    case linkedFolder = "linked-folder"
    case mountedFolder = "mounted-folder"
    case otherRepository = "other-repository"
    case otherRepositoryLinked = "other-repository-linked"
    case otherNamespace = "other-namespace"
    case readOnlyFolder = "read-only-folder"

    var name: String { "held-" + rawValue }
  }

  private let program: String
  private let folder: TemporaryFolder

  init(_ effort: Effort) throws {
    program = effort.program
    folder = try TemporaryFolder("dbmend-held")
    try RunPair.makeShop(folder)
  }

  /// What is wrong, if anything: every run that may change the store has to give up, and to name the first where it can be seen.
  func trouble(_ way: Way) throws -> String? {
    let backup = try run([program, "backup"], folder: folder.path)
    guard backup.exit == 0 else { throw PreparationFailed("backup: \(backup.output)\(backup.errors)") }
    let first = try StartedRun(
      [program, "preflight", "shop/app", "--", "sh", "-c", "touch ready; until test -e go; do sleep 0.02; done"],
      in: folder.path)
    defer {
      first.signal(SIGCONT)
      _ = try? folder.write("", to: "go")
      _ = try? first.end()
    }
    for _ in 0..<2_000 where !FileStatus.exists(folder.file("ready")) { usleep(5_000) }
    var prefix: [String] = []
    var place = folder.path
    var options: [String] = []
    let lock = folder.file("backups/.dbmend.lock")
    let elsewhere = try TemporaryFolder("dbmend-elsewhere")
    switch way {
    case .plain: break
    case .stopped: first.signal(SIGSTOP)
    case .lockDeleted: try Paths.removeFile(lock)
    case .lockReplaced:
      try folder.write("1\n", to: "backups/.other")
      try Durable.rename(folder.file("backups/.other"), to: lock)
    case .linkedRepository:
      guard symlink(folder.file("backups"), elsewhere.file("link")) == 0 else { throw PreparationFailed("symlink") }
      options = ["--repository", elsewhere.file("link")]
    case .linkedFolder:
      guard symlink(folder.path, elsewhere.file("link")) == 0 else { throw PreparationFailed("symlink") }
      place = elsewhere.file("link")
    case .mountedFolder:
      // In a name space of mounts of its own, so that nothing stays mounted. Where this may not be done, nothing is tried.
      prefix = [
        "unshare", "-m", "sh", "-c",
        "mount --bind \(folder.path) \(elsewhere.path) && cd \(elsewhere.path) && exec \"$@\"", "sh",
      ]
    case .otherRepository: options = ["--repository", elsewhere.path]
    case .otherRepositoryLinked:
      guard symlink(folder.file("app.db"), elsewhere.file("alias.db")) == 0 else { throw PreparationFailed("symlink") }
      options = ["--repository", elsewhere.path]
    case .otherNamespace: prefix = ["unshare", "-m", "-p", "-f", "--mount-proc"]
    case .readOnlyFolder:
      options = ["--repository", elsewhere.path]
      prefix = ["unshare", "-m", "sh", "-c", "mount --bind -o ro . . && cd \"$PWD\" && exec \"$@\"", "sh"]
    }
    if !prefix.isEmpty, try run(prefix + ["true"], folder: folder.path).exit != 0 { return nil }
    let target = way == .otherRepositoryLinked ? elsewhere.file("alias.db") : "shop/app"
    for words in [["repair", target], ["restore", try newest(), target], ["preflight", target, "--", "true"]] {
      let words = [words[0]] + options + words.dropFirst()
      let result = try run(prefix + [program] + words, folder: place)
      let said = result.output + result.errors
      let isNamed = said.contains("process \(first.pid)")
      if result.exit != 3 || !said.contains("another run of dbmend is working") || !isNamed {
        return
          "dbmend \(words.joined(separator: " ")) beside the run of process \(first.pid): exit \(result.exit)\n\(said.suffix(1500))"
      }
    }
    for words in [["check"], ["list"], ["verify"]] {
      let result = try run(prefix + [program] + words, folder: place)
      if result.exit != 0 {
        return "dbmend \(words[0]) is held off, exit \(result.exit): \(result.output)\(result.errors)"
      }
    }
    first.signal(SIGCONT)
    try folder.write("", to: "go")
    let ended = try first.end()
    if ended.exit != 0 { return "the first run: exit \(ended.exit)\n\(ended.output)\(ended.errors)" }
    let after = try run(prefix + [program, "repair"] + options + [target], folder: place)
    return after.exit == 0 || way == .readOnlyFolder
      ? nil : "once it is over: exit \(after.exit)\n\(after.output)\(after.errors)"
  }

  private func newest() throws -> String {
    let names = try Paths.names(in: folder.file("backups")).filter {
      $0.hasPrefix("shop_app") && $0.hasSuffix(".tar.zst")
    }
    return Paths.join(folder.file("backups"), names.sorted().last ?? "")
  }
}
