import MendKit

/// Small files of a folder, read by another thread while those before them are archived: to open and to close a small file takes
/// longer than to compress it.
final class ReadAhead {
  private static let filesAtOnce = 64

  private let content: FolderContent
  private let entries: [Int]
  /// The files that were read last, and where the first of them stands among the entries.
  private var files: [SmallFiles.File?] = []
  private var start = 0
  /// Those behind them, which are being read.
  private var following: WorkLane.Piece<SmallFiles>?
  private let lane = WorkLane()

  /// Files are asked for by their place among these entries, mostly in this order.
  init(_ content: FolderContent, _ entries: [Int]) {
    self.content = content
    self.entries = entries
  }

  /// The file at a place; nil of a large one, of what is no file, and of one that could not be read in one state.
  func file(at place: Int) -> SmallFiles.File? {
    if !(start..<start + files.count).contains(place) {
      let wanted = place - place % Self.filesAtOnce
      let isNext = following != nil && wanted == start + files.count
      files = (isNext ? following : read(from: wanted))?.value.files ?? []
      start = wanted
      let next = start + files.count
      following = next < entries.count ? read(from: next) : nil
    }
    return files[place - start]
  }

  private func read(from start: Int) -> WorkLane.Piece<SmallFiles> {
    let content = content
    let portion = entries[start..<min(start + Self.filesAtOnce, entries.count)].map { content.entries[$0] }
    return lane.begin { SmallFiles(portion, in: content.path) }
  }
}
