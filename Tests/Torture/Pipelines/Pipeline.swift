import MendKit
import TestSupport

/// A run of the program that changes something, from the folder in which it begins to what it ends as.
struct Pipeline: Sendable {
  /// A store that is to be the old one or the new one whatever happens.
  struct Store: Sendable {
    enum Kind: Sendable {
      case sqlite
      case file
      /// Its files are exchanged one by one, and taken back by the next run.
      case folder
    }

    var path: String
    var kind: Kind
  }

  var name: String
  var stores: [Store]
  /// A shell script that makes the folder; `$DBMEND` is the program.
  var script: String
  var words: [String]
  /// How an undisturbed run ends.
  var exit = 0
  var input = ""
  /// What the command after `--` does to the stores, as a shell script: a run that dies meanwhile leaves that.
  var command: String?
  /// Where the archives are.
  var repository = "backups"

  /// Everything that is tried, in the order of what is most worth trying.
  static let all: [Pipeline] = sqlite + documents
}

/// A folder with a pipeline in it, as it was before the run and as an undisturbed run left it.
final class PipelineSite {
  let pipeline: Pipeline
  let program: String
  let interposer: Interposer
  private let folder: TemporaryFolder
  private let scratch: TemporaryFolder
  let before: Image
  let after: Image
  /// What an undisturbed run changes and calls.
  let counts: Interposer.Counts
  /// The contents that a store may have.
  private var allowed: [String: Contents] = [:]
  private var first: [String: Contents] = [:]
  private var final: [String: Contents] = [:]
  private var archives = SoundArchives()

  var path: String { folder.path }

  init(_ pipeline: Pipeline, program: String, _ interposer: Interposer) throws {
    self.pipeline = pipeline
    self.program = program
    self.interposer = interposer
    folder = try TemporaryFolder("torture", in: Launch.scratchPlace)
    scratch = try TemporaryFolder("torture-scratch")
    let made = try Launch.run(
      ["sh", "-euc", pipeline.script], in: folder.path, environment: ["DBMEND": program])
    guard made.exit == 0 else { throw PreparationFailed("\(pipeline.name): \(made.output)\(made.errors)") }
    before = try Image(of: folder.path)
    let undisturbed = try interposer.run(
      [program] + pipeline.words, in: folder.path, .count, input: pipeline.input)
    guard undisturbed.result.exit == pipeline.exit else {
      throw PreparationFailed("\(pipeline.name): undisturbed, it ends so: \(undisturbed.result)")
    }
    counts = undisturbed.counts
    after = try Image(of: folder.path)
    var commanded: Image?
    if let command = pipeline.command {
      try before.restore(to: folder.path)
      _ = try Launch.run(["sh", "-c", command], in: folder.path)
      commanded = try Image(of: folder.path)
    }
    for store in pipeline.stores {
      let (old, new) = try (contents(of: store, in: before), contents(of: store, in: after))
      (first[store.path], final[store.path]) = (old, new)
      allowed[store.path] = old
      allowed[store.path]?.formUnion(new)
      if let commanded { allowed[store.path]?.formUnion(try contents(of: store, in: commanded)) }
    }
    for name in before.archives(pipeline.repository) + after.archives(pipeline.repository) {
      if let bytes = before.bytes(name) ?? after.bytes(name) { archives.trust(bytes) }
    }
  }

  /// Makes the folder what it was before the run.
  func reset() throws { try before.restore(to: path) }

  /// Runs the program in the folder, disturbed by a plan.
  func run(_ plan: Interposer.Plan, patience: Double = 60) throws -> Interposer.Run {
    try interposer.run(
      [program] + pipeline.words, in: path, plan, input: pipeline.input, environment: ["NO_COLOR": "1"],
      patience: patience)
  }

  /// Runs the program in the folder.
  func runAgain(_ words: [String]? = nil) throws -> ProgramResult {
    try Launch.run(
      [program] + (words ?? pipeline.words), in: path, environment: ["NO_COLOR": "1"], input: pipeline.input)
  }

  // MARK: - What must hold

  /// What does not hold of the folder after a run that died in it, or lost power; nil when everything does. Runs the program
  /// again and looks once more.
  func fault(afterDeath image: Image) throws -> String? {
    if let words = try faultOfContent(image, isSettled: false) { return "after the death: \(words)" }
    let journal = Paths.join(pipeline.repository, ".dbmend-journal.json")
    let hadJournal =
      image.bytes(journal).flatMap { try? JSONValue(parsing: $0) }?["stores"]?.array?.isEmpty == false
    let next = try runAgain()
    let said = "\nthe next run: exit \(next.exit)\n\(next.output)\(next.errors)"
    guard next.exit == pipeline.exit else { return "the next run does not complete the work\(said)" }
    if hadJournal, !next.errors.contains("An earlier run"), !next.output.contains("An earlier run") {
      return "the next run does not say what happened\(said)"
    }
    let now = try Image(of: path)
    if let words = try faultOfContent(now, isSettled: true) { return "after the next run: \(words)\(said)" }
    if let words = leftovers(now) { return words + said }
    return nil
  }

