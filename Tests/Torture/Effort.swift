import MendKit
import TestSupport

/// How hard an ordeal tries: for how long, and from which number its random choices follow.
public struct Effort: Sendable {
  /// The program that is put to the test.
  public let program: String
  /// What all random choices follow from; printed, so that a failure can be run again.
  public let seed: UInt64
  /// The one trial to run, as a failure names it; nil for all that time allows.
  public let only: String?
  /// How many seconds there are. An ordeal of a fixed number of trials that would take longer runs an even share of them.
  public let seconds: Double
  private let start: Double

  /// An effort that begins now.
  public init(program: String, seed: UInt64 = 1, seconds: Double, only: String? = nil) {
    self.program = program
    self.seed = seed
    self.seconds = seconds
    self.only = only
    start = Clock.system.steady()
  }

  /// Whether the time is up.
  public var isOver: Bool { left <= 0 }

  /// The seconds that are left.
  public var left: Double { seconds - (Clock.system.steady() - start) }

  /// Random numbers for a purpose: the same for the same seed.
  public func random(_ purpose: String) -> SeededRandom { SeededRandom(seed, purpose) }

  /// An effort of a share of the seconds, which begins now.
  func share(_ seconds: Double) -> Effort { Effort(program: program, seed: seed, seconds: seconds, only: only) }

  /// Whether a trial is to be run at all.
  func wants(_ trial: String) -> Bool { only == nil || only == trial }
}
