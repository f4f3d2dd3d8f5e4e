import MendKit

/// Runs a range of cases in a process of its own and writes down how far it is, so that a crash or a hang is laid at the
/// door of its case.
struct Worker {
  let mode: Mode
  let numbers: Range<UInt64>
  let folder: String

  func run() throws {
    let progress = try FileHandle.update(Paths.join(folder, "progress"))
    let results = try FileHandle.update(Paths.join(folder, "results"))
    var written = 0
    var number = numbers.lowerBound
    var summary = Summary()
    let trial = try Trial(mode, folder: folder) { phase in
      try? progress.write(Progress(number: number, phase: phase).bytes, at: 0)
    }
    let supervisor = getppid()
    // One that was killed leaves nobody who would read the rest.
    while number < numbers.upperBound, getppid() == supervisor {
      let result = try trial.run(number)
      summary.add(number, result)
      number += 1
      if number % 64 == 0 || number == numbers.upperBound || result.outcome.isFailure {
        let text = Array(summary.json.text().utf8) + [UInt8(ascii: "\n")]
        try results.write(text, at: written)
        written += text.count
        summary = Summary()
      }
    }
    try progress.write(Progress(number: number, phase: 3).bytes, at: 0)
  }
}

/// How far a worker is.
struct Progress: Equatable {
  var number: UInt64 = 0
  var phase = 0

  init(number: UInt64, phase: Int) {
    self.number = number
    self.phase = phase
  }

  init(_ bytes: [UInt8]) {
    guard bytes.count == 9 else { return }
    number = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
    phase = Int(bytes[8])
  }

  var bytes: [UInt8] {
    (0..<8).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) } + [
      UInt8(truncatingIfNeeded: phase)
    ]
  }
}
