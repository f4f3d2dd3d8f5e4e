import MendKit

/// Brings indexes in line with their tables, page by page, in a sound file that nobody has open: by changing the pages on which
/// the two disagree where these are few, else by building the index anew.
struct IndexMending {
  /// An index, and what it and its table disagree on.
  struct Work {
    let target: IndexTarget
    let difference: IndexDifference
  }

  let path: String
  let header: DatabaseHeader
  let workers: Int

  /// Mends the indexes; the names of those that were mended: the others are left to the library. `roots` are those of all
  /// trees but the schema's.
  func run(_ work: [Work], roots: [UInt32]) throws(Problem) -> Set<String> {
    var done: Set<String> = []
    guard !work.isEmpty else { return done }
    let file = try open()
    guard takeFreelist(file) else { return done }
    for index in work {
      let mark = file.mark()
      do throws(BuildObstacle) {
        try mend(index, file)
        done.insert(index.target.comparison.index.name)
      } catch {
        switch error {
        case .leftToLibrary: file.goBack(to: mark)
        case .failed(let problem): throw problem
        }
      }
    }
    SpaceRebuild(file: file).run(free: file.free, header: nil)
    try file.write()
    let free = file.free
    file.close()
    if header.largestRootPage != 0 { try writePointerMaps(roots: [1] + roots, free: free) }
    return done
  }

  private func open() throws(Problem) -> SalvageFile {
    try SalvageFile(
      path, pageSize: header.pageSize, reservedBytes: header.reservedBytes, encoding: header.encodingOfTexts,
      hasPointerMaps: header.largestRootPage != 0)
  }

  private func mend(_ work: Work, _ file: SalvageFile) throws(BuildObstacle) {
    let difference = work.difference
    let changes = difference.missing.count + difference.extra.count
    if difference.listsMissing, difference.listsExtra, difference.isOrdered, changes * 2 < difference.entries {
      return try IndexPatch(file, work.target, changes: changes).apply(
        missing: difference.missing, extra: difference.extra)
    }
    try IndexBuild(file: file, target: work.target, workers: workers).run()
  }

  /// Hands the pages of the freelist to what is built; false where the list is not in order.
  private func takeFreelist(_ file: SalvageFile) -> Bool {
    guard header.trustedPageCount ?? file.filePages == file.filePages else { return false }
    var trunk = header.firstFreelistTrunk
    var free: [UInt32] = []
    while trunk != 0 {
      guard let page = file.original(trunk), free.count < Int(header.freePages) else { return false }
      free.append(trunk)
      let leaves = Int(page.big32(4))
      guard leaves <= file.usableSize / 4 - 2 else { return false }
      for leaf in 0..<leaves { free.append(page.big32(8 + 4 * leaf)) }
      trunk = page.big32(0)
    }
    guard free.count == Int(header.freePages), Set(free).count == free.count,
      free.allSatisfy({ $0 > 1 && $0 <= file.filePages && !file.isReserved($0) })
    else { return false }
    // The first pages of the file are taken first.
    file.free = free.sorted(by: >)
    return true
  }

  private func writePointerMaps(roots: [UInt32], free: [UInt32]) throws(Problem) {
    let file = try open()
    defer { file.close() }
    SpaceRebuild(file: file).writePointerMaps(roots: roots, free: free)
    try file.write()
  }
}
