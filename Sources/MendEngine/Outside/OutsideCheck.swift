import MendKit

/// A check that is a plugin from outside. It gets a copy of the store, never the live one.
struct OutsideCheck: Check {
  let outside: OutsideDescription
  let call: PluginCall
  let description: PluginDescription

  /// The options that the check of any plugin has, beside its own.
  static let ownOptions = [
    OptionDescription("timeout", .duration, "how long a call may take, instead of what `plugins:` says")
  ]

  init(_ outside: OutsideDescription, _ call: PluginCall) {
    self.outside = outside
    self.call = call
    var description = outside.plugin
    description.finds += PluginFailure.findings
    description.options += Self.ownOptions
    self.description = description
  }

  /// A check that asks for nothing but the place is none of the content.
  var looksAtPlace: Bool { outside.needs == [.place] }

  func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    let kind = context.driver?.description.id
    if let kinds = outside.kinds {
      guard let kind, kinds.contains(kind) else { return [] }
    }
    // On a store that is damaged anyway, a plugin that stumbles over the damage says nothing new.
    let isOnDamage = !looksAtPlace && context.previous.contains { $0.severity >= .error }
    do throws(OutsideTrouble) {
      return try ask(context, options, kind: kind, asked: "check the store \(context.store)")
    } catch {
      switch error {
      case .failed(let failure) where isOnDamage: throw failure.problem(.damaged)
      case .failed(let failure): return [failure.finding]
      case .unable(let problem): throw isOnDamage ? problem.with(kind: .damaged) : problem
      case .hindered(let problem): throw problem
      }
    }
  }

  private func ask(
    _ context: CheckContext, _ options: Options, kind: String?, asked: String
  ) throws(OutsideTrouble) -> [Finding] {
    var call = call
    call.limits.seconds = options.seconds("timeout") ?? call.limits.seconds
    let desk = try hindered { () throws(Problem) in try PluginDesk() }
    let copy = try hindered { () throws(Problem) in
      outside.needs.contains(.snapshot) ? try context.snapshotCopy() : nil
    }
    let request = try hindered { () throws(Problem) in
      try self.request(context, options, kind: kind, snapshot: copy?.path, scratch: desk.scratch, call.limits)
    }
    let reply = try call.ask(
      request, MessageFormat.checkReply, asked, scratch: desk.scratch, writable: copy.map { [$0.folder] } ?? [])
    var (findings, foreign) = ReplyReading.findings(in: reply, of: outside)
    if !foreign.isEmpty {
      let codes = foreign.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
      let failure = call.failure(
        .foreignFinding, asked,
        "it reported \(codes), which its description does not name among what it finds; left out of the report")
      findings.append(failure.finding)
    }
    context.said = reply["said"]?.string.map { String($0.prefix(500)) }
    context.measures = ReplyReading.measures(in: reply)
    return findings
  }

  private func request(
    _ context: CheckContext, _ options: Options, kind: String?, snapshot: String?, scratch: String,
    _ limits: ConfinedProgram.Limits
  ) throws(Problem) -> JSONValue {
    var members = StoreMessage.common(
      .check, plugin: outside.plugin, options: options, scratch: scratch, limits: limits)
    var facts: StoreFacts?
    var catalog: JSONValue?
    if !looksAtPlace {
      do throws(Problem) {
        let session = try context.session()
        facts = session.facts
        if !outside.needs.isDisjoint(with: [.catalog, .rows]) {
          catalog = try StoreMessage.catalog(session, countsRows: outside.needs.contains(.rows))
        }
      } catch {
        // What is left of a damaged store is for the plugin to judge; one that cannot be reached is not.
        guard error.kind == .damaged, context.driver != nil else { throw error }
      }
    }
    var place: JSONValue?
    if outside.needs.contains(.place) {
      place = StoreMessage.place(context.path, context.driver, repository: context.repository)
    }
    members.append(
      JSONMember(
        "store",
        StoreMessage.store(
          context.store, kind: kind, engine: facts?.engine, bytes: facts?.bytes, snapshot: snapshot, catalog: catalog,
          place: place)))
    members.append(JSONMember("findings", .array(context.previous.map(StoreMessage.finding))))
    if outside.needs.contains(.archives) {
      members.append(JSONMember("archives", try StoreMessage.archives(context.backups)))
    }
    return .object(members)
  }
}

/// Why a plugin's answer is not there.
enum OutsideTrouble: Error {
  /// The plugin did not do what plugins do.
  case failed(PluginFailure)
  /// The plugin says that it could not do it.
  case unable(Problem)
  /// It could not be asked at all.
  case hindered(Problem)
}

/// Does what has to be done before a plugin can be asked.
func hindered<Result>(_ work: () throws(Problem) -> Result) throws(OutsideTrouble) -> Result {
  do throws(Problem) {
    return try work()
  } catch {
    throw .hindered(error)
  }
}

/// A folder for one call, which goes away with whoever holds it.
final class PluginDesk {
  /// Where the plugin starts, and may write.
  let scratch: String
  private let folder: PrivateFolder

  init() throws(Problem) {
    folder = try PrivateFolder("dbmend-plugin-")
    scratch = Paths.join(folder.path, "scratch")
    try Paths.makeFolder(scratch, mode: 0o700)
  }
}

extension PluginCall {
  /// Asks something about a store; the reply, which has the shape that is asked for.
  func ask(
    _ request: JSONValue, _ shape: MessageObject, _ asked: String, scratch: String, writable: [String]
  ) throws(OutsideTrouble) -> JSONValue {
    let reply: JSONValue
    do throws(PluginFailure) {
      reply = try self.reply(to: request, asked: asked, scratch: scratch, writable: writable)
    } catch {
      throw .failed(error)
    }
    if MessageFormat.errorReply.complaints(about: reply).isEmpty, let error = reply["error"] {
      throw .unable(
        Problem(
          .program, tried: asked + " with the plugin", on: title,
          said: String((error["said"]?.string ?? "").prefix(1000)),
          advice: error["advice"]?.string.map { String($0.prefix(1000)) }, code: "plugin.unable"))
    }
    let complaints = shape.complaints(about: reply)
    guard let first = complaints.first else { return reply }
    let more = complaints.count > 1 ? " (and \(complaints.count - 1) more)" : ""
    throw .failed(failure(.nonsense, asked, "its reply is not that of the message: \(first)\(more)"))
  }
}

extension Problem {
  func with(kind: Kind) -> Problem {
    var problem = self
    problem.kind = kind
    return problem
  }
}
