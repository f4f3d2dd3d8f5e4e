/// A store that an example, or a test, asks for could not be made, as opposed to what is shown with it.
public struct PreparationFailed: Error, CustomStringConvertible {
  /// What went wrong.
  public let description: String

  /// A failure with its reason.
  public init(_ description: String) { self.description = description }
}
