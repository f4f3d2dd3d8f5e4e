/// The bytes of a database file and what each page is used for, so that a test can do damage in a chosen place. It knows
/// the file format by itself, apart from the code that is tested with it. Reading outside of the bytes gives zeros, and
/// writing there does nothing.
public struct DatabaseImage: Sendable {
  /// What a page is used for.
  public enum Role: Sendable, Hashable, CaseIterable {
    case interiorTable, leafTable, interiorIndex, leafIndex, overflow, trunk, freeLeaf, pointerMap
  }

  /// The file.
  public var bytes: [UInt8]
  /// The size of a page in bytes.
  public let pageSize: Int
  /// What a page holds, less its reserved bytes.
  public let usable: Int
  /// The pages that are used for something, as far as the sound file told.
  public private(set) var roles: [Int: Role] = [:]
  /// The file as it was one change before; empty where nobody knows.
  public var earlier: [UInt8] = []
  /// The number of whole pages.
  public var pageCount: Int { bytes.count / pageSize }

  /// The image of a sound database; nil of what has no content.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count >= 512 else { return nil }
    let size = Int(bytes[16]) << 8 | Int(bytes[17])
    pageSize = size == 1 ? 65536 : size
    guard pageSize >= 512, pageSize & (pageSize - 1) == 0 else { return nil }
    usable = pageSize - Int(bytes[20])
    self.bytes = bytes
    findRoles()
  }

  /// Where a page begins.
  public func start(_ page: Int) -> Int { (page - 1) * pageSize }

  /// Where the b-tree header of a page begins.
  public func head(_ page: Int) -> Int { start(page) + (page == 1 ? 100 : 0) }

  /// The byte at an offset.
  public func byte(_ at: Int) -> Int { bytes.indices.contains(at) ? Int(bytes[at]) : 0 }

  /// Two bytes as a number.
  public func word(_ at: Int) -> Int { byte(at) << 8 | byte(at + 1) }

  /// Four bytes as a number.
  public func long(_ at: Int) -> Int { word(at) << 16 | word(at + 2) }

  /// A variable-length integer and how many bytes it takes.
  public func varint(_ at: Int) -> (value: Int, length: Int) {
    var value: UInt64 = 0
    for position in 0..<8 {
      let byte = UInt64(byte(at + position))
      value = value << 7 | byte & 0x7F
      if byte < 0x80 { return (Int(truncatingIfNeeded: value), position + 1) }
    }
    return (Int(truncatingIfNeeded: value << 8 | UInt64(byte(at + 8))), 9)
  }

  /// Changes bytes.
  public mutating func set(_ at: Int, _ new: [UInt8]) {
    for (position, byte) in new.enumerated() where bytes.indices.contains(at + position) { bytes[at + position] = byte }
  }

  /// Changes one byte.
  public mutating func setByte(_ at: Int, _ value: Int) { set(at, [UInt8(truncatingIfNeeded: value)]) }

  /// Changes two bytes.
  public mutating func setWord(_ at: Int, _ value: Int) {
    set(at, [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)])
  }

  /// Changes four bytes.
  public mutating func setLong(_ at: Int, _ value: Int) {
    setWord(at, value >> 16)
    setWord(at + 2, value)
  }

  /// The content of a page.
  public func page(_ number: Int) -> [UInt8] {
    let start = max(0, min(start(number), bytes.count))
    return Array(bytes[start..<min(bytes.count, start + pageSize)])
  }

  /// The pages of some roles, in order.
  public func pages(_ wanted: Role...) -> [Int] { roles.filter { wanted.contains($0.value) }.keys.sorted() }

  private mutating func findRoles() {
    if long(52) != 0 {
      let entries = usable / 5 + 1
      for page in stride(from: 2, through: pageCount, by: entries) { roles[page] = .pointerMap }
    }
    findFreePages()
    for root in [1] + findSchemaRoots() { walk(root) }
  }

  private mutating func findFreePages() {
    var trunk = long(32)
    while trunk > 1, trunk <= pageCount, roles[trunk] == nil {
      roles[trunk] = .trunk
      for leaf in 0..<min(long(start(trunk) + 4), usable / 4 - 2) {
        let page = long(start(trunk) + 8 + 4 * leaf)
        if page > 1, page <= pageCount { roles[page] = .freeLeaf }
      }
      trunk = long(start(trunk))
    }
  }

  /// The root pages that the schema table names.
  private func findSchemaRoots() -> [Int] {
    var copy = self
    copy.walk(1)
    var roots: [Int] = []
    for page in copy.pages(.leafTable) {
      for cell in copy.cells(page) {
        let values = copy.values(cell)
        guard values.count > 3, (1...6).contains(values[3].type) || values[3].type == 9 else { continue }
        var root = values[3].type == 9 ? 1 : 0
        for position in 0..<values[3].length { root = root << 8 | copy.byte(values[3].at + position) }
        if root > 1, root <= pageCount { roots.append(root) }
      }
    }
    return roots
  }

  private mutating func walk(_ root: Int) {
    var pending = [root]
    while let page = pending.popLast() {
      guard page >= 1, page <= pageCount, roles[page] == nil else { continue }
      switch byte(head(page)) {
      case 2: roles[page] = .interiorIndex
      case 5: roles[page] = .interiorTable
      case 10: roles[page] = .leafIndex
      case 13: roles[page] = .leafTable
      default: continue
      }
      if isInterior(page) { pending.append(long(head(page) + 8)) }
      for cell in cells(page) {
        if let child = cell.childAt { pending.append(long(child)) }
        var overflow = cell.overflowAt.map(long) ?? 0
        while overflow > 1, overflow <= pageCount, roles[overflow] == nil {
          roles[overflow] = .overflow
          overflow = long(start(overflow))
        }
      }
    }
  }
}
