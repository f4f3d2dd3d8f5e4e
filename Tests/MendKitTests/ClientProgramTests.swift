import MendKit
import TestSupport
import Testing

@Suite("Client programs")
struct ClientProgramTests {
  private let shell = ClientProgram(name: "sh", path: "/bin/sh")

  private func run(_ script: String, input: [UInt8] = [], _ change: (inout Limits) -> Void = { _ in }) throws
    -> ClientProgram.Outcome
  {
    var limits = Limits()
    change(&limits)
    return try shell.run(
      ["-c", script], input: input, environment: ["DBMEND_WORD": "said", "HOME": nil], timeLimit: limits.time,
      outputLimit: limits.output)
  }

  private struct Limits {
    var time = Double.infinity
    var output = 1 << 20
  }

  @Test("a client has no descriptor but its streams, also none that somebody left open in this process")
  func descriptors() throws {
    let folder = try TemporaryFolder("dbmend-client")
    let file = try FileHandle.open(try folder.write("open", to: "open"), O_RDONLY, tried: "open")
    defer { file.close() }
    let left = fcntl(file.descriptor, F_DUPFD, 200)
    defer { close(left) }
    let outcome = try ClientProgram(name: "sh", path: "/bin/sh").run([
      "-c", "for fd in /proc/self/fd/*; do echo \"${fd##*/}\"; done",
    ])
    #expect(!outcome.text.split(separator: "\n").contains("\(left)"))
  }

  @Test("a program gets its input and environment, and is heard on both streams")
  func exchange() throws {
    let outcome = try run("cat; echo \"$DBMEND_WORD ${HOME-none}\"; echo trouble >&2; exit 3", input: Array("in ".utf8))
    #expect(outcome.text == "in said none\n")
    #expect(outcome.ending == .exited(3))
    #expect(outcome.lastWords == "trouble")
    #expect(!outcome.isSuccess)
  }

  @Test("more than a pipe holds goes both ways at once")
  func large() throws {
    let input = [UInt8](repeating: 0x61, count: 900_000)
    let outcome = try run("tee /dev/stderr", input: input)
    #expect(outcome.output == input)
    #expect(outcome.isSuccess)
    #expect(outcome.errors.count >= 60_000)
  }

  @Test("a program that does not read its input is no trouble")
  func deaf() throws {
    let outcome = try run("exec <&-; echo done", input: [UInt8](repeating: 0x61, count: 900_000))
    #expect(outcome.text == "done\n")
    #expect(outcome.isSuccess)
  }

  @Test("one that takes too long or writes too much is ended, and one that aborts is told")
  func limits() throws {
    let slow = try run("echo begun >&2; exec sleep 60") { $0.time = 0.3 }
    #expect(slow.limit == .time(0.3))
    #expect(slow.lastWords.contains("did not end"))
    let flood = try run("exec yes") { $0.output = 100_000 }
    #expect(flood.limit == .output(100_000))
    let aborted = try run("kill -ABRT $$")
    #expect(aborted.ending == .killed(6))
    #expect(aborted.lastWords == "it was ended by signal 6")
  }

  @Test("a program that is not wanted any more is ended, and nobody waits for it")
  func stopped() throws {
    let signal = StopSignal()
    let other = Workers.begin {
      usleep(200_000)
      signal.give()
    }
    let start = Clock.system.steady()
    let outcome = try ClientProgram(name: "sleep", path: "/bin/sleep").run(["60"], until: signal)
    #expect(outcome.limit == .stopped && !outcome.isSuccess)
    #expect(Clock.system.steady() - start < 20)
    other.value
  }

  @Test("a program that is missing names its package, one that cannot be started says why")
  func missing() throws {
    #expect(try ClientProgram.find("sh", package: "dash").path.hasSuffix("/sh"))
    do {
      _ = try ClientProgram.find("dbmend-none", package: "apt install none")
      Issue.record("there is no such program")
    } catch {
      #expect(error.kind == .unsupported)
      #expect(error.code == "engine.missing")
      #expect(error.advice == "Install it: apt install none.")
    }
    let outcome = try ClientProgram(name: "none", path: "/dbmend-none").run([])
    #expect(outcome.ending == .notStarted(2))
  }

  @Test("a program that stays answers again and again, and one that ends or hangs is told")
  func conversation() throws {
    let talk = try ClientConversation(
      shell,
      [
        "-c",
        "while read line; do case $line in bye) echo gone >&2; exit 4;; esac; echo \"said $line\"; echo mark; done",
      ])
    for word in ["one", "two"] {
      guard case .heard(let answer) = talk.ask(word + "\n", until: "mark", timeLimit: 10) else {
        Issue.record("no answer")
        return
      }
      #expect(String(decoding: answer, as: UTF8.self) == "said \(word)\n")
    }
    guard case .ended(let outcome) = talk.ask("bye\n", until: "mark", timeLimit: 10) else {
      Issue.record("it should have ended")
      return
    }
    #expect(outcome.ending == .exited(4) && outcome.lastWords == "gone")
    let deaf = try ClientConversation(shell, ["-c", "exec sleep 60"])
    guard case .ended(let ended) = deaf.ask("hello\n", until: "mark", timeLimit: 0.3) else {
      Issue.record("it should have been ended")
      return
    }
    #expect(ended.limit == .time(0.3))
  }

  @Test("a program gets no more memory than it may have")
  func memory() throws {
    let outcome = try shell.run(
      ["-c", "sleep 0.2; ulimit -v; head -c 900000000 /dev/zero | tail -c 800000000 | wc -c"], memoryLimit: 500 << 20)
    #expect(outcome.text.hasPrefix("\(500 << 10)\n"), "\(outcome)")
    #expect(!outcome.text.contains("800000000"), "\(outcome)")
  }
}
