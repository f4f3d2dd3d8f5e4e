import CXXHash
import MendKit

/// Holds a file against a backup of it, page by page, and says whether all that survives of it is as the backup has it.
///
/// In rollback mode each commit counts the header's change counter up, so equal counters say that none came in between.
/// They may be equal by chance, where the file was put back to an older state and went its own way from there: then pages
/// that are in order differ. A log's commits need not touch the header; there every page that can be read must be the same.
final class PageComparison: StoreComparison {
  private let view: StoreView
  private let target: FileHandle?
  /// What the backup's header says, once it was read.
  private var layout: Layout?
  private var isHeaderProof: Bool
  /// Whether it is known that nothing was committed since: all that differs is damage.
  private let isUnchanged: Bool
  private var differences: PageDifferences?

  /// Bytes of the backup that make no whole page yet.
  private var rest: [UInt8] = []
  private var pages: UInt32 = 0
  private var equal = 0
  private var differing: [UInt32] = []
  /// Hashes of the backup's pages, and of those live ones that are in order and not what they should be.
  private var hashes: [UInt64] = []
  private var astray: [UInt64: UInt32] = [:]
  /// The first page that speaks against it.
  private var changed: UInt32?
  private var live: UnsafeMutableRawBufferPointer

  private struct Layout {
    let pageSize: Int
    let usableSize: Int
    let pageCount: UInt32
  }

  /// Pages in order that may be others of the backup; more than that are no stray writes.
  private static let mostAstray = 4096

  init(_ path: String, isUnchanged: Bool, restores: Bool, patience: Double) throws(Problem) {
    self.isUnchanged = isUnchanged
    isHeaderProof = isUnchanged
    view = try StoreView(path, locking: restores ? .none : .momentary(patience: patience))
    target = restores ? try FileHandle.update(view.path) : nil
    live = .allocate(byteCount: 65536 + PageMap.slack, alignment: 16)
  }

  deinit { live.deallocate() }

