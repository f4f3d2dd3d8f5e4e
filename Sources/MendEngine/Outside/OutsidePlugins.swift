import MendKit

/// Loads plugins from outside: asks each file what is in it, and puts that beside the plugins that dbmend comes with.
public struct OutsidePlugins: Sendable {
  /// The program that calls shared objects: this one, by the path under which the system knows it.
  public var host: String
  /// The files that the command line names.
  public var named: [PluginFile]
  /// Whether the operator named the configuration: one that was come upon, and belongs to somebody else, has no plugins run.
  public var trustsConfiguration = true
  /// Where the failures of repairs are kept.
  public let failures = PluginFailureLog()

  /// A loader.
  public init(host: String = "/proc/self/exe", named: [PluginFile] = []) {
    self.host = host
    self.named = named
  }

  /// What came of one file.
  public struct Loaded: Sendable {
    /// The file.
    public var file: PluginFile
    /// The ids of its plugins.
    public var ids: [String]
    /// Why it could not be asked what it is; nil where it could.
    public var failure: Problem?
  }

  /// The registry with the plugins of these files in it, and what came of each file. Throws a problem of kind `configuration`
  /// where a file is not to be trusted, or its plugins cannot stand beside the others. A file that cannot say what it is stands for a
  /// check that finds just that.
  public func load(
    _ files: [PluginFile], into registry: PluginRegistry
  ) throws(Problem) -> (registry: PluginRegistry, loaded: [Loaded]) {
    for file in files { try file.confirmTrust() }
    let host = host
    let replies = Workers.map(files.count, workers: min(4, Workers.processors)) { place in
      Self.describe(files[place], host: host)
    }
    var registry = registry
    var loaded: [Loaded] = []
    for (file, reply) in zip(files, replies) {
      switch reply {
      case .success(let descriptions):
        for description in descriptions {
          let call = PluginCall(file, plugin: description.plugin.id, host: host)
          try Self.confirm(description, file, registry)
          if description.plugin.kind == .repair {
            registry.add(OutsideRepair(description, call, log: failures))
          } else {
            registry.add(OutsideCheck(description, call))
          }
        }
        loaded.append(Loaded(file: file, ids: descriptions.map(\.plugin.id)))
      case .failure(let failure):
        let check = SpeechlessCheck(id: Self.freeID(file.stem, registry), failure: failure)
        registry.add(check)
        loaded.append(Loaded(file: file, ids: [check.description.id], failure: failure.problem()))
      }
    }
    return (registry, loaded)
  }

  /// What the plugins of a file say of themselves.
  static func describe(_ file: PluginFile, host: String) -> Result<[OutsideDescription], PluginFailure> {
    let asked = "describe itself"
    let call = PluginCall(file, plugin: file.stem, host: host)
    let desk: PluginDesk
    do throws(Problem) {
      desk = try PluginDesk()
    } catch {
      return .failure(call.failure(.died, asked, "it could not be started: \(error)"))
    }
    do throws(PluginFailure) {
      let request = JSONValue.object([
        "dbmend": .integer(MessageFormat.version), "method": .string(MessageFormat.Method.describe.rawValue),
      ])
      let reply = try call.reply(to: request, asked: asked, scratch: desk.scratch)
      let (descriptions, complaints) = DescriptionReading.descriptions(in: reply)
      if let first = complaints.first {
        let more = complaints.count > 1 ? " (and \(complaints.count - 1) more)" : ""
        throw call.failure(.nonsense, asked, "its description is not that of the message: \(first)\(more)")
      }
      return .success(descriptions)
    } catch {
      return .failure(error)
    }
  }

  /// Throws where a plugin would stand in another's place.
  private static func confirm(
    _ description: OutsideDescription, _ file: PluginFile, _ registry: PluginRegistry
  ) throws(Problem) {
    let plugin = description.plugin
    func refusal(_ said: String, _ advice: String) -> Problem {
      Problem(
        .configuration, tried: "use the plugin", on: "\(plugin.id) (\(file.writtenPath))", said: said, advice: advice)
    }
    if registry.descriptions.contains(where: { $0.id == plugin.id }) {
      throw refusal("there is a plugin of that name already", "Give it another 'id'.")
    }
    for other in registry.descriptions {
      for find in other.finds where !find.code.rawValue.hasPrefix("plugin.") {
        guard let own = plugin.finds.first(where: { Self.area($0.code) == Self.area(find.code) }) else { continue }
        throw refusal(
          "it says that it finds '\(own.code)', and what begins with '\(Self.area(find.code)).' is for \(other.id) to find",
          "Have its codes begin with a word of its own, such as '\(plugin.id).'.")
      }
    }
    if let own = plugin.finds.first(where: { area($0.code) == "plugin" }) {
      throw refusal(
        "it says that it finds '\(own.code)', and what begins with 'plugin.' is for dbmend to say of plugins",
        "Have its codes begin with a word of its own, such as '\(plugin.id).'.")
    }
    let kinds = Set(registry.drivers.map(\.description.id))
    for kind in (description.kinds ?? []).sorted() where !kinds.contains(kind) {
      let near = NearestWord.suggestion(for: kind, among: kinds.sorted())
      throw refusal(
        "it is for stores of the kind '\(kind)', which no driver here knows\(near)",
        "There are \(kinds.sorted().joined(separator: ", ")).")
    }
  }

  private static func area(_ code: FindingCode) -> Substring { code.rawValue.prefix { $0 != "." } }

  private static func freeID(_ stem: String, _ registry: PluginRegistry) -> String {
    let plain = String(stem.lowercased().map { DescriptionReading.isID("a\($0)") ? $0 : "-" })
    let taken = Set(registry.descriptions.map(\.id))
    guard taken.contains(plain) else { return plain }
    var number = 2
    while taken.contains("\(plain)-\(number)") { number += 1 }
    return "\(plain)-\(number)"
  }
}

/// What stands for a file of plugins that could not say what it is: a check of every store that finds this.
struct SpeechlessCheck: Check {
  let failure: PluginFailure
  let description: PluginDescription

  init(id: String, failure: PluginFailure) {
    self.failure = failure
    description = PluginDescription(
      id: id, title: "a plugin that could not say what it is", discussion: "\(failure.problem())", kind: .check,
      finds: PluginFailure.findings, takesAnyOption: true)
  }

  /// It is not the content that is damaged.
  var looksAtPlace: Bool { true }

  func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] { [failure.finding] }
}
