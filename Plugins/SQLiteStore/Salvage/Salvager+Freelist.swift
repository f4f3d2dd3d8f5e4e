import MendKit

/// Pages that were free when the file was damaged.
extension Salvager {
  /// Pages of the freelist hold what was deleted, and never fill a table.
  func claimFreelist() {
    let listed = freePages()
    for page in listed { _ = claims.claim(page, for: PageClaimTable.Special.freelist) }
    // Where a part of the list is lost, the pointer maps may still say which pages were free.
    let mapped = (1...file.filePages).filter { claims.isFree($0) && file.mapEntry(of: $0)?.kind == .free }
    for page in mapped { _ = claims.claim(page, for: PageClaimTable.Special.freelist) }
    let count = header.isInferred ? 0 : file.original(1)?.big32(36) ?? 0
    isFreelistWhole = count <= listed.count + mapped.count
  }

  /// The pages of the freelist: those that the header leads to, or, where it is lost, those that pages name which look like
  /// a part of the list and like nothing else (SQLite's file format, section 1.5).
  func freePages() -> [UInt32] {
    guard header.isInferred else {
      return file.original(1).map { trunks(from: $0.big32(32)) } ?? []
    }
    guard file.filePages > 1 else { return [] }
    return (2...file.filePages).flatMap { number -> [UInt32] in
      guard survey[number].form == .other, claims.isFree(number), let page = file.original(number),
        let leaves = leaves(ofTrunk: page), !leaves.isEmpty, page.big32(0) <= file.filePages,
        leaves.allSatisfy({ $0 > 1 && $0 <= file.filePages }), Set(leaves).count == leaves.count
      else { return [] }
      return [number] + leaves
    }
  }

  private func trunks(from first: UInt32) -> [UInt32] {
    var pages: [UInt32] = []
    var met: Set<UInt32> = []
    var trunk = first
    while trunk != 0, met.insert(trunk).inserted, let page = file.original(trunk) {
      pages.append(trunk)
      guard let leaves = leaves(ofTrunk: page) else { break }
      pages += leaves
      trunk = page.big32(0)
    }
    return pages
  }

  /// The free pages that a page of the freelist names; nil where it would name more than it can hold.
  private func leaves(ofTrunk page: UnsafeRawPointer) -> [UInt32]? {
    let count = Int(page.big32(4))
    guard count <= file.usableSize / 4 - 2 else { return nil }
    return (0..<count).map { page.big32(8 + 4 * $0) }
  }
}
