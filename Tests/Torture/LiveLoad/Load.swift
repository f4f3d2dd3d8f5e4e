import Foundation
import MendKit
import TestSupport

/// Processes that work on one store.
final class Load {
  /// What one phase came to for all writers together.
  struct Phase {
    /// Committed transactions.
    var transactions = 0
    /// The longest time from the beginning of a transaction to its end, in seconds.
    var longest = 0.0
    /// How many statements failed.
    var errors = 0
    /// How long the phase took, in seconds.
    var seconds = 0.0
    /// What the first error was.
    var firstError: String?
  }

  private let program: String
  private let store: String
  private let folder: TemporaryFolder
  private let words: [String]
  let writers: Int
  private var processes: [Process] = []
  private var heard: [Int]

  /// Writers on the store at a path; `words` are options of `TransferProgram`.
  init(_ program: String, _ store: String, folder: TemporaryFolder, writers: Int, _ words: [String]) {
    self.program = program
    self.store = store
    self.folder = folder
    self.writers = writers
    self.words = words
    heard = Array(repeating: 0, count: writers)
  }

  deinit { kill() }

  /// Starts the writers and waits until each has committed.
  func start() throws {
    let before = try counts()
    heard = Array(repeating: 0, count: writers)
    for writer in 1...writers {
      processes.append(try launch(["writer=\(writer)"] + words, output: "writer-\(writer).out"))
    }
    let start = Clock.system.steady()
    while !zip(try counts(), before).allSatisfy({ $0 > $1 }) {
      guard Clock.system.steady() - start < 20 else {
        throw PreparationFailed("the writers do not begin on \(store): \(try phase())")
      }
      usleep(2_000)
    }
  }

  /// Ends the writers as an application ends that is told to.
  func stop() {
    for process in processes where process.isRunning { Glibc.kill(process.processIdentifier, SIGTERM) }
    for process in processes { process.waitUntilExit() }
    processes = []
  }

  /// Kills the writers in the middle of what they do.
  func kill() {
    for process in processes where process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
    for process in processes { process.waitUntilExit() }
    processes = []
  }

  /// The numbers of the writers' processes.
  var pids: [Int] { processes.map { Int($0.processIdentifier) } }

  /// What the writers did since the last time.
  func phase() throws -> Phase {
    var phase = Phase()
    for (index, process) in processes.enumerated() {
      Glibc.kill(process.processIdentifier, SIGUSR1)
      let line = try next(of: index, process)
      let fields = line.split(separator: " ", maxSplits: 4, omittingEmptySubsequences: false)
      guard fields.count == 5 else { throw PreparationFailed("a writer says '\(line)'") }
      phase.transactions += Int(fields[0]) ?? 0
      phase.longest = max(phase.longest, Double(fields[1]).map { $0 / 1e6 } ?? 0)
      phase.errors += Int(fields[2]) ?? 0
      phase.seconds = max(phase.seconds, Double(fields[3]).map { $0 / 1e6 } ?? 0)
      if phase.firstError == nil, !fields[4].isEmpty { phase.firstError = String(fields[4]) }
    }
    return phase
  }

  private func next(of index: Int, _ process: Process) throws -> String {
    let start = Clock.system.steady()
    while true {
      let text = String(decoding: try folder.read("writer-\(index + 1).out"), as: UTF8.self)
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
      if lines.count > heard[index] {
        heard[index] = lines.count
        return String(lines[lines.endIndex - 1])
      }
      guard process.isRunning, Clock.system.steady() - start < 60 else {
        throw PreparationFailed("writer \(index + 1) says nothing: it \(process.isRunning ? "hangs" : "ended")")
      }
      usleep(1_000)
    }
  }

  private func counts() throws -> [Int] {
    var all: [Int] = []
    for writer in 1...writers { all.append((try? FileStatus.of(folder.file("log-\(writer)")).size / 8) ?? 0) }
    return all
  }

  /// The serial numbers that each writer wrote down as committed, in the order of time.
  func serials() throws -> [[Int]] {
    var all: [[Int]] = []
    for writer in 1...writers {
      let bytes = FileStatus.exists(folder.file("log-\(writer)")) ? try folder.read("log-\(writer)") : []
      all.append(
        stride(from: 0, to: bytes.count / 8 * 8, by: 8).map { at in
          bytes[at..<at + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
        })
    }
    return all
  }

  /// The newest serial number that each writer wrote down.
  func newest() throws -> [Int] {
    var all: [Int] = []
    for writer in 1...writers {
      let name = folder.file("log-\(writer)")
      guard FileStatus.exists(name) else {
        all.append(0)
        continue
      }
      let file = try FileHandle.read(name)
      let count = try file.status().size / 8
      let bytes = count > 0 ? try file.read(8, at: (count - 1) * 8) : []
      all.append(bytes.reversed().reduce(0) { $0 << 8 | Int($1) })
    }
    return all
  }

  /// Has an ordinary reader read everything again and again for so many seconds.
  func readBeside(_ seconds: Double) throws {
    let reader = try launch(words, output: "reader.out")
    usleep(UInt32(seconds * 1e6))
    Glibc.kill(reader.processIdentifier, SIGTERM)
    reader.waitUntilExit()
  }

  private func launch(_ words: [String], output: String) throws -> Process {
    let writer = words.first.flatMap { $0.hasPrefix("writer=") ? $0.dropFirst(7) : nil } ?? "0"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = [store, folder.file("log-\(writer)")] + words
    process.standardInput = Foundation.FileHandle.nullDevice
    process.standardOutput = Foundation.FileHandle(forWritingAtPath: try folder.write("", to: output))
    process.standardError = Foundation.FileHandle.standardError
    try process.run()
    return process
  }
}
