import Foundation
import MendKit
import SQLiteStore
import TestSupport

// `scripts/fuzz` builds and starts this; it says there how to use it.

func fail(_ words: String) -> Never {
  Foundation.FileHandle.standardError.write(Data("fuzz: \(words)\n".utf8))
  exit(2)
}

var words = Array(CommandLine.arguments.dropFirst())

func number(_ text: String) -> UInt64 {
  guard let number = UInt64(text) else { fail("'\(text)' is not a number") }
  return number
}

func mode(_ text: String) -> Mode {
  guard let mode = Mode(rawValue: text) else { fail("'\(text)' is none of \(Mode.allCases.map(\.rawValue))") }
  return mode
}

switch words.first {
case "--work" where words.count == 5:
  try Worker(mode: mode(words[1]), numbers: number(words[2])..<number(words[3]), folder: words[4]).run()

case "--compare" where words.count > 1:
  for path in words.dropFirst() {
    print("\(path)\n    dbmend: \(Opinion.of(SQLiteDriver(), path))\n    SQLite: \(Opinion.ofEngine(path))")
  }

case "--again" where words.count == 4:
  let folder = try TemporaryFolder("dbmend-again")
  let which = mode(words[1])
  let trial = try Trial(which, folder: folder.path) { phase in
    // As it was before anybody looked at it: SQLite folds the log in.
    guard phase == 1 else { return }
    for name in ["", "-wal"] where FileStatus.exists(folder.file("case.db" + name)) {
      try? FileManager.default.removeItem(atPath: words[3] + name)
      try? FileManager.default.copyItem(atPath: folder.file("case.db" + name), toPath: words[3] + name)
    }
  }
  let result = try trial.run(number(words[2]))
  print("\(which) \(words[2]) \(result.outcome.rawValue): \(result.words)\nit stands in \(words[3])")
  if let sound = try trial.source(number(words[2])) {
    try Data(sound).write(to: URL(fileURLWithPath: words[3] + ".sound"))
    print("what was damaged stands in \(words[3]).sound")
  }
  if which == .healthy {
    let made = try RandomDatabase(seed: number(words[2]), size: Trial.size(number(words[2]))).make(
      at: folder.file("again.db"))
    try made.script.joined(separator: ";\n").write(toFile: words[3] + ".sql", atomically: true, encoding: .utf8)
    print("the statements that made it stand in \(words[3]).sql")
  }

default:
  var first: UInt64 = 1
  var jobs = ProcessInfo.processInfo.activeProcessorCount
  var seconds = Double.infinity
  var runs: [(Mode, UInt64)] = []
  while !words.isEmpty {
    let name = words.removeFirst()
    guard !words.isEmpty else { fail("\(name) needs a number") }
    let value = number(words.removeFirst())
    switch name {
    case "--seed": first = value
    case "--jobs": jobs = max(1, Int(value))
    case "--seconds": seconds = Double(value)
    default: runs.append((mode(String(name.drop { $0 == "-" })), value))
    }
  }
  if runs.isEmpty { runs = [(.inputs, 100_000)] }
  var failures = 0
  for (mode, count) in runs {
    let start = Clock.system.steady()
    let supervisor = Supervisor(
      mode, first..<first + count, jobs: jobs, seconds: seconds, program: Paths.resolved(CommandLine.arguments[0]))
    let summary = try supervisor.run()
    summary.print(seconds: Clock.system.steady() - start, mode: mode)
    failures += summary.failures
  }
  exit(failures == 0 ? 0 : 1)
}
