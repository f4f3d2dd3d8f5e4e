import MendKit

/// Why a text is no manifest.
struct ManifestError: Error, Hashable {
  var said: String
}

extension Manifest {
  /// More than any store's manifest has; what is longer is not read.
  static let largestText = 64 << 20

  /// More than any repository counts to; what claims to be newer than all that could ever be taken is not believed.
  static let largestSequence = 1 << 53

  /// Notes on the pages of the largest database that there can be would have more; so large ones are not read.
  static let largestNotes = 1 << 30

  /// The manifest as JSON text; with a seal it is the copy that stands beside the archive.
  func text(seal: Seal? = nil) -> String {
    var value = json
    if let seal, case .object(let members) = value {
      value = .object(
        members + [JSONMember("archive", .object(["size": .integer(seal.size), "xxh3": .string(seal.xxh3)]))])
    }
    return value.text(pretty: true) + "\n"
  }

  private var json: JSONValue {
    .object([
      "format": .string(format),
      "store": .object([
        "environment": .string(store.environment), "name": .string(store.name), "path": .string(store.path),
      ]),
      "kind": .string(kind), "engine": .string(engine), "version": .string(version),
      "taken": .string(UTCTime(seconds: taken).iso), "sequence": .integer(sequence),
      "verdict": .string(verdict.rawValue), "reason": .string(reason),
      "rows": .object(rows.sorted { $0.key < $1.key }.map { JSONMember($0.key, .integer($0.value)) }),
      "stamp": stamp?.json, "schema": schema.map { .string($0) },
      "notes": notes.map { .string($0) }, "listing": listing?.json, "members": .array(members.map(\.json)),
    ])
  }

  /// The manifest and, in a copy, the seal out of JSON text that nobody vouches for.
  static func parse(_ bytes: [UInt8]) throws(ManifestError) -> (manifest: Manifest, seal: Seal?) {
    let value: JSONValue
    do throws(JSONSyntaxError) {
      value = try JSONValue(parsing: bytes)
    } catch {
      throw ManifestError(said: error.description)
    }
    let manifest = try Manifest(Fields(value, "the manifest"))
    guard value["archive"] != nil else { return (manifest, nil) }
    let archive = try Fields(value, "the manifest").fields("archive")
    return (manifest, Seal(size: try archive.count("size"), xxh3: try archive.digits("xxh3", 32)))
  }

  private init(_ fields: Fields) throws(ManifestError) {
    let format = try fields.text("format")
    guard Self.formats.contains(format) else {
      let known = Self.formats.map { "'\($0)'" }.joined(separator: " or ")
      throw ManifestError(said: "its format is '\(format)', not \(known)")
    }
    let store = try fields.fields("store")
    guard let taken = UTCTime(iso: try fields.text("taken")) else {
      throw ManifestError(said: "'taken' is not a time in UTC such as 2024-01-15T02:00:00Z")
    }
    guard let verdict = Verdict(rawValue: try fields.text("verdict")) else {
      throw ManifestError(said: "'verdict' is none that dbmend knows")
    }
    let sequence = try fields.count("sequence")
    guard sequence <= Self.largestSequence else {
      throw ManifestError(said: "'sequence' is larger than can be counted to")
    }
    var rows: [String: Int] = [:]
    for member in try fields.fields("rows").value.members ?? [] {
      guard let count = member.value.integer else { throw ManifestError(said: "'rows' has a count that is no number") }
      rows[member.key] = count
    }
    var members: [Member] = []
    for item in try fields.array("members") { members.append(try Member(Fields(item, "a member"))) }
    self.init(
      store: StoreIdentity(
        environment: try store.text("environment"), name: try store.text("name"), path: try store.text("path")),
      kind: try fields.text("kind"), engine: try fields.text("engine"), version: try fields.text("version"),
      taken: taken.seconds, sequence: sequence, verdict: verdict,
      reason: try fields.text("reason"), rows: rows, stamp: try fields.optional("stamp").map(StoreStamp.init),
      members: members, schema: fields.value["schema"]?.string,
      notes: format == Self.formats[1] ? fields.value["notes"]?.string : nil,
      listing: format == Self.formats[2] ? try Listing(fields.fields("listing")) : nil)
    if let said = flaw { throw ManifestError(said: said) }
  }

  /// What keeps the members from being written into a folder, or counted; nil when nothing does.
  var flaw: String? {
    var names: Set<String> = []
    var total = 0
    for member in members {
      if let said = MemberName.flaw(member.name) { return said }
      guard names.insert(member.name).inserted else {
        return "it lists the member \(MemberName.shown(member.name)) twice"
      }
      guard member.size >= 0 else { return "the member \(MemberName.shown(member.name)) has a size below zero" }
      let (sum, isTooMuch) = total.addingReportingOverflow(member.size)
      guard !isTooMuch else { return "its members are larger than can be counted" }
      total = sum
    }
    if let schema, !names.contains(schema) { return "it names definitions (\(schema)) that are no member" }
    if let notes, !names.contains(notes) || notes == schema { return "it names notes (\(notes)) that are no member" }
    if let listing {
      guard names.contains(listing.member), listing.member != schema else {
        return "it names a listing (\(MemberName.shown(listing.member))) that is no member"
      }
      if let said = MemberName.flaw(listing.folder) { return said }
      if listing.folder.contains("/") { return "its folder \(MemberName.shown(listing.folder)) is no plain name" }
      if names.contains(listing.folder) { return "a member has the name of its folder" }
    }
    if names.contains(fileName) { return "it lists itself as a member" }
    return nil
  }
}

