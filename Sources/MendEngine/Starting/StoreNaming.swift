import MendKit

/// What `dbmend init` calls a store, by where it lies: an environment that a folder or the file itself is named after, and
/// the rest.
struct StoreNaming {
  static let environments = ["production", "staging", "test", "development"]

  private var taken: Set<String> = []

  /// The name of a store. `folder` is where the configuration is to be; folders above it say nothing of an environment.
  mutating func name(ofStoreAt path: String, folder: String) -> (environment: String, name: String) {
    let file = Paths.name(of: path)
    let stem = file.lastIndex(of: ".").flatMap { $0 > file.startIndex ? String(file[..<$0]) : nil } ?? file
    if let environment = Self.environment(stem) { return (environment, free("data", in: environment)) }
    let above = folder == "/" ? "/" : folder + "/"
    let parts =
      path.hasPrefix(above)
      ? path.dropFirst(above.count).split(separator: "/").dropLast()
      : [Substring(Paths.name(of: Paths.folder(of: path)))]
    let environment = parts.reversed().lazy.compactMap { Self.environment(String($0)) }.first ?? "production"
    return (environment, free(Self.valid(stem), in: environment))
  }

  private static func environment(_ word: String) -> String? {
    environments.first { $0 == word.lowercased() }
  }

  /// A word that the configuration accepts as a name.
  private static func valid(_ word: String) -> String {
    var name = String(word.map { StoreName.isAllowed($0) ? $0 : "-" }.drop { !$0.isLetter && !$0.isNumber })
    // Room for a number behind it.
    while name.utf8.count > StoreName.maximalBytes - 8 { name.removeLast() }
    return StoreName.isValid(name) ? name : "data"
  }

  private mutating func free(_ name: String, in environment: String) -> String {
    var candidate = name
    var number = 2
    while !taken.insert("\(environment)/\(candidate)").inserted {
      candidate = "\(name)-\(number)"
      number += 1
    }
    return candidate
  }
}
