import MendKit
import Synchronization

/// A plugin did not do what plugins do: it died, hung, flooded, talked nonsense, or touched what is not its own.
struct PluginFailure: Error, Sendable, Hashable {
  /// How it failed.
  enum Kind: String, CaseIterable, Sendable {
    case died = "plugin.died"
    case timedOut = "plugin.timed-out"
    case flooded = "plugin.flooded"
    case exhausted = "plugin.exhausted"
    case nonsense = "plugin.nonsense"
    case foreignFinding = "plugin.foreign-finding"
    case strayed = "plugin.strayed"

    /// What it means, in a line.
    var meaning: String {
      switch self {
      case .died: "a plugin ended without a reply, or could not be started"
      case .timedOut: "a plugin did not reply in time"
      case .flooded: "a plugin wrote more than it may"
      case .exhausted: "a plugin took more memory, or more processes, than it may"
      case .nonsense: "what a plugin replied is not the message that was asked for"
      case .foreignFinding: "a plugin reported what its description does not say that it finds"
      case .strayed: "a repair changed something else than its working copy, or not even that"
      }
    }
  }

  var kind: Kind
  /// The plugin, and the file that it is in.
  var plugin: String
  /// What it was asked to do: `check the store production/data`.
  var asked: String
  /// What became of it, as the second half of a sentence.
  var fate: String
  /// The last that it wrote to its standard error; empty where it wrote nothing.
  var lastWords: String

  /// As a finding of the store that the plugin was asked about.
  var finding: Finding {
    Finding(
      FindingCode(rawValue: kind.rawValue), .error, "the plugin \(plugin) was asked to \(asked): \(fate)",
      evidence: lastWords.isEmpty ? nil : "its last words: \(lastWords)")
  }

  /// As what kept something from being done.
  func problem(_ kind: Problem.Kind = .program) -> Problem {
    Problem(
      kind, tried: asked + " with the plugin", on: plugin,
      said: fate + (lastWords.isEmpty ? "" : "; its last words: \(lastWords)"),
      advice: "Run 'dbmend plugins test' on its file.", code: FindingCode(rawValue: self.kind.rawValue))
  }

  /// What may be found about any plugin.
  static let findings = Kind.allCases.map {
    FindingDescription(FindingCode(rawValue: $0.rawValue), .error, $0.meaning)
  }
}

/// The failures of repairs in one run: a check's failure is among its findings, but a repair has none of its own.
public final class PluginFailureLog: Sendable {
  private let entries = Mutex<[(store: StoreIdentity, failure: PluginFailure)]>([])

  /// An empty log.
  public init() {}

  func add(_ failure: PluginFailure, of store: StoreIdentity) {
    entries.withLock { entries in
      guard !entries.contains(where: { $0.store == store && $0.failure == failure }) else { return }
      entries.append((store, failure))
    }
  }

  /// What the plugins that were to mend a store did instead, as findings of it. Where the store was mended all the same, they are
  /// warnings: it is sound, and the plugin is not.
  func findings(of report: StoreReport) -> [Finding] {
    let failures = entries.withLock { entries in entries.filter { $0.store == report.store }.map(\.failure) }
    return failures.map { failure in
      var finding = failure.finding
      if report.verdict == .repaired || report.verdict == .healthy { finding.severity = .warning }
      return finding
    }
  }
}
