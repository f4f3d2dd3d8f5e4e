import MendArchive
import MendKit

/// What verifying one archive came to.
public struct VerifiedArchive: Sendable {
  /// The archive.
  public var record: Repository.Record
  /// Why it cannot be used; nil when every byte is as its manifest says.
  public var problem: Problem?
}

extension Engine {
  /// The repositories that the configuration and the settings name, each once; without a store in either, the folder that
  /// a file in the current folder would have.
  func knownRepositories() -> [Repository] {
    var paths: [String] = []
    for store in (try? select([]).stores) ?? [] where !paths.contains(store.repository) {
      paths.append(store.repository)
    }
    if paths.isEmpty {
      let path = settings.repository ?? configuration.repository ?? FolderSearch.archiveFolderName
      paths.append(Paths.absolute(path))
    }
    return paths.map { Repository(path: $0, clock: clock) }
  }

  private func repositories(_ targets: [String]) throws(Problem) -> [Repository] {
    guard !targets.isEmpty else { return knownRepositories() }
    var paths: [String] = []
    for store in try select(targets).stores where !paths.contains(store.repository) { paths.append(store.repository) }
    return paths.map { Repository(path: $0, clock: clock) }
  }

  /// The archives of the stores that the targets name, the oldest first; without a target, all that the repositories hold,
  /// those that cannot be read among them.
  public func archives(_ targets: [String] = []) throws(Problem) -> [Repository.Record] {
    var records: [Repository.Record] = []
    guard !targets.isEmpty else {
      for repository in knownRepositories() { records += try repository.records() }
      return records
    }
    for store in try select(targets).stores { records += try repository(of: store).records(of: store.identity) }
    return records
  }

  /// Reads archives back and holds every member against the manifest: those that are named, by path or by name in the
  /// repository, or all of them.
  public func verify(_ names: [String] = []) throws(Problem) -> [VerifiedArchive] {
    var verified: [VerifiedArchive] = []
    for repository in knownRepositories() {
      for record in try repository.records() where names.isEmpty || Engine.isNamed(record, by: names) {
        verified.append(verify(record, in: repository))
      }
    }
    for name in names where !verified.contains(where: { Engine.isNamed($0.record, by: [name]) }) {
      let repository = Repository(path: Paths.folder(of: Paths.absolute(name)), clock: clock)
      guard FileStatus.exists(name) else {
        throw Problem(
          .archive, tried: "find the archive", on: name, said: "there is none of that name",
          advice: "See 'dbmend list' for the archives that there are.")
      }
      do throws(Problem) {
        verified.append(verify(try Repository.open(archiveAt: name), in: repository))
      } catch {
        verified.append(
          VerifiedArchive(
            record: Repository.Record(path: name, size: nil, manifest: nil, problem: error), problem: error))
      }
    }
    return verified
  }

  private static func isNamed(_ record: Repository.Record, by names: [String]) -> Bool {
    let file = Paths.name(of: record.path)
    return names.contains { name in
      name == file || name + ".tar.zst" == file || Paths.resolved(name) == Paths.resolved(record.path)
    }
  }

  private func verify(_ record: Repository.Record, in repository: Repository) -> VerifiedArchive {
    observer.began(.verifying(archive: Paths.name(of: record.path)))
    if let problem = record.problem { return VerifiedArchive(record: record, problem: problem) }
    do throws(Problem) {
      try repository.verify(record)
      return VerifiedArchive(record: record, problem: nil)
    } catch {
      return VerifiedArchive(record: record, problem: error)
    }
  }

  /// Removes the archives that the retention no longer keeps from the repositories of the targets, or of the whole
  /// configuration. A dry run only says which those are.
  public func prune(_ targets: [String] = [], dryRun: Bool) throws(Problem) -> [PruneOutcome] {
    let repositories = try repositories(targets)
    let present = repositories.filter { FileStatus.exists($0.path) }
    let session = dryRun ? nil : try RunSession.open(present.map(\.path), action: "prune", clock: clock)
    defer { session?.close() }
    var outcomes: [PruneOutcome] = []
    for repository in present {
      outcomes.append(try repository.prune(configuration.retention, only: nil, dryRun: dryRun))
    }
    return outcomes
  }
}
