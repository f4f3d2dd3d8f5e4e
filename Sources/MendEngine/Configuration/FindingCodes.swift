import MendKit

/// The codes that the plugins of a run say they may find.
struct FindingCodes {
  private let known: [String]

  init(_ registry: PluginRegistry) {
    known = Set(registry.descriptions.flatMap(\.finds).map(\.code.rawValue)).sorted()
  }

  /// What is wrong with a code or a pattern of codes that names no known one but comes near to it; nil where it may well be
  /// right, since not every code is known here.
  func slip(in pattern: String) -> String? {
    guard !known.contains(where: { Glob.matches(pattern, $0) }) else { return nil }
    let areas = Set(known.map { code in "\(code.prefix { $0 != "." }).*" }).sorted()
    let near = NearestWord.suggestion(for: pattern, among: pattern.contains("*") ? areas : known)
    return near.isEmpty ? nil : "no check finds '\(pattern)'" + near
  }
}
