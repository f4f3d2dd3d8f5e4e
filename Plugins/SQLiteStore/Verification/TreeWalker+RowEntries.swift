extension TreeWalker {
  /// The rows of a leaf that stand wholly in their cells, as noted in `records`, `sizes` and `rowids`: their texts first, and
  /// what each index must hold of them, laid down as SQLite stores it; then the hashes of that, index by index.
  func plainRows(_ page: UnsafeRawPointer, _ count: Int, _ number: UInt32, _ rows: RowPlan) {
    guard rows.isByBytes, programs == nil, !isCollecting, rows.entries.count <= Self.mostRooms else {
      return anyRows(page, count, number, rows)
    }
    let records = records
    let sizes = sizes
    let rowids = rowids
    let rowForms = rowForms
    let entryRooms = entryRooms
    let stride = rows.entries.count * EntryForm.room
    let capacity = min(Self.mostRows, Self.mostRooms / max(1, rows.entries.count))
    let shapes = rowShapes
    var taken = 0
    for cell in 0..<count where records[cell] != TreeWalker.noRecord {
      let record = page + Int(records[cell])
      let rowid = rowids[cell]
      let shape = shapes.shape(of: record, rowid, rows) {
        addEntries(taken, rows)
        taken = 0
      }
      guard shape.pointee.size == sizes[cell] else {
        let size = Int(sizes[cell])
        row(record, size: size, available: size, rows, rowid: rowid, page: number, at: Int(starts[cell]))
        continue
      }
      if Self.isBeyondASCII(record, shape) { checkTexts(record, cell, number) }
      Self.lay(record, rowid, shape, entryRooms + taken &* stride)
      rowForms[taken] = UnsafePointer(shape.pointee.forms)
      taken &+= 1
      if taken == capacity {
        addEntries(taken, rows)
        taken = 0
      }
    }
    addEntries(taken, rows)
  }

  /// Rooms for entries that are laid down before their hashes are taken: so many that a word is written long before it is
  /// read, and so few that they stay in the processor's nearest memory.
  static let mostRooms = 128
  static let mostRows = 32

  /// Whether a text of a row is not plain ASCII.
  @inline(__always) private static func isBeyondASCII(
    _ record: UnsafeRawPointer, _ shape: UnsafePointer<RowShape>
  ) -> Bool {
    var blocks = SIMD2<UInt64>()
    var block = shape.pointee.blocks
    let blocksEnd = shape.pointee.blocksEnd
    while block < blocksEnd {
      blocks |= record.loadUnaligned(fromByteOffset: Int(block.pointee), as: SIMD2<UInt64>.self)
      block += 1
    }
    var bits = blocks[0] | blocks[1]
    var word = shape.pointee.words
    let wordsEnd = shape.pointee.wordsEnd
    while word < wordsEnd {
      let found = UInt64(
        littleEndian: record.loadUnaligned(fromByteOffset: Int(word.pointee.start), as: UInt64.self))
      bits |= found &>> UInt64(truncatingIfNeeded: word.pointee.shift)
      word += 1
    }
    return bits & highBits != 0
  }

  /// Lays down what each index must hold of a row.
  @inline(__always) private static func lay(
    _ record: UnsafeRawPointer, _ rowid: Int64, _ shape: UnsafePointer<RowShape>, _ rooms: UnsafeMutableRawPointer
  ) {
    var piece = shape.pointee.pieces
    let piecesEnd = shape.pointee.piecesEnd
    while piece < piecesEnd {
      let bytes = record.loadUnaligned(fromByteOffset: Int(piece.pointee.source), as: SIMD2<UInt64>.self)
      rooms.storeBytes(of: bytes, toByteOffset: Int(piece.pointee.target), as: SIMD2<UInt64>.self)
      piece += 1
    }
    let digits = (rowid &<< Int64(truncatingIfNeeded: shape.pointee.rowidShift)).bigEndian
    var form = shape.pointee.forms
    let formsEnd = shape.pointee.formsEnd
    while form < formsEnd {
      rooms.storeBytes(of: digits, toByteOffset: Int(form.pointee.rowidAt), as: Int64.self)
      form += 1
    }
    if shape.pointee.namedCount > 0 { layNamed(digits, shape, rooms) }
  }

  /// Lays down a rowid before other values, which stand there already.
  @inline(never) private static func layNamed(
    _ digits: Int64, _ shape: UnsafePointer<RowShape>, _ rooms: UnsafeMutableRawPointer
  ) {
    withUnsafeBytes(of: digits) { bytes in
      guard let start = bytes.baseAddress else { return }
      for place in 0..<Int(shape.pointee.namedCount) {
        let target = rooms + Int(shape.pointee.namedRowids[place])
        target.copyMemory(from: start, byteCount: Int(shape.pointee.rowidSize))
      }
    }
  }

  /// Adds up the hashes of the entries that were laid down for so many rows.
  private func addEntries(_ count: Int, _ rows: RowPlan) {
    guard count > 0 else { return }
    let stride = rows.entries.count * EntryForm.room
    let rowForms = rowForms
    for (number, entry) in rows.entries.enumerated() {
      var (low, high): (UInt64, UInt64) = (0, 0)
      var room = UnsafeRawPointer(entryRooms) + number * EntryForm.room
      for row in 0..<count {
        let form = rowForms[row] + number
        var hash = form.pointee.salt
        hash.take(room, Int(form.pointee.size))
        let entry = hash.hash
        low &+= entry.first
        high &+= entry.second
        room += stride
      }
      ofRows[Int(entry.fingerprint)].add(Fingerprint(first: low, second: high, count: count))
    }
  }

  /// Holds the texts of a row that are not plain ASCII against the database's encoding.
  @inline(never) private func checkTexts(_ record: UnsafeRawPointer, _ cell: Int, _ page: UInt32) {
    _ = ShortHeader.values(of: record, facts) { value in
      if value.fact.kind == TypeFact.Kind.text {
        checkText(
          record + value.start, count: value.end - value.start, column: value.column, rowids[cell], page,
          Int(starts[cell]))
      }
      return true
    }
  }
}
