import MendKit

extension Workers {
  /// Objects that are worth another thread.
  private static let leastObjects = 256

  /// What is made of parts of `count` objects, one part for each worker where they are many.
  static func parts<Value: Sendable>(
    _ count: Int, workers: Int, _ work: @escaping @Sendable (Range<Int>) -> Value
  ) -> [Value] {
    let parts = count >= leastObjects ? max(1, workers) : 1
    return map(parts, workers: workers) { part in work(count * part / parts..<count * (part + 1) / parts) }
  }
}
