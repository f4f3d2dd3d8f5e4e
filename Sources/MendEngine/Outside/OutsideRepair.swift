import MendKit

/// A repair that is a plugin from outside. It changes a working copy, in a process that can write nowhere else where the system
/// holds it to that.
struct OutsideRepair: Repair {
  let outside: OutsideDescription
  let call: PluginCall
  let log: PluginFailureLog
  let description: PluginDescription

  init(_ outside: OutsideDescription, _ call: PluginCall, log: PluginFailureLog) {
    self.outside = outside
    self.call = call
    self.log = log
    var description = outside.plugin
    description.finds = PluginFailure.findings
    self.description = description
  }

  /// Nobody knows whether it does all or nothing.
  var needsCopy: Bool { true }

  func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    guard outside.kinds?.contains(context.driver.description.id) ?? true else { return nil }
    guard outside.offers else {
      return RepairOffer(
        loss: outside.plugin.loss ?? Loss.none, mends: findings,
        reason: "the plugin \(call.title) says of itself: \(outside.plugin.title)")
    }
    do throws(OutsideTrouble) {
      return try askForOffer(findings, context)
    } catch {
      throw problem(error, context)
    }
  }

  func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome {
    do throws(OutsideTrouble) {
      return try haveMended(findings, context)
    } catch {
      throw problem(error, context)
    }
  }

  private func problem(_ trouble: OutsideTrouble, _ context: RepairContext) -> Problem {
    switch trouble {
    case .failed(let failure):
      log.add(failure, of: context.store)
      return failure.problem()
    case .unable(let problem), .hindered(let problem): return problem
    }
  }

  // MARK: - Asking

  private func askForOffer(_ findings: [Finding], _ context: RepairContext) throws(OutsideTrouble) -> RepairOffer? {
    let asked = "say what it would mend in the store \(context.store)"
    let desk = try hindered { () throws(Problem) in try PluginDesk() }
    let reading = CheckContext(
      store: context.store, path: context.path, driver: context.driver, backups: context.backups,
      patience: context.patience)
    defer { reading.end() }
    // For a store that is too damaged to be copied as one state, or to be described, it is asked all the same.
    let copy = outside.needs.contains(.snapshot) ? try? reading.snapshotCopy() : nil
    let request = try hindered { () throws(Problem) in
      try self.request(
        .offer, findings, context, store: store(reading, snapshot: copy?.path), scratch: desk.scratch)
    }
    let reply = try call.ask(
      request, MessageFormat.offerReply, asked, scratch: desk.scratch, writable: copy.map { [$0.folder] } ?? [])
    guard let offer = reply["offer"], offer != .null else { return nil }
    let places = offer["mends"]?.array?.compactMap(\.integer) ?? Array(findings.indices)
    if let place = places.first(where: { !findings.indices.contains($0) }) {
      throw .failed(
        call.failure(.nonsense, asked, "it offers to mend finding \(place) of \(findings.count), counted from 0"))
    }
    let loss = offer["loss"]?.string.flatMap(Loss.init(rawValue:)) ?? Loss.none
    let most = max(loss, offer["allowed_loss"]?.string.flatMap(Loss.init(rawValue:)) ?? loss)
    if most > outside.plugin.loss ?? Loss.none {
      throw .failed(
        call.failure(
          .nonsense, asked,
          "its offer may cost '\(most.rawValue)', and its description says '\((outside.plugin.loss ?? Loss.none).rawValue)' at most"
        ))
    }
    return RepairOffer(
      loss: loss, allowedLoss: offer["allowed_loss"]?.string.flatMap(Loss.init(rawValue:)),
      mends: places.map { findings[$0] }, reason: String((offer["reason"]?.string ?? "").prefix(500)),
      order: offer["order"]?.integer ?? 50, replacesStore: offer["replaces"] == .boolean(true),
      details: offer["details"]?.texts ?? [])
  }

  private func haveMended(_ findings: [Finding], _ context: RepairContext) throws(OutsideTrouble) -> RepairOutcome {
    let asked = "mend a copy of the store \(context.store)"
    let desk = try hindered { () throws(Problem) in try PluginDesk() }
    let work = WorkingCopy(context)
    let reading = CheckContext(
      store: context.store, path: context.path, driver: context.driver, patience: context.patience)
    let request = try hindered { () throws(Problem) in
      defer { reading.end() }
      return try self.request(.repair, findings, context, store: store(reading, snapshot: nil), scratch: desk.scratch)
    }
    let before = work.marks
    let live = call.mayReach(context.store.path) ? try? context.driver.stamp(context.store.path) : nil
    let reply = try call.ask(
      request, MessageFormat.repairReply, asked, scratch: desk.scratch, writable: work.folder.map { [$0] } ?? [])
    if let live, (try? context.driver.stamp(context.store.path)) != live {
      throw .failed(
        call.failure(.strayed, asked, "the store itself changed while it ran, and nothing here kept the plugin from it")
      )
    }
    if let complaint = work.complaint(since: before) { throw .failed(call.failure(.strayed, asked, complaint)) }
    return RepairOutcome(
      rows: ReplyReading.rows(in: reply),
      notes: (reply["notes"]?.texts ?? []).map { "\(call.plugin): \($0.prefix(500))" })
  }

  // MARK: - The request

  private func request(
    _ method: MessageFormat.Method, _ findings: [Finding], _ context: RepairContext, store: JSONValue, scratch: String
  ) throws(Problem) -> JSONValue {
    var members = StoreMessage.common(
      method, plugin: outside.plugin, options: Options(defaults: outside.plugin), scratch: scratch, limits: call.limits)
    members.append(JSONMember("store", store))
    if method == .repair { members.append(JSONMember("copy", .string(context.path))) }
    members.append(JSONMember("findings", .array(findings.map(StoreMessage.finding))))
    members.append(JSONMember("max_loss", .string(context.maxLoss.rawValue)))
    members.append(JSONMember("found", .array(context.found.map(StoreMessage.finding))))
    members.append(JSONMember("asked", .boolean(context.askedFor.contains(description.id))))
    members.append(JSONMember("provenance", .boolean(context.tellsProvenance)))
    if let schema = context.schema {
      members.append(JSONMember("schema", .object(["path": .string(schema.path), "text": .string(schema.text)])))
    }
    if outside.needs.contains(.archives) {
      members.append(JSONMember("archives", try StoreMessage.archives(context.backups)))
    }
    return .object(members)
  }

  private func store(_ reading: CheckContext, snapshot: String?) -> JSONValue {
    let session = try? reading.session()
    var catalog: JSONValue?
    if let session, !outside.needs.isDisjoint(with: [.catalog, .rows]) {
      catalog = try? StoreMessage.catalog(session, countsRows: outside.needs.contains(.rows))
    }
    var place: JSONValue?
    if outside.needs.contains(.place) {
      place = StoreMessage.place(reading.store.path, reading.driver, repository: nil)
    }
    return StoreMessage.store(
      reading.store, kind: reading.driver?.description.id, engine: session?.facts.engine,
      bytes: session?.facts.bytes, snapshot: snapshot, catalog: catalog, place: place)
  }
}

