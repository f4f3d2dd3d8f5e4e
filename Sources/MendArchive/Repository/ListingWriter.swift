import MendKit

/// The listing of a folder, made while its files are archived. Small files, whose content is in memory, are hashed by another
/// thread, some of them at a time: the thread that compresses has enough to do.
final class ListingWriter {
  private struct Item: Sendable {
    var file: ListedFile
    var content: ArraySlice<UInt8>?
  }

  private static let itemsAtOnce = 64

  private var lines: [UInt8] = []
  private var waiting: [Item] = []
  private var underWay: WorkLane.Piece<Result<[UInt8], Problem>>?
  private let lane = WorkLane()

  /// Adds a line. The checksums of `content`, where there is one, become the file's.
  func add(_ file: ListedFile, content: ArraySlice<UInt8>? = nil) throws(Problem) {
    waiting.append(Item(file: file, content: content))
    if waiting.count == Self.itemsAtOnce { try pass() }
  }

  /// The whole listing.
  func finish() throws(Problem) -> [UInt8] {
    try pass()
    try collect()
    return lines
  }

  /// Hands what waits to the other thread, which has done with what it was handed before.
  private func pass() throws(Problem) {
    try collect()
    let items = waiting
    waiting = []
    underWay = lane.begin { Result { () throws(Problem) in try Self.lines(of: items) } }
  }

  private func collect() throws(Problem) {
    if let underWay { lines += try underWay.value.get() }
    underWay = nil
  }

  private static func lines(of items: [Item]) throws(Problem) -> [UInt8] {
    let digests = try Digests(sha256: true)
    var lines: [UInt8] = []
    for var item in items {
      if let content = item.content {
        content.withUnsafeBytes { digests.update($0) }
        item.file.take(try digests.finish())
      }
      FileListing.append(item.file, to: &lines)
    }
    return lines
  }
}

extension Repository {
  /// The listing of a folder as an archive of it would have it, without an archive. Reads every file.
  public static func listing(of snapshot: StoreSnapshot) throws(Problem) -> [UInt8] {
    let lines = ListingWriter()
    let lane = try HashLane(sha256: true)
    for member in snapshot.members {
      var listed = ListedFile(
        name: member.name, kind: member.kind, size: member.kind == .file ? member.size : 0,
        modified: member.modified ?? snapshot.stamp.modified, attributes: member.attributes)
      if member.bytes == nil, member.kind == .file {
        try member.readAll(lane) { (_) throws(Problem) in }
        listed.take(try lane.finish())
      }
      try lines.add(listed, content: member.bytes)
    }
    try snapshot.confirm()
    return try lines.finish()
  }
}

extension ListedFile {
  mutating func take(_ digest: Digest) {
    sha256 = digest.sha256 ?? ""
    xxh3 = digest.xxh3
  }
}
