import Foundation
import MendKit
import TestSupport
import Torture

// `scripts/torture` builds and starts this; it says there how to use it.

/// Prints a line at once: what a run has come to is to be seen while it goes on, through a pipe too.
func say(_ line: String) { Foundation.FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

func fail(_ words: String) -> Never {
  Foundation.FileHandle.standardError.write(Data("torture: \(words)\n".utf8))
  exit(2)
}

var words = Array(CommandLine.arguments.dropFirst())
var minutes = 10.0
var seed = UInt64(Clock.system.now())
var trial: String?
var chosen: [Ordeal] = []
while !words.isEmpty {
  let word = words.removeFirst()
  if let number = Double(word), number > 0 {
    minutes = number
    continue
  }
  guard !words.isEmpty else { fail("\(word) needs a value, or is no number of minutes") }
  let value = words.removeFirst()
  switch word {
  case "--only":
    guard let ordeal = Ordeal.named(value) else {
      fail("there is no ordeal '\(value)': they are \(Ordeal.all.map(\.name).joined(separator: ", "))")
    }
    chosen.append(ordeal)
  case "--seed":
    guard let number = UInt64(value) else { fail("'\(value)' is not a seed") }
    seed = number
  case "--case": trial = value
  default: fail("'\(word)' is not an option")
  }
}
if chosen.isEmpty { chosen = Ordeal.all }
guard let program = ProcessInfo.processInfo.environment["DBMEND"] else { fail("DBMEND does not name the program") }

say("seed \(seed), \(minutes) minutes, \(program)\n")
say(Table.head)
var failures: [(Ordeal, Ordeal.Failure)] = []
let start = Clock.system.steady()
for (index, ordeal) in chosen.enumerated() {
  // What one leaves of its share, those after it have.
  let left = minutes * 60 - (Clock.system.steady() - start)
  let effort = Effort(
    program: Paths.resolved(program), seed: seed, seconds: max(1, left / Double(chosen.count - index)), only: trial)
  let began = Clock.system.steady()
  do {
    let outcome = try ordeal.run(effort)
    say(Table.line(ordeal, outcome, seconds: Clock.system.steady() - began))
    failures += outcome.failures.map { (ordeal, $0) }
  } catch {
    say(Table.line(ordeal, error: error))
    failures.append((ordeal, Ordeal.Failure("", "\(error)")))
  }
}
for (ordeal, failure) in failures.prefix(1000) {
  say(
    """

    \(ordeal.name): \(failure.words)
      again: scripts/torture --only \(ordeal.name) --seed \(seed)\(failure.trial.isEmpty ? "" : " --case '\(failure.trial)'")
    """)
}
if failures.count > 1000 { say("\nand \(failures.count - 1000) more") }
exit(failures.isEmpty ? 0 : 1)