/// Names of members, as they come from archives and drivers.
enum MemberName {
  /// The name for a message: one that is very long is cut, and nothing in it can steer a terminal.
  static func shown(_ name: String) -> String {
    let plain = name.unicodeScalars.prefix(200).map { scalar in
      scalar.properties.generalCategory == .control ? "?" : Character(scalar)
    }
    return String(plain) + (name.unicodeScalars.count > 200 ? "…" : "")
  }

  /// What is wrong with a name, as a sentence's part; nil for a relative path that stays below its folder.
  static func flaw(_ name: String) -> String? {
    if name.isEmpty { return "a member has no name" }
    if name.utf8.count > 4096 { return "the member \(shown(name)) has a name of \(name.utf8.count) bytes" }
    if name.utf8.first == UInt8(ascii: "/") { return "the member \(shown(name)) has an absolute path" }
    if name.utf8.contains(0) { return "a member has a name with a NUL byte" }
    for part in name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      if part.elementsEqual("..".utf8) { return "the member \(shown(name)) leads out of its folder" }
      if part.isEmpty || part.elementsEqual(".".utf8) { return "the member \(shown(name)) is no plain path" }
    }
    return nil
  }
}

extension Manifest.Listing {
  fileprivate var json: JSONValue {
    .object([
      "member": .string(member), "folder": .string(folder), "files": .integer(files), "bytes": .integer(bytes),
      "data": .integer(data),
    ])
  }

  fileprivate init(_ fields: Fields) throws(ManifestError) {
    self.init(
      member: try fields.text("member"), folder: try fields.text("folder"), files: try fields.count("files"),
      bytes: try fields.count("bytes"), data: try fields.count("data"))
  }
}

extension Manifest.Member {
  fileprivate var json: JSONValue {
    return .object([
      "name": .string(name), "size": .integer(size), "sha256": .string(sha256), "xxh3": .string(xxh3),
      "user": attributes.map { .integer(Int($0.user)) }, "group": attributes.map { .integer(Int($0.group)) },
      "mode": attributes.map { .string(String($0.mode, radix: 8)) }, "xattrs": attributes?.extendedJSON,
    ])
  }

  fileprivate init(_ fields: Fields) throws(ManifestError) {
    self.init(
      name: try fields.text("name"), size: try fields.count("size"), sha256: try fields.digits("sha256", 64),
      xxh3: try fields.digits("xxh3", 32))
    guard fields.value["mode"] != nil else { return }
    guard let mode = Int(try fields.text("mode"), radix: 8), (0...0o7777).contains(mode),
      let user = UInt32(exactly: try fields.count("user")), let group = UInt32(exactly: try fields.count("group"))
    else { throw ManifestError(said: "the member \(MemberName.shown(name)) has an owner or a mode that cannot be") }
    guard let extended = FileAttributes.extended(try fields.optional("xattrs")?.value) else {
      throw ManifestError(said: "the member \(MemberName.shown(name)) has an attribute that is not hexadecimal")
    }
    attributes = FileAttributes(user: user, group: group, mode: mode, extended: extended)
  }
}

extension StoreStamp {
  fileprivate var json: JSONValue {
    .object([
      "size": .integer(size), "modified": .integer(Int(modified)), "inode": .string(String(inode)),
      "change_counter": changeCounter.map { .integer(Int($0)) }, "log": .array(log.map { .string(String($0)) }),
    ])
  }

  fileprivate init(_ fields: Fields) throws(ManifestError) {
    guard let inode = UInt64(try fields.text("inode")) else { throw ManifestError(said: "'inode' is no number") }
    var log: [UInt64] = []
    for item in try fields.array("log") {
      guard let number = item.string.flatMap({ UInt64($0) }) else { throw ManifestError(said: "'log' has no numbers") }
      log.append(number)
    }
    var counter: UInt32?
    if fields.value["change_counter"] != nil {
      counter = UInt32(exactly: try fields.count("change_counter"))
      guard counter != nil else { throw ManifestError(said: "'change_counter' is too large") }
    }
    self.init(
      size: try fields.count("size"), modified: Int64(try fields.number("modified")), inode: inode,
      changeCounter: counter, log: log)
  }
}

/// The keys of one JSON object, each with a say in what is wrong with it.
private struct Fields {
  let value: JSONValue
  let owner: String

  init(_ value: JSONValue, _ owner: String) throws(ManifestError) {
    guard value.members != nil else { throw ManifestError(said: "\(owner) is no JSON object") }
    self.value = value
    self.owner = owner
  }

  private func missing(_ key: String, _ what: String) -> ManifestError {
    ManifestError(said: "\(owner) lacks '\(key)' (\(what))")
  }

  func text(_ key: String) throws(ManifestError) -> String {
    guard let text = value[key]?.string else { throw missing(key, "a text") }
    return text
  }

  func number(_ key: String) throws(ManifestError) -> Int {
    guard let number = value[key]?.integer else { throw missing(key, "a whole number") }
    return number
  }

  func count(_ key: String) throws(ManifestError) -> Int {
    guard let number = value[key]?.integer, number >= 0 else { throw missing(key, "a number from 0 up") }
    return number
  }

  func digits(_ key: String, _ count: Int) throws(ManifestError) -> String {
    guard let text = value[key]?.string, Hexadecimal.isBytes(text, count / 2) else {
      throw missing(key, "\(count) hexadecimal digits")
    }
    return text.lowercased()
  }

  func array(_ key: String) throws(ManifestError) -> [JSONValue] {
    guard let items = value[key]?.array else { throw missing(key, "an array") }
    return items
  }

  func fields(_ key: String) throws(ManifestError) -> Fields {
    guard let value = value[key] else { throw missing(key, "an object") }
    return try Fields(value, "'\(key)'")
  }

  func optional(_ key: String) throws(ManifestError) -> Fields? {
    value[key] == nil ? nil : try fields(key)
  }
}