  func take(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> Bool {
    var bytes = bytes
    if layout == nil {
      rest += bytes
      guard rest.count >= DatabaseHeader.size else { return true }
      guard try begin() else { return false }
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    }
    guard let layout else { return false }
    if !rest.isEmpty {
      let all = rest + bytes
      rest = []
      var problem: Problem?
      let goesOn = all.withUnsafeBytes { buffer -> Bool in
        do throws(Problem) { return try whole(buffer, layout) } catch { problem = error }
        return false
      }
      if let problem { throw problem }
      return goesOn
    }
    return try whole(bytes, layout)
  }

  /// Reads the backup's header, and says whether the file could be the same store at all.
  private func begin() throws(Problem) -> Bool {
    guard let header = DatabaseHeader(rest) else { return false }
    let usable = header.pageSize - header.reservedBytes
    layout = Layout(pageSize: header.pageSize, usableSize: usable, pageCount: header.pageCount)
    let bytes = try view.read(DatabaseHeader.size, at: 0)
    if !isUnchanged, let now = DatabaseHeader(bytes) {
      let flipped = zip(bytes, rest).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
      isHeaderProof =
        flipped <= 4 && header.writeVersion == 1 && now.writeVersion == 1 && now.readVersion == 1
        && now.changeCounter == header.changeCounter && now.versionValidFor == header.versionValidFor
        && now.pageCount == header.pageCount
      // A header that can be read and says something else was written.
      if flipped > 0, !isHeaderProof {
        changed = 1
        return false
      }
    }
    differences = PageDifferences(
      pageSize: header.pageSize, usableSize: usable, pageCount: header.pageCount, isHeaderSame: isHeaderProof)
    return true
  }

  private func whole(_ bytes: UnsafeRawBufferPointer, _ layout: Layout) throws(Problem) -> Bool {
    guard let start = bytes.baseAddress else { return true }
    var at = 0
    while at + layout.pageSize <= bytes.count {
      guard try compare(start + at, layout) else { return false }
      at += layout.pageSize
    }
    rest = Array(bytes[at...])
    return true
  }

  /// Holds the next page against the live one.
  private func compare(_ backup: UnsafeRawPointer, _ layout: Layout) throws(Problem) -> Bool {
    guard pages < UInt32.max, let differences, let start = live.baseAddress else { return false }
    pages += 1
    let offset = (Int(pages) - 1) * layout.pageSize
    let wanted = UnsafeMutableRawBufferPointer(rebasing: live[..<layout.pageSize])
    let count = try view.read(into: wanted, at: offset)
    hashes.append(XXH3_64bits(backup, layout.pageSize))
    if count == layout.pageSize, memcmp(start, backup, count) == 0 {
      equal += 1
      if target != nil, view.hasOverlay { try restore(backup, layout, at: offset) }
      return true
    }
    differing.append(pages)
    // A header that cannot be read is lost, whatever stands behind it.
    let isHeaderLost = pages == 1 && !isHeaderProof && isBodySame(start, backup, layout)
    if count == layout.pageSize, !isUnchanged, !isHeaderLost,
      differences.difference(pages, live: start, backup: backup) == .other
    {
      let cellCount = UnsafeRawPointer(start).big16(pages == 1 ? DatabaseHeader.size + 3 : 3)
      guard astray.count < Self.mostAstray, cellCount > 0 else {
        changed = pages
        return false
      }
      astray[XXH3_64bits(start, layout.pageSize)] = pages
    }
    try restore(backup, layout, at: offset)
    return true
  }

  private func isBodySame(_ live: UnsafeRawPointer, _ backup: UnsafeRawPointer, _ layout: Layout) -> Bool {
    let head = DatabaseHeader.size
    return memcmp(live + head, backup + head, layout.pageSize - head) == 0
  }

  private func restore(_ page: UnsafeRawPointer, _ layout: Layout, at offset: Int) throws(Problem) {
    try target?.write(UnsafeRawBufferPointer(start: page, count: layout.pageSize), at: offset)
  }

  // MARK: What came of it

  func finish() throws(Problem) -> ComparisonResult {
    var result = ComparisonResult(
      isSame: false, differing: differing.count, parts: Int(pages), unit: "pages", reason: "")
    guard let layout, rest.isEmpty, pages > 0 else {
      result.reason = changed == nil ? "the backup is no whole database" : "its header was written since"
      return result
    }
    if changed == nil, !astray.isEmpty {
      let known = Set(hashes)
      changed = astray.filter { !known.contains($0.key) }.values.min()
    }
    if changed == nil, !isHeaderProof { changed = try pageBehind(layout) }
    if let changed {
      result.reason = "page \(changed) can be read and is another than in the backup"
      return result
    }
    guard isHeaderProof || equal >= 2 && equal * 2 >= Int(pages) else {
      result.reason = "too little survives of it to tell"
      return result
    }
    result.isSame = true
    result.reason =
      isUnchanged
      ? "the file's size, times and counters are those of the backup"
      : isHeaderProof
        ? "its change counter is that of the backup" : "every page that can be read is as it is in the backup"
    guard let target else { return result }
    try target.truncate(to: Int(pages) * layout.pageSize)
    for sidecar in Sidecars(of: view.path).all { try Paths.removeFile(sidecar) }
    result.rows = try RestoredRows(target, pageSize: layout.pageSize, usableSize: layout.usableSize, pages: differing)
      .count()
    return result
  }

  /// A page in order behind the last one of the backup: the file grew since.
  private func pageBehind(_ layout: Layout) throws(Problem) -> UInt32? {
    guard let differences, let start = live.baseAddress else { return nil }
    var number = pages
    while (Int(number) + 1) * layout.pageSize <= view.size {
      let wanted = UnsafeMutableRawBufferPointer(rebasing: live[..<layout.pageSize])
      guard try view.read(into: wanted, at: Int(number) * layout.pageSize) == layout.pageSize else { break }
      number += 1
      if differences.isInOrder(start, number) { return number }
    }
    return nil
  }
}
