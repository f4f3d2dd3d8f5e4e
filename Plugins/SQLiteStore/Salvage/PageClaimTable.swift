/// Which b-tree, or what else, each page of a damaged file belongs to.
struct PageClaimTable {
  /// No b-tree: what a page is that salvage does not touch, or knows to be free.
  enum Special {
    static let nobody: Int32 = 0
    static let freelist: Int32 = -1
    static let pointerMap: Int32 = -2
    static let lockBytes: Int32 = -3
    static let kept: Int32 = -4
  }

  private var owners: [Int32]

  init(pageCount: UInt32) { owners = Array(repeating: Special.nobody, count: Int(pageCount) + 1) }

  /// The owner of a page: a tree's number from 1, or what is special about it.
  subscript(_ page: UInt32) -> Int32 { page < owners.count ? owners[Int(page)] : Special.nobody }

  func isFree(_ page: UInt32) -> Bool { page > 0 && page < owners.count && owners[Int(page)] == Special.nobody }

  /// Gives a page to an owner; false where the file has no such page, or it belongs to something else.
  mutating func claim(_ page: UInt32, for owner: Int32) -> Bool {
    guard isFree(page) else { return false }
    owners[Int(page)] = owner
    return true
  }

  mutating func release(_ page: UInt32) { if page < owners.count { owners[Int(page)] = Special.nobody } }

  /// The pages of an owner.
  func pages(of owner: Int32) -> [UInt32] { owners.indices.filter { owners[$0] == owner }.map { UInt32($0) } }
}
