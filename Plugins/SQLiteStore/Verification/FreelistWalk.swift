/// Walks the list of free pages (SQLite's file format, section 1.5): trunks, each naming the next and its leaves.
struct FreelistWalk {
  let walker: TreeWalker
  let header: DatabaseHeader

  struct Result {
    /// Pages that were met on the list.
    var count = 0
    /// What is wrong with it, in the order in which it was met, each with its page.
    var faults: [(page: UInt32, words: String)] = []
    /// Pages on it that belong to something else as well.
    var inUse: [UInt32] = []
  }

  func run() -> Result {
    var result = Result()
    let listed = PageSet(pageCount: walker.pages.pageCount)
    let pages = walker.pages
    var trunk = header.firstFreelistTrunk
    var parent: UInt32 = 0
    while trunk != 0 {
      guard let page = pages[trunk] else {
        result.faults.append((parent == 0 ? 1 : parent, "names page \(trunk) as a trunk, which the file does not have"))
        break
      }
      guard take(trunk, listed, &result) else { break }
      let leaves = Int(page.big32(4))
      // The last six places of a trunk are left empty by every writer, but readers allow for four of them.
      guard leaves <= pages.usableSize / 4 - 2 else {
        result.faults.append((trunk, "trunk page \(trunk) counts \(leaves) leaves, more than fit on it"))
        break
      }
      for leaf in 0..<leaves {
        let number = page.big32(8 + 4 * leaf)
        guard pages[number] != nil else {
          result.faults.append((trunk, "trunk page \(trunk) names page \(number), which the file does not have"))
          continue
        }
        _ = take(number, listed, &result)
      }
      parent = trunk
      trunk = page.big32(0)
    }
    if result.count != Int(header.freePages) {
      result.faults.append((1, "the header counts \(header.freePages) free pages, and the list has \(result.count)"))
    }
    return result
  }

  /// Takes a page for the list; false where it is something else, so that what it holds does not go on with the list.
  private func take(_ page: UInt32, _ listed: PageSet, _ result: inout Result) -> Bool {
    result.count += 1
    guard listed.insert(page) else {
      result.faults.append((page, "page \(page) is on the list of free pages twice"))
      return false
    }
    guard walker.seen.insert(page) else {
      result.inUse.append(page)
      return false
    }
    if let map = walker.pointerMap { walker.expect(.free, parent: 0, of: page, map) }
    return true
  }
}