/// The files of a working copy, as they are before a plugin has it and afterwards.
private struct WorkingCopy {
  let path: String
  /// The folder that holds the copy and nothing else; nil for a copy that a server keeps.
  let folder: String?

  init(_ context: RepairContext) {
    path = context.path
    folder = StoreURI.isURI(path) ? nil : Paths.folder(of: path)
  }

  var marks: [String: FileStatus] {
    guard let folder else { return [:] }
    var marks: [String: FileStatus] = [:]
    for name in (try? Paths.names(in: folder)) ?? [] {
      marks[name] = try? FileStatus.of(Paths.join(folder, name), followLinks: false)
    }
    return marks
  }

  /// What is wrong with what became of the copy; nil where nothing is. A folder's files are for the checks to look at.
  func complaint(since before: [String: FileStatus]) -> String? {
    guard folder != nil else { return nil }
    let old = before[Paths.name(of: path)]
    guard let now = marks[Paths.name(of: path)] else {
      return old == nil ? "no new store is where it was to be" : "the working copy is gone"
    }
    guard now.kind == old?.kind ?? now.kind, now.kind == .file || now.kind == .folder else {
      return "the working copy is a \(now.kind.rawValue) now"
    }
    if now.kind == .file, now.links != 1 { return "the working copy has \(now.links) names now" }
    if now.user != geteuid(), now.user != old?.user { return "the working copy belongs to user \(now.user) now" }
    if now.kind == .file, marks == before {
      return
        "it says that it mended the working copy, and did not change it; what it changed, if anything, is not its copy"
    }
    return nil
  }
}
