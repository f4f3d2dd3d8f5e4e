import Foundation
import MendKit
import TestSupport

/// A small world for hostile input: the folder that dbmend works in, and all that it has no business with. `beside` has
/// a file that nobody may touch, so have the home folder and the one for temporary files; and every program that a shell
/// or an engine's client could be told to start is a trap that leaves a mark.
final class HostileSite {
  private let root: TemporaryFolder
  let effort: Effort
  /// Where dbmend runs.
  var work: String { root.file("work") }
  /// What no run may reach.
  var beside: String { root.file("beside") }
  private var bin: String { root.file("bin") }
  private let environment: [String: String]
  private var before: Surroundings?

  /// Makes the world. Programs under these names are real ones, by their paths.
  init(_ effort: Effort, programs: [String: String] = [:]) throws {
    self.effort = effort
    root = try TemporaryFolder("dbmend-hostile")
    for name in ["home", "tmp", "beside", "bin", "work"] { try Paths.makeFolder(root.file(name)) }
    for name in ["home", "tmp", "beside"] { try root.write("nobody may touch this\n", to: "\(name)/canary") }
    environment = [
      "PATH": root.file("bin"), "HOME": root.file("home"), "TMPDIR": root.file("tmp"), "LC_ALL": "C.UTF-8",
      "NO_COLOR": "1",
    ]
    for name in Self.traps where programs[name] == nil {
      try root.write("#!/bin/sh\necho \"$0 $*\" >>'\(root.file("executed"))'\n", to: "bin/\(name)")
      chmod(root.file("bin/\(name)"), 0o755)
    }
    for (name, path) in programs {
      guard symlink(path, root.file("bin/\(name)")) == 0 else { throw PreparationFailed("cannot link to \(path)") }
    }
  }

  private static let traps = [
    "sh", "bash", "touch", "cat", "id", "ls", "rm", "cp", "tar", "zstd", "unzstd", "gzip", "xz", "evil", "curl", "mail",
    "sqlite3", "python3", "perl", "env", "psql", "pg_dump", "pg_restore", "pg_amcheck", "duckdb", "java",
  ]

  /// A path in the folder that dbmend works in.
  func file(_ name: String) -> String { Paths.join(work, name) }

  /// Empties the folder that dbmend works in, and fills it with a copy of another.
  func reset(to source: String) throws {
    try Paths.removeTree(work)
    let copied = try TestSupport.run("cp", "-a", source, work)
    guard copied.exit == 0 else { throw PreparationFailed("cannot copy \(source): \(copied.errors)") }
    before = nil
  }

  /// Runs dbmend in the folder, having looked at everything.
  func dbmend(
    _ words: [String], limits: ContainedRun.Limits = .init(), input: String? = nil, more: [String: String] = [:]
  ) throws -> ContainedRun {
    before = try Surroundings(root.path)
    return try ContainedRun(
      effort.program, words, in: work, environment: environment.merging(more) { $1 }, limits: limits, input: input)
  }

  /// What the run broke of what holds for every run whatsoever, but for what may change in the folder that it worked in.
  func broken(
    by run: ContainedRun, limits: ContainedRun.Limits = .init(), exits: ClosedRange<Int> = 0...5,
    mayChange: (String) -> Bool = { _ in false }
  ) throws -> String? {
    var said: [String] = []
    if run.exit == 137, run.seconds >= limits.seconds {
      said.append("it came to no end within \(limits.seconds) s")
    } else if !run.ended {
      said.append("it was killed by signal \(run.exit - 128)")
    } else if !exits.contains(run.exit) {
      said.append("expected an exit code of \(exits), found \(run.exit)")
    }
    if run.memory > limits.memory { said.append("it took \(run.memory >> 20) MiB") }
    if FileStatus.exists(root.file("executed")) {
      let marks = (try? root.read("executed")).map { String(decoding: $0.prefix(300), as: UTF8.self) } ?? ""
      said.append("a program was run: \(marks)")
      try Paths.removeFile(root.file("executed"))
    }
    let text = String(decoding: run.errors, as: UTF8.self)
    for word in ["Fatal error", "Segmentation", "Backtrace", "panic:"]
    where text.contains("\n\(word)") || text.hasPrefix(word) {
      said.append("it says '\(word)'")
    }
    if let steer = Self.steering(run) { said.append(steer) }
    let now = try Surroundings(root.path)
    let prefix = Array("work/".utf8)
    let isOurs: ([UInt8]) -> Bool = { path in
      guard path.starts(with: prefix) else { return true }
      return !mayChange(String(decoding: path.dropFirst(prefix.count), as: UTF8.self))
    }
    if let before, let difference = now.only(isOurs).difference(from: before.only(isOurs)) { said.append(difference) }
    return said.isEmpty ? nil : said.joined(separator: "; ") + "\n  " + run.said
  }

  /// What a run printed that could steer a terminal, or hide what stands beside it.
  private static func steering(_ run: ContainedRun) -> String? {
    for (name, bytes) in [("standard output", run.output), ("standard error", run.errors)] {
      guard let text = String(validating: bytes, as: UTF8.self) else { return "\(name) is not UTF-8" }
      if let scalar = text.unicodeScalars.first(where: { $0 != "\n" && $0 != "\t" && $0.steers }) {
        return "\(name) holds the character U+\(String(scalar.value, radix: 16, uppercase: true))"
      }
    }
    return nil
  }
}

extension Unicode.Scalar {
  /// Whether it can steer a terminal: a control character, or one that turns the direction of the text around it.
  var steers: Bool {
    properties.generalCategory == .control || (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
  }
}
