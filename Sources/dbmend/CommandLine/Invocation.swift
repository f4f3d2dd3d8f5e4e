import MendKit

/// A command line that was understood.
struct Invocation: Sendable {
  /// The command; nil when none was named.
  var command: CommandDescription?
  /// The values of each option that was given; an empty text for each time that one without a value was.
  var options: [OptionName: [String]] = [:]
  /// The words that are no options.
  var arguments: [String] = []
  /// The words behind `--`, where the command runs another program; nil without `--`.
  var behind: [String]?
  /// The environment that stands in for some options.
  var environment: Environment = Environment()

  /// Whether an option was given.
  func has(_ option: OptionName) -> Bool { options[option] != nil }

  /// The value of an option: the last one given, else what its environment variable says.
  func value(_ option: OptionName) -> String? {
    if let value = options[option]?.last { return value }
    return option.facts.variable.flatMap { environment[$0] }
  }

  /// Every value of an option.
  func values(_ option: OptionName) -> [String] { options[option] ?? [] }
}

/// Environment variables. An empty one counts as not there.
struct Environment: Sendable {
  private let read: @Sendable (String) -> String?

  /// Variables of one's own.
  init(_ variables: [String: String] = [:]) { read = { variables[$0] } }

  private init(read: @escaping @Sendable (String) -> String?) { self.read = read }

  /// The variables of this process, each read when it is asked for.
  static let process = Environment(read: { name in getenv(name).map { String(cString: $0) } })

  subscript(name: String) -> String? {
    guard let value = read(name), !value.isEmpty else { return nil }
    return value
  }
}
