import MendEngine
import MendExamples
import MendKit

/// Requests that no run makes on purpose, but that a change of versions, a wrong configuration or a damaged store brings about. A plugin
/// answers each of them, at the least with the reason why it cannot.
struct PluginBattery {
  let probe: PluginProbe
  let plugin: PluginProbe.Plugin
  let registry: PluginRegistry

  /// What an answer has to be.
  enum Demand {
    /// That it cannot be done: any other reply would be taken for the truth.
    case refusal
    /// Anything but that all is well.
    case noPass
    /// Any reply that the message knows.
    case anyReply
  }

  /// One request.
  struct Request {
    var title: String
    var bytes: [UInt8]
    var demand: Demand
    /// The store that it is about, which is kept until the answer is there.
    var store: ExampleRunner.Store?
  }

  /// Whether it is a repair, which gets a working copy instead of a copy to read.
  private var isRepair: Bool { plugin.description.kind == .repair }
  private var place: [String] { isRepair ? ["copy"] : ["store", "snapshot"] }

  /// Every request, with the stores that they are about.
  func requests() throws -> [Request] {
    let base = try request("a request as it should be", .anyReply) { $0 }
    let text = Array(Self.value(of: base).text().utf8)
    var requests = [
      Request(title: "no input at all", bytes: [], demand: .refusal),
      Request(title: "words that are no JSON", bytes: Array("describe yourself\n".utf8), demand: .refusal),
      Request(title: "a request that breaks off", bytes: Array(text.dropLast(text.count / 3)), demand: .refusal),
      Request(title: "bytes that are no text", bytes: [0xFF, 0x00, 0xFE, 0x7B, 0x22], demand: .refusal),
      Request(title: "a list instead of an object", bytes: Array("[1, 2]".utf8), demand: .refusal),
      Request(
        title: "100000 lists, one in another", bytes: [UInt8](repeating: UInt8(ascii: "["), count: 100_000),
        demand: .refusal),
    ]
    requests.append(
      try request("a method that it does not know", .refusal) { $0.setting(["method"], .string("dance")) })
    requests.append(try request("version 2 of the message", .refusal) { $0.setting(["dbmend"], .integer(2)) })
    requests.append(
      try request("a plugin that is not in the file", .refusal) { $0.setting(["plugin"], .string("nobody-here")) })
    requests.append(
      try request("a member that it does not know", .anyReply) { $0.setting(["novelty"], .array([.null])) })
    requests.append(
      try request("an option that it does not know", .anyReply) { $0.setting(["options", "novelty"], .string("new")) })
    let large = JSONValue.string(String(repeating: "x", count: 10_000_000))
    requests.append(try request("10 MB of an option", .anyReply) { $0.setting(["options", "novelty"], large) })
    requests.append(
      try request("no store", isRepair || plugin.wantsSnapshot ? .noPass : .anyReply) {
        $0.setting(["store"], nil).setting(["copy"], nil)
      })
    requests += try ofOptions() + ofStores()
    return requests
  }

  /// Options that say what is not there, and names that have to be quoted.
  private func ofOptions() throws -> [Request] {
    let names = plugin.description.options.filter { Self.holdsNames($0.type) }.map(\.name)
    guard !names.isEmpty else { return [] }
    return try [("names of what is not there", "no_such_thing"), ("names with quotes and line feeds", Self.oddName)].map
    { title, name in
      try request(title, .anyReply) { value in
        names.reduce(value) { $0.setting(["options", $1], Self.renamed($0["options"]?[$1], name)) }
      }
    }
  }

