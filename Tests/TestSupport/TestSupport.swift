import MendKit

/// A failure of a test's own preparations, as opposed to what it tests.
public struct PreparationFailed: Error, CustomStringConvertible {
  /// What went wrong.
  public let description: String

  /// A failure with its reason.
  public init(_ description: String) { self.description = description }
}