  /// What is wrong with the stores and the archives; nil when nothing is. Where `isSettled`, a run has come to its end since.
  func faultOfContent(_ image: Image, isSettled: Bool) throws -> String? {
    for store in pipeline.stores {
      if store.kind == .folder, !isSettled {
        if let words = mixture(store, image) { return words }
        continue
      }
      guard let wanted = allowed[store.path], try !holds(store, image, oneOf: wanted) else { continue }
      return "\(store.path) is neither what it was nor what the run makes of it"
    }
    for name in image.archives(pipeline.repository) {
      if let words = try archives.fault(of: image.bytes(name) ?? [], scratch: scratch.path) {
        return "the archive \(name) is not whole: \(words)"
      }
    }
    for name in before.archives(pipeline.repository) where after.bytes(name) != nil {
      guard image.bytes(name) == before.bytes(name) else { return "the archive \(name) is gone, or another" }
    }
    return nil
  }

  /// Whether every store is what it was before the run.
  func isUntouched(_ image: Image) throws -> Bool {
    for store in pipeline.stores {
      guard let first = first[store.path], try holds(store, image, oneOf: first) else { return false }
    }
    return true
  }

  /// Whether every store is what an undisturbed run makes of it.
  func isDone(_ image: Image) throws -> Bool {
    for store in pipeline.stores {
      guard let final = final[store.path], try holds(store, image, oneOf: final) else { return false }
    }
    return true
  }

  /// Names that an undisturbed run does not leave.
  func leftovers(_ image: Image) -> String? {
    let known = Set(after.entries.keys).union(before.entries.keys)
    let archives = Set(image.archives(pipeline.repository))
    for name in image.entries.keys.sorted() where !known.contains(name) {
      if archives.contains(name) { continue }
      if let stem = Image.archiveStem(name), archives.contains(stem + ".tar.zst") { continue }
      return "\(name) is left behind"
    }
    return nil
  }

  /// What of a folder's files is neither what it was nor what the run makes of it.
  private func mixture(_ store: Pipeline.Store, _ image: Image) -> String? {
    for (path, entry) in image.below(store.path) {
      let known = [before.entries[path], after.entries[path]].compactMap { $0?.content }
      guard known.contains(entry.content) else { return "\(path) is neither what it was nor what the run makes of it" }
    }
    return nil
  }

  /// Whether a store holds one of some contents: by its bytes where it is one file, and otherwise by what its engine says of it.
  private func holds(_ store: Pipeline.Store, _ image: Image, oneOf contents: Contents) throws -> Bool {
    if let plain = plain(store, image), contents.plain.contains(plain) { return true }
    guard store.kind == .sqlite, image.bytes(store.path) != nil else { return false }
    return try contents.said.contains(dump(store, image))
  }

  /// What a store may hold.
  private struct Contents {
    var plain: Set<String> = []
    /// What the engine says of it.
    var said: Set<String> = []

    mutating func formUnion(_ other: Contents) {
      plain.formUnion(other.plain)
      said.formUnion(other.said)
    }
  }

  private func contents(of store: Pipeline.Store, in image: Image) throws -> Contents {
    var contents = Contents()
    if let plain = plain(store, image) { contents.plain.insert(plain) }
    if store.kind == .sqlite, image.bytes(store.path) != nil { contents.said.insert(try dump(store, image)) }
    return contents
  }

  /// A store's bytes, or those of its files; nil where a log or journal belongs to it.
  private func plain(_ store: Pipeline.Store, _ image: Image) -> String? {
    let beside = ["-journal", "-wal"].contains { !(image.bytes(store.path + $0) ?? []).isEmpty }
    guard store.kind != .sqlite || !beside else { return nil }
    let entries = image.below(store.path)
    return entries.keys.sorted().map { "\($0) \(entries[$0].map { "\($0.mode) \($0.content)" } ?? "")" }.joined()
  }

  /// What SQLite says of a database with its log or journal.
  private func dump(_ store: Pipeline.Store, _ image: Image) throws -> String {
    let copy = try TemporaryFolder("torture-view", in: Launch.scratchPlace)
    for suffix in ["", "-journal", "-wal"] {
      if let bytes = image.bytes(store.path + suffix) { try copy.write(bytes, to: "view.db" + suffix) }
    }
    let dump = try Launch.run(
      ["sqlite3", copy.file("view.db"), "pragma integrity_check; pragma user_version;", ".dump"], in: copy.path)
    return dump.output + dump.errors.replacing(copy.path, with: "")
  }
}

extension Image {
  /// The archives in a repository.
  func archives(_ repository: String) -> [String] {
    names(in: repository).filter { $0.hasSuffix(".tar.zst") && !$0.hasPrefix(".") }
      .map { Paths.join(repository, $0) }
  }

  /// The name of an archive, or of what stands beside one, without its suffix.
  static func archiveStem(_ name: String) -> String? {
    for suffix in [".tar.zst", ".manifest.json", ".pages"] where name.hasSuffix(suffix) {
      return String(name.dropLast(suffix.count))
    }
    return nil
  }
}
