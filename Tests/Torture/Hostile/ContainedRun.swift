import Foundation
import MendKit
import TestSupport

/// One run of the program within limits of time and memory, and what it took.
struct ContainedRun {
  let words: [String]
  /// The exit code; 128 and the signal for a program that was killed.
  let exit: Int
  let output: [UInt8]
  let errors: [UInt8]
  let seconds: Double
  /// The most memory that it or a program of its own had at a time, in bytes; 0 where it was killed before that was known.
  let memory: Int

  /// What a run may take.
  struct Limits {
    var seconds = 60.0
    /// The most memory that may be in use, in bytes; a run may ask for four times that before the system refuses.
    var memory = 768 << 20
  }

  /// Whether it ended as programs do, and was not killed by a signal, ours after the time limit among them.
  var ended: Bool { exit < 124 }

  /// What it said, cut, for a failure.
  var said: String {
    let text =
      String(decoding: output.prefix(1500), as: UTF8.self) + String(decoding: errors.prefix(1500), as: UTF8.self)
    let shown = String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0 == "\n" || !$0.properties.generalCategory.isControl ? $0 : "\u{FFFD}" }))
    return "dbmend \(words.map { $0.count > 200 ? $0.prefix(200) + "…" : $0 }.joined(separator: " "))\n  exit \(exit), "
      + "\(memory >> 20) MiB, \(Int(seconds * 1000)) ms\n  "
      + shown.replacing("\n", with: "\n  ")
  }

  /// Runs a program in a folder, with nothing of this process's environment but what is given.
  init(
    _ program: String, _ words: [String], in folder: String, environment: [String: String], limits: Limits = Limits(),
    input: String? = nil, before: [String] = []
  ) throws {
    self.words = words
    let scratch = try TemporaryFolder("dbmend-contained")
    let (out, err) = (scratch.file("out"), scratch.file("err"))
    let given = try input.map { try scratch.write($0, to: "in") } ?? "/dev/null"
    // The wrappers are found by their paths: PATH is the program's, and full of traps.
    let line =
      ["/usr/bin/env", "-C", folder, "/usr/bin/prlimit", "--core=0", "--data=\(limits.memory * 4)"]
      + ["/usr/bin/timeout", "-s", "KILL", "\(limits.seconds)"]
      // A small process between this one and the program: the system counts what a process had before it became another program.
      + ["/usr/bin/time", "-q", "-f", "%M", "-o", scratch.file("memory")] + before + [program] + words
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, given, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    var arguments = line.map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var pid: pid_t = 0
    let start = Clock.system.steady()
    let refused = posix_spawn(&pid, line[0], &actions, nil, &arguments, &variables)
    guard refused == 0 else {
      throw PreparationFailed("\(line[0]) cannot be started: \(String(cString: strerror(refused)))")
    }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    seconds = Clock.system.steady() - start
    let measured = (try? scratch.read("memory")).map { String(decoding: $0, as: UTF8.self) } ?? ""
    memory = (measured.split(separator: "\n").last.flatMap { Int($0) } ?? 0) * 1024
    let signal = Int(status & 0x7F)
    exit = signal == 0 ? Int(status >> 8 & 0xFF) : 128 + signal
    output = try scratch.read("out")
    errors = try scratch.read("err")
  }
}

extension Unicode.GeneralCategory {
  /// Whether such a character can steer a terminal, or what stands around it.
  var isControl: Bool { [.control, .format, .lineSeparator, .paragraphSeparator].contains(self) }
}
