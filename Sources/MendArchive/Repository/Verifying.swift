import MendKit
import Synchronization

extension Repository {
  /// Reads an archive whole: every member's size and SHA-256 by the manifest inside, that manifest by the copy beside
  /// it, and the file by what it was when it was written. Throws a problem of kind `archive` that names the member
  /// and what is wrong.
  public func verify(_ record: Record) throws(Problem) { try Self.verify(record) }

  static func verify(_ record: Record) throws(Problem) {
    let tried = "verify the archive"
    let path = record.path
    let size = try ArchiveFile.open(path).status().size
    let manifest: Manifest
    if let known = record.manifest { manifest = known } else { manifest = try Scan.manifest(inside: path) }
    let seal: Seal
    do throws(Problem) {
      seal = try Scan(
        expected: manifest, path: path, depth: .sha256, tried: tried, listing: try listing(of: record)
      ).run()
    } catch {
      throw Self.withSize(error, size: size, seal: record.seal)
    }
    if let known = record.seal, known != seal {
      throw .archive(
        tried, path, "its members are sound, but its bytes are not those that were written",
        advice: "It can be restored. Take a new archive, and look at the disk: something altered this file.")
    }
    KnownGood.note(record)
  }

  private static func withSize(_ problem: Problem, size: Int, seal: Seal?) -> Problem {
    guard problem.kind == .archive, let seal, seal.size != size else { return problem }
    var problem = problem
    problem.said += "; it has \(size) bytes, and had \(seal.size) when it was written"
    return problem
  }
}

/// The archives that this process has read whole, so that one run does not read a large one again and again. A file
/// that changed since is not among them.
enum KnownGood {
  private struct Mark: Hashable {
    var path: String
    var inode: UInt64
    var size: Int
    var modified: Int64
  }

  private static let marks = Mutex<Set<Mark>>([])

  private static func mark(of record: Repository.Record) -> Mark? {
    guard let status = try? FileStatus.of(record.path) else { return nil }
    return Mark(path: record.path, inode: status.inode, size: status.size, modified: status.modified)
  }

  /// Remembers an archive as read and found whole.
  static func note(_ record: Repository.Record) {
    guard let mark = mark(of: record) else { return }
    _ = marks.withLock { $0.insert(mark) }
  }

  /// What keeps an archive from being used, as far as reading all of it tells; nil when nothing does.
  static func verify(_ record: Repository.Record) -> Problem? {
    if let problem = record.problem { return problem }
    if let mark = mark(of: record), marks.withLock({ $0.contains(mark) }) { return nil }
    do throws(Problem) {
      do throws(Problem) {
        try Repository.verify(record)
      } catch {
        // What a device does when it is asked again is none of its damage.
        guard error.kind == .system else { throw error }
        try Repository.verify(record)
      }
      return nil
    } catch {
      return error
    }
  }
}
