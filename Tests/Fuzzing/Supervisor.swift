import Foundation
import MendKit
import TestSupport

/// Shares the cases out among worker processes, and goes on after a case that killed its worker or kept it for too long.
final class Supervisor {
  /// No case may take longer, in seconds.
  private static let limit = 30.0

  private let mode: Mode
  private let numbers: Range<UInt64>
  private let jobs: Int
  private let seconds: Double
  private let program: String
  private var summary = Summary()
  private var next: UInt64
  private var running: [Job] = []

  init(_ mode: Mode, _ numbers: Range<UInt64>, jobs: Int, seconds: Double, program: String) {
    self.mode = mode
    self.numbers = numbers
    self.jobs = jobs
    self.seconds = seconds
    self.program = program
    next = numbers.lowerBound
  }

  private final class Job {
    let folder: TemporaryFolder
    let process: Process
    let end: UInt64
    var progress = Progress(number: 0, phase: 0)
    var since = Clock.system.steady()
    var isHung = false

    init(_ mode: Mode, _ range: Range<UInt64>, program: String) throws {
      folder = try TemporaryFolder("dbmend-fuzz")
      end = range.upperBound
      progress = Progress(number: range.lowerBound, phase: 0)
      try folder.write(progress.bytes, to: "progress")
      try folder.write("", to: "results")
      process = Process()
      process.executableURL = URL(fileURLWithPath: program)
      process.arguments = ["--work", mode.rawValue, "\(range.lowerBound)", "\(range.upperBound)", folder.path]
      try process.run()
    }
  }

  func run() throws -> Summary {
    let start = Clock.system.steady()
    var told = start
    while next < numbers.upperBound || !running.isEmpty {
      let isTime = Clock.system.steady() - start < seconds
      while running.count < jobs, next < numbers.upperBound, isTime { try startNext() }
      if running.isEmpty { break }
      usleep(20_000)
      for job in running { try look(at: job) }
      running.removeAll { !$0.process.isRunning }
      if Clock.system.steady() - told > 10 {
        told = Clock.system.steady()
        let line = "\(summary.cases) cases, \(summary.failures) failures, \(Int(told - start)) s\n"
        Foundation.FileHandle.standardError.write(Data(line.utf8))
      }
    }
    return summary
  }

  private func startNext() throws {
    let share = max(1, min(4000, (numbers.upperBound - numbers.lowerBound) / UInt64(4 * jobs)))
    let end = min(numbers.upperBound, next + share)
    running.append(try Job(mode, next..<end, program: program))
    next = end
  }

  private func look(at job: Job) throws {
    let hasEnded = !job.process.isRunning
    let now = Progress((try? job.folder.read("progress")) ?? [])
    if now != job.progress {
      job.progress = now
      job.since = Clock.system.steady()
    } else if !hasEnded, Clock.system.steady() - job.since > Self.limit {
      job.isHung = true
      kill(job.process.processIdentifier, SIGKILL)
      job.process.waitUntilExit()
    }
    guard !job.process.isRunning else { return }
    let lines = String(decoding: try job.folder.read("results"), as: UTF8.self).split(separator: "\n")
    for line in lines {
      if let json = try? JSONValue(parsing: Array(line.utf8)) { summary.add(Summary(json)) }
    }
    let last = Progress((try? job.folder.read("progress")) ?? [])
    guard last.phase != 3 else { return }
    // SQLite's own crashes and hangs are none of dbmend's.
    let name =
      (job.isHung ? "hung" : "crashed") + (last.phase == 2 ? " in SQLite" : last.phase == 0 ? " while making" : "")
    summary.counts[name, default: 0] += 1
    summary.notes.append("\(last.number) \(name): the worker ended with \(job.process.terminationStatus)")
    if last.number + 1 < job.end { running.append(try Job(mode, last.number + 1..<job.end, program: program)) }
  }
}
