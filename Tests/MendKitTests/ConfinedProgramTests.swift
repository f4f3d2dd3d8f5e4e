import MendKit
import TestSupport
import Testing

@Suite("A program that nobody vouches for keeps to its limits, and leaves nothing behind")
struct ConfinedProgramTests {
  private typealias Limits = ConfinedProgram.Limits

  private func shell(
    _ script: String, environment: [String: String] = ["PATH": "/usr/bin:/bin"], folder: String? = nil,
    writable: [String]? = nil, limits: ConfinedProgram.Limits = Limits(seconds: 20), input: String = ""
  ) throws -> ConfinedProgram.Outcome {
    try ConfinedProgram(
      path: "/bin/sh", arguments: ["-c", script], environment: environment, folder: folder, writable: writable,
      limits: limits
    ).run(Array(input.utf8))
  }

  private func python(_ script: String, limits: ConfinedProgram.Limits) throws -> ConfinedProgram.Outcome {
    try ConfinedProgram(path: "/usr/bin/python3", arguments: ["-c", script], limits: limits).run()
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test("it gets its words and its input, and is heard to its end")
  func plain() throws {
    let outcome = try shell("cat; echo trouble >&2; exit 3", input: "a question\n")
    #expect(outcome.ending == .exited(3))
    #expect(text(outcome.output) == "a question\n")
    #expect(outcome.lastWords == "trouble")
    #expect(outcome.excess == nil)
    #expect(outcome.fate == "it ended with exit code 3")
  }

  @Test("a great deal of input and output goes through at once")
  func large() throws {
    let input = String(repeating: "0123456789", count: 300_000)
    let outcome = try shell("cat", input: input)
    #expect(text(outcome.output) == input)
  }

  @Test("it sees the variables that it is given, and no other")
  func variables() throws {
    let outcome = try shell("/usr/bin/env", environment: ["GIVEN": "yes"])
    let names = Set(text(outcome.output).split(separator: "\n").compactMap { $0.split(separator: "=").first })
    #expect(names.contains("GIVEN"))
    // The shell makes the second for itself.
    #expect(names.subtracting(["GIVEN", "PWD", "SHLVL", "_"]).isEmpty)
  }

  @Test("it has no descriptor but its three streams")
  func descriptors() throws {
    let folder = try TemporaryFolder("dbmend-confined")
    let file = try FileHandle.open(try folder.write("open", to: "open"), O_RDONLY, tried: "open")
    defer { file.close() }
    let inherited = fcntl(file.descriptor, F_DUPFD, 100)
    defer { close(inherited) }
    let outcome = try shell("for fd in /proc/self/fd/*; do echo \"${fd##*/}\"; done", folder: "/")
    let numbers = Set(text(outcome.output).split(separator: "\n").compactMap { Int($0) })
    #expect(numbers.isSuperset(of: [0, 1, 2]) && !numbers.contains(Int(inherited)))
    #expect(numbers.count <= 4, "\(numbers)")
  }

  @Test("one that hangs is ended, also when it closes its streams first")
  func hangs() throws {
    for script in ["sleep 60", "exec 0<&- 1>&- 2>&-; exec sleep 60", "trap '' TERM INT HUP; sleep 60; sleep 60"] {
      let start = Clock.system.steady()
      let outcome = try shell(script, limits: Limits(seconds: 0.4))
      #expect(outcome.excess == .time(0.4))
      #expect(Clock.system.steady() - start < 10)
    }
  }

  @Test("what it leaves running is ended with it, in whatever session that is")
  func leavings() throws {
    let folder = try TemporaryFolder("dbmend-confined")
    let script = """
      for way in '' setsid; do
        $way sh -c 'echo $$ >> \(folder.path)/pids; trap "" HUP TERM; while :; do sleep 0.1; done' > /dev/null 2>&1 &
      done
      (setsid sh -c 'setsid sleep 100 & echo $! >> \(folder.path)/pids; exit' &)
      while [ "$(wc -l < \(folder.path)/pids)" -lt 3 ]; do sleep 0.05; done
      echo done
      """
    _ = try folder.write("", to: "pids")
    let outcome = try shell(script)
    #expect(text(outcome.output) == "done\n")
    let pids = text(try folder.read("pids")).split(separator: "\n").compactMap { Int32($0) }
    #expect(pids.count == 3)
    for pid in pids { #expect(kill(pid, 0) != 0 && errno == ESRCH) }
  }

  @Test("one that floods its output is ended")
  func floods() throws {
    let outcome = try shell("yes", limits: Limits(seconds: 20, output: 100_000))
    #expect(outcome.excess == .output(100_000))
    #expect(outcome.output.count < 300_000)
    #expect(outcome.fate == "it wrote more than 100 kB")
  }

  @Test("one that floods its standard error is heard to its end, and its last words are kept")
  func floodsErrors() throws {
    let outcome = try shell(
      "i=0; while [ $i -lt 3000 ]; do echo 'the same words again and again' >&2; i=$((i + 1)); done; echo last >&2")
    #expect(outcome.lastWords == "last")
    #expect(outcome.errors.count <= 128 << 10)
  }

  @Test("one that takes too much memory gets none, or is ended")
  func memory() throws {
    let limits = Limits(seconds: 20, memory: 100 << 20)
    let alone = try python("bytearray(300 << 20)", limits: limits)
    #expect(alone.ending == .exited(1))
    #expect(alone.lastWords.hasPrefix("MemoryError"))
    let together = try python(
      "import os, time\nfor _ in range(4):\n  if os.fork() == 0: break\nkept = bytearray(b'x' * (60 << 20))\ntime.sleep(15)",
      limits: limits)
    #expect(together.excess == .memory(100 << 20))
    let shared = try python(
      "import mmap, time\nm = mmap.mmap(-1, 200 << 20)\nfor i in range(200): m[i << 20:(i << 20) + 4096 * 256] = b'x' * (4096 * 256)\ntime.sleep(15)",
      limits: limits)
    #expect(shared.excess == .memory(100 << 20))
  }

  @Test("one that starts processes without end is ended")
  func processes() throws {
    let outcome = try shell("while :; do sleep 30 & done", limits: Limits(seconds: 20, processes: 20))
    #expect(outcome.excess == .processes(20))
  }

  @Test("its open files and the sizes of what it writes are bounded, and it leaves no core")
  func files() throws {
    let folder = try TemporaryFolder("dbmend-confined")
    var limits = Limits(seconds: 20)
    limits.files = 20
    limits.fileSize = 10_000
    let many = try python(
      "import sys\nkept = []\ntry:\n  while True: kept.append(open('/dev/null'))\nexcept OSError: print(len(kept))",
      limits: limits)
    #expect((Int(text(many.output).trimmingNewline) ?? 99) <= 20)
    let large = try shell("head -c 20000 /dev/zero > \(folder.path)/large; ulimit -c", limits: limits)
    #expect(try folder.read("large").count <= 10_000)
    #expect(text(large.output) == "0\n")
  }

  @Test("it writes where it may, and nowhere else", .enabled(if: ConfinedProgram.systemConfines))
  func confined() throws {
    let mine = try TemporaryFolder("dbmend-confined")
    let other = try TemporaryFolder("dbmend-confined")
    let precious = try other.write("precious", to: "precious")
    let script = """
      echo within > within && mkdir folder && mv within folder/ && echo nothing > /dev/null || exit 9
      echo worse > \(precious)
      : > \(precious)
      rm -f \(precious)
      mv \(precious) .
      mv folder/within \(precious)
      ln -s x \(other.path)/link
      mkdir \(other.path)/new
      """
    _ = try shell(script, folder: mine.path, writable: [mine.path])
    #expect(try other.names() == ["precious"])
    #expect(text(try other.read("precious")) == "precious")
    #expect(text(try mine.read("folder/within")) == "within\n")
  }

  @Test("it signals no process but its own", .enabled(if: ConfinedProgram.systemConfines))
  func signals() throws {
    let outcome = try shell("kill -0 \(getpid()) 2> /dev/null && echo reached; kill -0 $$ && echo itself", writable: [])
    // Kernels before 6.12 do not bound signals.
    #expect(["itself\n", "reached\nitself\n"].contains(text(outcome.output)))
  }

  @Test("a crash and a program that is not there are said in words")
  func endings() throws {
    let crash = try shell("kill -SEGV $$")
    #expect(crash.ending == .killed(11))
    #expect(crash.fate == "it was killed by signal 11 (segmentation fault)")
    let missing = try ConfinedProgram(path: "/nowhere/plugin").run()
    #expect(missing.ending == .notStarted(ENOENT))
    #expect(missing.fate == "it could not be started: No such file or directory")
    let folder = try ConfinedProgram(path: "/bin/true", folder: "/nowhere").run()
    #expect(folder.ending == .notStarted(ENOENT))
  }

  @Test("several run side by side without hearing each other")
  func together() throws {
    let outcomes = Workers.map(24, workers: 8) { number in
      Result { try shell("sleep 0.0\(number % 10); echo \(number)") }
    }
    for (number, outcome) in outcomes.enumerated() { #expect(text(try outcome.get().output) == "\(number)\n") }
  }
}

extension String {
  fileprivate var trimmingNewline: String { hasSuffix("\n") ? String(dropLast()) : self }
}