  private func ofStores() throws -> [Request] {
    guard isRepair || plugin.wantsSnapshot else { return [] }
    var requests = [
      try request("a store that is not there", .noPass) { $0.setting(place, .string("/nonexistent/store.db")) }
    ]
    if kind == "folder" { return requests }
    for (title, bytes, demand) in [
      ("an empty file as the store", [], Demand.anyReply),
      ("a letter as the store", Array("Dear Sir or Madam, this is no database.\n".utf8), .noPass),
    ] {
      let request = try request(title, demand) { $0 }
      if let path = request.store?.path { try Durable.write(bytes, to: path) }
      requests.append(request)
    }
    let damaged = try request("a store with bytes of noise", .anyReply) { $0 }
    if let path = damaged.store?.path {
      let file = try FileHandle.update(path)
      let size = try file.status().size
      for offset in stride(from: 100, to: size, by: 97) { try file.write([0xA5, 0x5A, 0xFF], at: offset) }
    }
    requests.append(damaged)
    if kind == "sqlite" {
      let name = SQLText.name(Self.oddName)
      let script = "create table \(name)(\(name) text, x integer primary key); insert into \(name) values('a', 1);"
      requests.append(
        try request("a store whose names hold quotes and line feeds", .anyReply, Example("", script: script)) { $0 })
    }
    return requests
  }

  // MARK: - One request

  /// The kind of the stores that it is asked about.
  private var kind: String {
    let kinds = ["sqlite", "json", "folder"]
    return kinds.first { plugin.kinds?.contains($0) ?? true } ?? "sqlite"
  }

  /// An example of the plugin's to vary, or else a small store.
  private var example: Example {
    let own = plugin.description.examples.filter { $0.kind == kind && $0.damage.isEmpty }
    if let example = own.first(where: { !$0.options.isEmpty }) ?? own.first { return example }
    return Self.plainStore(kind)
  }

  private static func plainStore(_ kind: String) -> Example {
    switch kind {
    case "json": Example("", kind: kind, script: #"{"users": [{"id": 1}]}"#)
    case "folder": Example("", kind: kind, script: "a.txt: one\nb/c.txt: two")
    default:
      Example("", script: "create table users(id integer primary key, name text); insert into users values(1, 'Ada');")
    }
  }

  private func request(
    _ title: String, _ demand: Demand, _ given: Example? = nil, _ change: (JSONValue) -> JSONValue
  ) throws -> Request {
    let example = given ?? self.example
    let runner = ExampleRunner(registry, makers: ExampleMaker.standard)
    let store: ExampleRunner.Store
    do {
      store = try runner.make(example)
    } catch {
      // Its examples are reported by themselves.
      store = try runner.make(Self.plainStore(kind))
    }
    let context = runner.checkContext(store)
    defer { context.end() }
    let value = probe.request(
      to: plugin, options: self.example.options, kind: kind, storeAt: store.path, session: try? context.session())
    return Request(title: title, bytes: Array(change(value).text().utf8), demand: demand, store: store)
  }

  private static func value(of request: Request) -> JSONValue { (try? JSONValue(parsing: request.bytes)) ?? .null }

  /// What SQL, a shell and a path each read in their own way.
  private static let oddName = "it's \"so\"\n; drop table users; -- $(id) `id` ../../etc %s \\"

  private static func holdsNames(_ type: OptionType) -> Bool {
    switch type {
    case .string, .map: true
    case .list(let type): holdsNames(type)
    default: false
    }
  }

  private static func renamed(_ value: JSONValue?, _ name: String) -> JSONValue {
    switch value {
    case .object(let members):
      .object([
        JSONMember(name, members.first?.value.string == nil ? members.first?.value ?? .string(name) : .string(name))
      ])
    case .array: .array([.string(name)])
    default: .string(name)
    }
  }
}

private enum SQLText {
  static func name(_ text: String) -> String {
    "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}

extension JSONValue {
  /// With another value at the end of a path of members, or without that member.
  fileprivate func setting(_ path: [String], _ value: JSONValue?) -> JSONValue {
    guard let name = path.first, case .object(var members) = self else { return self }
    let rest = Array(path.dropFirst())
    let new = rest.isEmpty ? value : (self[name] ?? .object([JSONMember]())).setting(rest, value)
    if let place = members.firstIndex(where: { $0.key == name }) {
      if let new { members[place] = JSONMember(name, new) } else { members.remove(at: place) }
    } else if let new {
      members.append(JSONMember(name, new))
    }
    return .object(members)
  }
}
