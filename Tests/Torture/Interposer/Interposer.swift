import Foundation
import MendKit
import TestSupport

/// The library between the program and the system (`interposer.c`).
struct Interposer: Sendable {
  /// What calls there are to count. The numbers are those of `interposer.c`.
  enum Calls: String, CaseIterable, Sendable {
    /// Content and sizes of files, pipes and terminals.
    case write
    case sync
    /// Names, attributes and the making of files and folders.
    case name
    case read
    case open
    /// Files that are mapped.
    case map
    /// Memory.
    case alloc
    /// Threads and processes.
    case thread
  }

  /// What the program meets.
  enum Plan: Sendable {
    /// Nothing; its calls are counted.
    case count
    /// Nothing; what it and its children change below the scope is written down.
    case record
    /// Death, before the step of this number (from 1): a change or a sync below the scope. `isHalf`: when half of what the
    /// step writes is written.
    case death(step: Int, isHalf: Bool)
    /// An error of the call of this number (from 1), or half of what was asked where that is no error.
    case fault(Calls, Int, Fault)
  }

  /// How a call fails.
  enum Fault: Hashable, Sendable {
    case error(Int32)
    case half
  }

  /// What was counted.
  struct Counts: Sendable {
    /// Changes and syncs below the scope.
    var steps = 0
    /// Which of the steps write something that can be written by half, from 1.
    var writes: Set<Int> = []
    var calls: [Calls: Int] = [:]
  }

  private let folder: TemporaryFolder
  private var library: String { folder.file("interposer.so") }

  /// Builds the library.
  init() throws {
    folder = try TemporaryFolder("torture-interposer")
    let source = Paths.join(Paths.folder(of: #filePath), "interposer.c")
    let built = try TestSupport.run("cc", "-shared", "-fPIC", "-O2", "-o", library, source)
    guard built.exit == 0 else { throw PreparationFailed("cc \(source): \(built.errors)") }
  }

  /// A run of the program under a plan.
  struct Run {
    var result: ProgramResult
    var counts: Counts
    /// What was written down: the changes, or the call that was the end of the program or failed.
    var log: [UInt8]

    /// Whether the plan came to anything: a call of that number was reached.
    var wasReached: Bool { !log.isEmpty }
    /// The call that was the end of the program or failed.
    var call: String { String(decoding: log.prefix(400), as: UTF8.self).trimmingCharacters(in: .newlines) }
  }

  /// Runs words in a folder, which is the scope; a run that hangs is ended after `patience` seconds with exit code 124.
  func run(
    _ words: [String], in folder: String, _ plan: Plan, input: String = "", environment: [String: String] = [:],
    patience: Double = 60
  ) throws -> Run {
    let scratch = try TemporaryFolder("torture-plan", in: Launch.scratchPlace)
    let state = try scratch.write([UInt8](repeating: 0, count: 4096), to: "state")
    let log = try scratch.write("", to: "log")
    var variables = environment
    variables["TORTURE_STATE"] = state
    variables["TORTURE_LOG"] = log
    variables["TORTURE_SCOPE"] = folder
    switch plan {
    case .count: variables["TORTURE_MODE"] = "count"
    case .record: variables["TORTURE_MODE"] = "record"
    case .death(let step, let isHalf):
      variables["TORTURE_MODE"] = "kill"
      variables["TORTURE_AT"] = String(step)
      if isHalf { variables["TORTURE_HALF"] = "1" }
    case .fault(let calls, let number, let fault):
      variables["TORTURE_MODE"] = "fault"
      variables["TORTURE_CLASS"] = calls.rawValue
      variables["TORTURE_AT"] = String(number)
      if case .error(let code) = fault { variables["TORTURE_ERROR"] = String(code) }
      if case .half = fault { variables["TORTURE_ERROR"] = "short" }
    }
    variables["LD_PRELOAD"] = library
    let result = try Launch.run(words, in: folder, environment: variables, input: input, patience: patience)
    let numbers = try scratch.read("state").withUnsafeBytes { bytes in
      (0...Calls.allCases.count).map { Int(bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
    }
    var counts = Counts(steps: numbers[0])
    for (index, calls) in Calls.allCases.enumerated() { counts.calls[calls] = numbers[index + 1] }
    let written = try scratch.read("log")
    if case .count = plan {
      for (index, letter) in written.enumerated() where letter == UInt8(ascii: "w") { counts.writes.insert(index + 1) }
    }
    return Run(result: result, counts: counts, log: written)
  }
}
