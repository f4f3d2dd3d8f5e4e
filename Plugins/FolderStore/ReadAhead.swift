import MendKit

/// Small files of a folder, read by another thread while those before them are archived: to open and to close a small file takes
/// longer than to compress it.
final class ReadAhead {
  /// A file that was read whole, in one state.
  struct File: Sendable {
    var bytes: [UInt8]
    var status: FileStatus
    var attributes: FileAttributes
  }

  private static let filesAtOnce = 64
  private static let largest = 64 << 10

  private let content: FolderContent
  private let entries: [Int]
  /// The files that were read last, and where the first of them stands among the entries.
  private var files: [File?] = []
  private var start = 0
  /// Those behind them, which are being read.
  private var following: WorkLane.Piece<[File?]>?
  private let lane = WorkLane()

  /// Files are asked for by their place among these entries, mostly in this order.
  init(_ content: FolderContent, _ entries: [Int]) {
    self.content = content
    self.entries = entries
  }

  /// The file at a place; nil of a large one, of what is no file, and of one that could not be read in one state.
  func file(at place: Int) -> File? {
    if !(start..<start + files.count).contains(place) {
      let wanted = place - place % Self.filesAtOnce
      let isNext = following != nil && wanted == start + files.count
      files = (isNext ? following : read(from: wanted))?.value ?? []
      start = wanted
      let next = start + files.count
      following = next < entries.count ? read(from: next) : nil
    }
    return files[place - start]
  }

  private func read(from start: Int) -> WorkLane.Piece<[File?]> {
    let content = content
    let portion = entries[start..<min(start + Self.filesAtOnce, entries.count)].map { content.entries[$0] }
    return lane.begin { portion.map { Self.read($0, in: content.path) } }
  }

  private static func read(_ entry: FolderWalk.Entry, in folder: String) -> File? {
    guard entry.status.kind == .file, entry.status.size <= largest else { return nil }
    let path = Paths.join(folder, entry.path)
    guard let file = try? FileHandle.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, tried: "open") else { return nil }
    defer { file.close() }
    guard let status = try? file.status(), status.kind == .file, status.size <= largest,
      let bytes = try? file.read(status.size, at: 0), bytes.count == status.size,
      let attributes = try? FileAttributes(of: file, status), let after = try? file.status(), after == status
    else { return nil }
    return File(bytes: bytes, status: status, attributes: attributes)
  }
}
