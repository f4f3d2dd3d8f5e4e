import MendKit

/// Asks a file of plugins anything at all, also what no run would ask, and says how it answers: what `dbmend plugins test` is made of.
public struct PluginProbe: Sendable {
  /// The file.
  public let file: PluginFile
  private let host: String

  /// A probe of a file. Throws where others could have put the file there, as a run would.
  public init(_ file: PluginFile, host: String = "/proc/self/exe") throws(Problem) {
    try file.confirmTrust()
    self.file = file
    self.host = host
  }

  /// A plugin in the file.
  public struct Plugin: Sendable {
    let outside: OutsideDescription
    /// What it says of itself, in the words of every plugin.
    public var description: PluginDescription { outside.plugin }
    /// The kinds of stores that it is for; nil for all.
    public var kinds: Set<String>? { outside.kinds }
    /// Whether it gets a copy of the store.
    public var wantsSnapshot: Bool { outside.needs.contains(.snapshot) }
  }

  /// What the plugins of the file are, and everything that is wrong with what they say of themselves, a line each: members that the
  /// message does not know, too, which a run overlooks.
  public func describe() throws(Problem) -> (plugins: [Plugin], complaints: [String]) {
    let request = JSONValue.object(["dbmend": .integer(MessageFormat.version), "method": .string("describe")])
    let desk = try PluginDesk()
    let reply: JSONValue
    do throws(PluginFailure) {
      reply = try PluginCall(file, plugin: file.stem, host: host).reply(
        to: request, asked: "describe itself", scratch: desk.scratch)
    } catch {
      return ([], [error.fate + (error.lastWords.isEmpty ? "" : "; its last words: \(error.lastWords)")])
    }
    if let said = Self.error(in: reply) { return ([], ["it could not describe itself: \(said)"]) }
    let (_, strict) = DescriptionReading.descriptions(in: reply, isStrict: true)
    let (descriptions, _) = DescriptionReading.descriptions(in: reply)
    return (descriptions.map(Plugin.init), strict.map(\.description))
  }

  /// A request about a store as a run makes it, of a check or a repair.
  public func request(
    to plugin: Plugin, options: [OptionPair], kind: String, storeAt path: String, session: (any StoreSession)?
  ) -> JSONValue {
    let isRepair = plugin.description.kind == .repair
    let given = Options(options, defaults: plugin.description)
    var members = StoreMessage.common(
      isRepair ? .repair : .check, plugin: plugin.description, options: given, scratch: ".", limits: file.limits)
    let needs = plugin.outside.needs
    var catalog: JSONValue?
    if let session, !needs.isDisjoint(with: [.catalog, .rows]) {
      catalog = try? StoreMessage.catalog(session, countsRows: needs.contains(.rows))
    }
    let store = StoreIdentity(environment: "test", name: "example", path: path)
    members.append(
      JSONMember(
        "store",
        StoreMessage.store(
          store, kind: kind, engine: session?.facts.engine, bytes: session?.facts.bytes,
          snapshot: plugin.wantsSnapshot && !isRepair ? path : nil, catalog: catalog,
          place: needs.contains(.place) ? StoreMessage.place(path, nil, repository: nil) : nil)))
    if isRepair {
      members.append(JSONMember("copy", .string(path)))
      members.append(JSONMember("max_loss", .string("everything")))
    }
    members.append(JSONMember("findings", .array([])))
    if needs.contains(.archives) { members.append(JSONMember("archives", .array([]))) }
    return .object(members)
  }

  /// How a plugin answered.
  public enum Answer: Sendable, Hashable {
    /// That it could not do it, and why.
    case error(String)
    /// With a reply as the message has it; `finds` is how many findings are in it.
    case reply(finds: Int)
    /// Not as a plugin answers: what became of it, or what is wrong with its reply.
    case failure(String)
    /// Not in time; what became of it.
    case late(String)
  }

  /// Sends any bytes at all. Where a reply is none that says that it could not be done, it is to be the one to a check or to a repair.
  public func send(_ bytes: [UInt8], to kind: PluginDescription.Kind, writable: [String] = []) throws(Problem) -> Answer
  {
    let desk = try PluginDesk()
    let call = PluginCall(file, plugin: file.stem, host: host)
    do throws(PluginFailure) {
      let reply = try call.reply(to: bytes, asked: "answer", scratch: desk.scratch, writable: writable)
      if let said = Self.error(in: reply) { return .error(said) }
      let shape = kind == .repair ? MessageFormat.repairReply : MessageFormat.checkReply
      if let complaint = shape.complaints(about: reply).first {
        return .failure("its reply is not that of the message: \(complaint)")
      }
      return .reply(finds: reply["findings"]?.array?.count ?? 0)
    } catch {
      let said = error.fate + (error.lastWords.isEmpty ? "" : "; its last words: \(error.lastWords)")
      return error.kind == .timedOut ? .late(said) : .failure(said)
    }
  }

  private static func error(in reply: JSONValue) -> String? {
    guard reply["error"] != nil, MessageFormat.errorReply.complaints(about: reply).isEmpty else { return nil }
    return reply["error"]?["said"]?.string
  }
}

/// The ids of plugins.
public enum PluginID {
  /// Whether a text may be one: lower-case letters, digits and hyphens, a letter first, at most 60.
  public static func isValid(_ text: String) -> Bool { DescriptionReading.isID(text) }
}
