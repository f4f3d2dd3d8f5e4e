import MendKit

/// Puts the roots of a file with auto-vacuum where the library has them: on the first pages, one behind the other (section
/// 1.8 counts on it). Where they stand elsewhere, the library calls the file damaged as soon as a table is made or free pages
/// are given back. Each root that stands too high changes its place with the page that stands where it belongs.
struct RootExchange {
  private let file: SalvageFile
  /// For each page that changes its place, the new one.
  private let places: [UInt32: UInt32]

  /// What has to change its place so that these roots stand right, page 1 left out; nothing in a file without auto-vacuum.
  init(_ file: SalvageFile, roots: Set<UInt32>) {
    let map = PointerMap(pageSize: file.pageSize, usableSize: file.usableSize)
    let first = file.hasPointerMaps ? Set(map.rootPages(roots.count)) : roots
    self.init(file, exchanging: Array(zip(roots.subtracting(first).sorted(), first.subtracting(roots).sorted())))
  }

  /// The exchange of these pages.
  init(_ file: SalvageFile, exchanging pairs: [(UInt32, UInt32)]) {
    self.file = file
    places = Dictionary(uniqueKeysWithValues: pairs + pairs.map { ($1, $0) })
  }

  /// Whether every root stands where it belongs.
  var isEmpty: Bool { places.isEmpty }

  /// Where a page stands afterwards.
  func place(of page: UInt32) -> UInt32 { places[page] ?? page }

  /// Exchanges the pages, and changes whatever points to one of them in the trees with these roots (page 1 among them), and the
  /// list of free pages. Nothing else may point to a page that changes its place.
  func run(roots: [UInt32]) {
    guard !isEmpty else { return }
    for root in roots { redirect(root, level: 1) }
    file.free = file.free.map(place)
    let spare = UnsafeMutableRawPointer.allocate(byteCount: file.pageSize, alignment: 16)
    defer { spare.deallocate() }
    for (page, other) in places where page < other {
      let (one, two) = (file.edit(page), file.edit(other))
      spare.copyMemory(from: one, byteCount: file.pageSize)
      one.copyMemory(from: two, byteCount: file.pageSize)
      two.copyMemory(from: spare, byteCount: file.pageSize)
    }
  }

  /// Changes what points to other pages on a b-tree page, still in its old place, and on all pages below it.
  private func redirect(_ number: UInt32, level: Int) {
    guard level <= TreeWalker.deepest, let page = file.page(number), let header = BTreePage(page, number: number),
      header.cellPointersEnd <= file.usableSize
    else { return }
    for index in 0..<header.cellCount {
      let at = page.big16(header.cellPointers + 2 * index)
      guard let cell = FoundCell.read(page, at: at, kind: header.kind, geometry: file.geometry) else { continue }
      if !header.kind.isLeaf { redirect(follow(number, at, page.big32(at)), level: level + 1) }
      guard header.kind != .tableInterior, cell.isSpilled else { continue }
      var next = follow(number, cell.payloadOffset + cell.localSize, cell.overflowPage)
      for _ in 1..<max(1, file.geometry.overflowPages(cell.payloadSize, local: cell.localSize)) {
        guard let content = file.page(next) else { break }
        next = follow(next, 0, content.big32(0))
      }
    }
    if !header.kind.isLeaf {
      redirect(follow(number, header.start + 8, header.rightChild(page)), level: level + 1)
    }
  }

  /// Has what stands at an offset of a page point to where another page will be; the page that it points to now.
  private func follow(_ number: UInt32, _ offset: Int, _ target: UInt32) -> UInt32 {
    if let place = places[target] { file.edit(number).set32(offset, place) }
    return target
  }
}
