import MendArchive
import MendKit

/// What `dbmend status` says of one store.
public struct StoreStatus: Sendable {
  /// What the checks say, with size and rows.
  public var report: StoreReport
  /// Last change of the main file, in nanoseconds since 1970; nil when it is not there.
  public var changed: Int64?
  /// The number of its archives.
  public var archives: Int
  /// The size of all its archives in bytes.
  public var archiveBytes: Int
  /// The newest archive, whatever it holds.
  public var newest: Repository.Record?
  /// The newest archive of a healthy state, by its manifest.
  public var newestGood: Repository.Record?
  /// The volume that the store is on.
  public var volume: Volume?
  /// The folder of its archives.
  public var repository: String
  /// The volume that the archives are on, or would be.
  public var repositoryVolume: Volume?
  /// Why the archives could not be listed.
  public var problem: Problem?
}

extension Engine {
  /// Size, rows, last change, what the checks say, archives and room on the disks of the stores that the targets name.
  /// Creates nothing and changes nothing.
  public func status(_ targets: [String] = []) throws(Problem) -> [StoreStatus] {
    var statuses: [StoreStatus] = []
    for store in try select(targets).stores {
      let result = runChecks(store, counting: .always)
      var status = StoreStatus(
        report: StoreReport(result), changed: try? FileStatus.of(store.path).modified, archives: 0, archiveBytes: 0,
        volume: try? Volume.of(store.path), repository: store.repository,
        repositoryVolume: try? Volume.of(store.repository))
      do throws(Problem) {
        let records = try repository(of: store).records(of: store.identity)
        status.archives = records.count
        status.archiveBytes = records.reduce(0) { $0 + ($1.size ?? 0) }
        status.newest = records.last
        status.newestGood = records.last { record in
          record.problem == nil && record.manifest?.isGood == true
        }
      } catch {
        status.problem = error
      }
      statuses.append(status)
    }
    return statuses
  }
}
