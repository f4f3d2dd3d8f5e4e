import Synchronization

/// A number that several threads add to.
final class SharedCount: Sendable {
  private let value = Atomic(0)

  /// Adds; what it comes to.
  func add(_ count: Int) -> Int { value.add(count, ordering: .relaxed).newValue }
}
