/// The cells of a page, and the values of a cell's record.
extension DatabaseImage {
  /// A cell of a b-tree page; offsets are from the start of the file.
  public struct Cell: Sendable {
    /// Where its entry in the page's pointer array is.
    public var pointerAt: Int
    /// Where it begins.
    public var at: Int
    /// Where the number of its child page is, on interior pages.
    public var childAt: Int?
    /// Where the length of its payload is; nil in cells without payload.
    public var payloadAt: Int?
    /// Where its rowid is, in tables.
    public var rowidAt: Int?
    /// Where its record begins.
    public var recordAt: Int?
    /// How many bytes of the record are in the page.
    public var local = 0
    /// Where the number of its first overflow page is, if it has any.
    public var overflowAt: Int?
  }

  /// A value of a record: where its serial type is, which it is, and where the value is.
  public struct Value: Sendable {
    /// Where the serial type is.
    public var typeAt: Int
    /// The serial type.
    public var type: Int
    /// Where the value's bytes are.
    public var at: Int
    /// How many bytes it has.
    public var length: Int
  }

  /// Whether a page has children.
  public func isInterior(_ page: Int) -> Bool { byte(head(page)) == 2 || byte(head(page)) == 5 }

  /// The number of cells that a page says it has, as far as their pointers fit into it.
  public func cellCount(_ page: Int) -> Int { min(word(head(page) + 3), pageSize / 2) }

  /// The cells of a b-tree page in key order.
  public func cells(_ page: Int) -> [Cell] {
    let pointers = head(page) + (isInterior(page) ? 12 : 8)
    return (0..<cellCount(page)).map { cell(page, pointerAt: pointers + 2 * $0) }
  }

  private func cell(_ page: Int, pointerAt: Int) -> Cell {
    var cell = Cell(pointerAt: pointerAt, at: start(page) + word(pointerAt))
    var at = cell.at
    if isInterior(page) {
      cell.childAt = at
      at += 4
    }
    let isTable = byte(head(page)) == 5 || byte(head(page)) == 13
    if byte(head(page)) == 5 {
      cell.rowidAt = at
      return cell
    }
    cell.payloadAt = at
    let (length, size) = varint(at)
    at += size
    if isTable {
      cell.rowidAt = at
      at += varint(at).length
    }
    cell.recordAt = at
    cell.local = localLength(length, isTable: isTable)
    if cell.local < length { cell.overflowAt = at + cell.local }
    return cell
  }

  private func localLength(_ length: Int, isTable: Bool) -> Int {
    guard length >= 0 else { return 0 }
    let most = isTable ? usable - 35 : (usable - 12) * 64 / 255 - 23
    guard length > most else { return length }
    let least = (usable - 12) * 32 / 255 - 23
    let some = least + (length - least) % (usable - 4)
    return some <= most ? some : least
  }

  /// The values of a cell's record whose serial types are in the page.
  public func values(_ cell: Cell) -> [Value] {
    guard let record = cell.recordAt else { return [] }
    let (header, size) = varint(record)
    var values: [Value] = []
    var type = record + size
    var body = record + header
    while type < record + min(header, cell.local), header > 0 {
      let (serial, length) = varint(type)
      let bytes = Self.length(ofSerial: serial)
      values.append(Value(typeAt: type, type: serial, at: body, length: bytes))
      type += length
      body += bytes
    }
    return values
  }

  private static func length(ofSerial serial: Int) -> Int {
    switch serial {
    case 1...4: serial
    case 5: 6
    case 6, 7: 8
    case 12...(1 << 31): (serial - 12) / 2
    default: 0
    }
  }
}
