/// Sixteen bytes of a row's record, and where they stand in the rooms of the entries that indexes hold of it.
struct EntryPiece {
  var source: Int32 = 0
  var target: Int32 = 0
}

/// Up to eight bytes of a text: a word, and how many bits of it are others'.
struct TextWord {
  var start: Int32 = 0
  var shift: Int32 = 0
}

/// What an index holds of the rows of a shape.
struct EntryForm {
  /// Bytes for the values of an entry, and the most that they may be: behind them up to fifteen are laid over.
  static let room = 128
  static let longest = 104

  /// The hash of such an entry before its body is taken up.
  var salt = BytesHash()
  /// Bytes of the body.
  var size: Int32 = 0
  /// Where the rowid stands in the rooms of a row.
  var rowidAt: Int32 = 0
}

/// The rows of a table that have the same header, and rowids of the same length: it says what each index must hold of them.
struct RowShape {
  /// Bytes of such a record; -1 where it takes the general way to read one.
  var size: Int32 = -1
  /// Bits that a rowid is shifted by to begin with its first byte, and its bytes.
  var rowidShift: Int32 = 0
  var rowidSize: Int32 = 0
  /// Blocks of sixteen bytes that are text wholly, and what is left of texts beside them. Texts that stand side by side are
  /// one here.
  var blocks: UnsafeMutablePointer<Int32>
  var blocksEnd: UnsafeMutablePointer<Int32>
  var words: UnsafeMutablePointer<TextWord>
  var wordsEnd: UnsafeMutablePointer<TextWord>
  /// What is copied to the entries, and their forms, index by index.
  var pieces: UnsafeMutablePointer<EntryPiece>
  var piecesEnd: UnsafeMutablePointer<EntryPiece>
  var forms: UnsafeMutablePointer<EntryForm>
  var formsEnd: UnsafeMutablePointer<EntryForm>
  /// Where a rowid stands before other values: in an index that names it as a column.
  var namedRowids: UnsafeMutablePointer<Int32>
  var namedCount: Int32 = 0

  fileprivate var rowids = RowidRange()
  fileprivate var header = ShortHeader()
  fileprivate var plan = -1

  @inline(__always) fileprivate func isOf(_ header: ShortHeader, _ rowid: Int64, _ plan: Int) -> Bool {
    self.plan == plan && self.header == header && rowids.contains(rowid)
  }
}

/// The shapes of rows that a walker met last.
final class RowShapes {
  private static let bits = 6
  /// In so many places a shape may be, from the one on that its header says.
  private static let probes = 4
  /// Many more places than shapes, so that seldom two want the same one.
  private static let recentBits = 8
  private static let mostForms = 16
  private static let mostParts = 64

  private let shapes: UnsafeMutablePointer<RowShape>
  private let blocks: UnsafeMutablePointer<Int32>
  private let words: UnsafeMutablePointer<TextWord>
  private let forms: UnsafeMutablePointer<EntryForm>
  private let named: UnsafeMutablePointer<Int32>
  private let pieces: UnsafeMutablePointer<EntryPiece>
  /// Where the value of each slot stands in the record at hand.
  private let places: UnsafeMutablePointer<ShortHeader.Value?>
  /// How many shapes gave way to others.
  private var replaced = 0
  /// The shapes that were met last, by their headers.
  private let recent: UnsafeMutablePointer<UnsafePointer<RowShape>>
  private let masks = ShortHeader.masks()
  private let facts: UnsafePointer<TypeFact>
  private let isUTF8: Bool
  private let hasConstants: Bool

  /// A shape that no row has.
  let none: UnsafePointer<RowShape>

  init(facts: UnsafePointer<TypeFact>, isUTF8: Bool, hasConstants: Bool) {
    self.facts = facts
    self.isUTF8 = isUTF8
    self.hasConstants = hasConstants
    let count = 1 << Self.bits
    blocks = .allocate(capacity: count * Self.mostParts)
    words = .allocate(capacity: count * 2 * ShortHeader.longest)
    pieces = .allocate(capacity: count * Self.mostParts)
    forms = .allocate(capacity: count * Self.mostForms)
    named = .allocate(capacity: count * Self.mostForms)
    shapes = .allocate(capacity: count + 1)
    for place in 0...count {
      // The shape that no row has keeps nothing.
      let own = min(place, count - 1)
      let (firstBlock, firstWord) = (blocks + own * Self.mostParts, words + own * 2 * ShortHeader.longest)
      let (firstPiece, firstForm) = (pieces + own * Self.mostParts, forms + own * Self.mostForms)
      (shapes + place).initialize(
        to: RowShape(
          blocks: firstBlock, blocksEnd: firstBlock, words: firstWord, wordsEnd: firstWord, pieces: firstPiece,
          piecesEnd: firstPiece, forms: firstForm, formsEnd: firstForm, namedRowids: named + own * Self.mostForms))
    }
    places = .allocate(capacity: ShortHeader.longest + 1)
    places.initialize(repeating: nil, count: ShortHeader.longest + 1)
    none = UnsafePointer(shapes + count)
    recent = .allocate(capacity: 1 << Self.recentBits)
    recent.initialize(repeating: none, count: 1 << Self.recentBits)
  }

  deinit {
    shapes.deallocate()
    recent.deallocate()
    blocks.deallocate()
    words.deallocate()
    pieces.deallocate()
    forms.deallocate()
    named.deallocate()
    places.deallocate()
    masks.deallocate()
  }

  /// The shape of a row, of whose record sixteen bytes are readable; one without a size where it takes the general way.
  /// Before a shape gives way to another one, its rows must have been seen to: `willReplace` does so.
  @inline(__always) func shape(
    of record: UnsafeRawPointer, _ rowid: Int64, _ rows: RowPlan, willReplace: () -> Void
  ) -> UnsafePointer<RowShape> {
    let header = ShortHeader(of: record, masks)
    let shape = recent[header.place(bits: Self.recentBits)]
    // Tables of the same form have the same operations.
    if shape.pointee.isOf(header, rowid, Int(bitPattern: rows.operations.baseAddress)) { return shape }
    let found = lookUp(record, header, rowid, rows, willReplace: willReplace)
    recent[header.place(bits: Self.recentBits)] = found
    return found
  }

  @inline(never) private func lookUp(
    _ record: UnsafeRawPointer, _ header: ShortHeader, _ rowid: Int64, _ rows: RowPlan, willReplace: () -> Void
  ) -> UnsafePointer<RowShape> {
    guard header.isShort else { return none }
    let plan = Int(bitPattern: rows.operations.baseAddress)
    let first = header.place(bits: Self.bits)
    var free: UnsafeMutablePointer<RowShape>?
    for probe in 0..<Self.probes {
      let shape = shapes + (first + probe) & (1 << Self.bits - 1)
      if shape.pointee.isOf(header, rowid, plan) { return UnsafePointer(shape) }
      if free == nil, shape.pointee.plan == -1 { free = shape }
    }
    if free == nil {
      willReplace()
      replaced &+= 1
    }
    let shape = free ?? shapes + (first + replaced % Self.probes) & (1 << Self.bits - 1)
    shape.pointee.plan = plan
    shape.pointee.header = header
    shape.pointee.rowids = RowidRange(around: rowid, hasConstants: hasConstants)
    let size = read(record, rows, into: &shape.pointee)
    shape.pointee.size =
      size >= 0 && makeForms(rows, &shape.pointee) ? Int32(truncatingIfNeeded: size) : -1
    return UnsafePointer(shape)
  }

  /// Notes where the texts stand, and the values of the indexes; the size of the record, or -1 where something about it is to
  /// be said on the general way.
  private func read(_ record: UnsafeRawPointer, _ rows: RowPlan, into shape: inout RowShape) -> Int {
    guard rows.slotCount <= ShortHeader.longest else { return -1 }
    shape.clear()
    var text = 0..<0
    let found = ShortHeader.values(of: record, facts) { value in
      guard value.column < rows.operations.count else { return false }
      let plan = rows.operations[value.column]
      guard plan.forbidden & value.fact.classBit == 0 else { return false }
      if value.fact.kind == TypeFact.Kind.text {
        guard isUTF8, !plan.checksNumericText else { return false }
        if text.upperBound != value.start {
          guard shape.take(text: text, most: Self.mostParts) else { return false }
          text = value.start..<value.start
        }
        text = text.lowerBound..<value.end
      }
      if plan.slot >= 0 { places[Int(plan.slot)] = value }
      return true
    }
    guard shape.take(text: text, most: Self.mostParts) else { return -1 }
    return found.columns == rows.operations.count ? found.size : -1
  }

  /// Makes the form of each index's entry; false where one does not fit.
  private func makeForms(_ rows: RowPlan, _ shape: inout RowShape) -> Bool {
    guard rows.entries.count <= Self.mostForms else { return false }
    let rowidType = shape.rowids.type
    shape.rowidSize = Int32(SerialType.size(rowidType))
    shape.rowidShift = (64 - 8 * shape.rowidSize) & 63
    for (number, entry) in rows.entries.enumerated() {
      let slots = rows.terms[Int(entry.start)..<Int(entry.start + entry.count)]
      guard slots.last == 0, slots.count(where: { $0 == 0 }) <= 2 else { return false }
      let base = number * EntryForm.room
      var types: [Int] = []
      // What is copied next, as far as it stands together in the record, and where that ends in the entry.
      var run = 0..<0
      var end = 0
      for slot in slots {
        let value = slot > 0 ? places[Int(slot)] : nil
        types.append(value?.type ?? rowidType)
        if value?.start != run.upperBound {
          guard shape.take(run, endingAt: base + end, most: Self.mostParts) else { return false }
          run = value.map { $0.start..<$0.start } ?? 0..<0
        }
        if let value {
          run = run.lowerBound..<value.end
          end += value.end - value.start
        } else {
          if types.count < slots.count { shape.take(namedRowidAt: base + end) }
          end += Int(shape.rowidSize)
        }
      }
      guard end <= EntryForm.longest, let salt = Self.salt(types) else { return false }
      shape.take(salt, size: end, rowidAt: base + end - Int(shape.rowidSize))
    }
    return true
  }

  /// The hash of a header with these types; nil where it is not one of a byte's length.
  private static func salt(_ types: [Int]) -> BytesHash? {
    let types = types.flatMap { Varint.bytes(UInt64($0)) }
    guard types.count < 127 else { return nil }
    // Eight bytes before the header are readable.
    let header = [UInt8](repeating: 0, count: 8) + [UInt8(types.count + 1)] + types
    var salt = BytesHash()
    header.withUnsafeBytes { bytes in
      if let start = bytes.baseAddress { salt.take(start + 8, types.count + 1) }
    }
    return salt
  }
}

extension RowShape {
  fileprivate mutating func clear() {
    (blocksEnd, wordsEnd, piecesEnd, formsEnd) = (blocks, words, pieces, forms)
    namedCount = 0
  }

  /// Takes up where a text stands; false where there is no room for more.
  fileprivate mutating func take(text: Range<Int>, most: Int) -> Bool {
    let count = text.count
    if count >= 16 {
      guard blocksEnd - blocks + count / 16 < most else { return false }
      for start in stride(from: text.lowerBound, to: text.upperBound, by: 16) {
        blocksEnd.initialize(to: Int32(min(start, text.upperBound - 16)))
        blocksEnd += 1
      }
    } else if count > 0 {
      // Two words that overlap, or one with what stands before it.
      if count > 8 {
        wordsEnd.initialize(to: TextWord(start: Int32(text.lowerBound), shift: 0))
        wordsEnd += 1
      }
      wordsEnd.initialize(to: TextWord(start: Int32(text.upperBound - 8), shift: Int32(max(0, 64 - 8 * count))))
      wordsEnd += 1
    }
    return true
  }

  /// Takes up bytes of the record that are copied to where they end before `end`; false where there is no room for more.
  fileprivate mutating func take(_ run: Range<Int>, endingAt end: Int, most: Int) -> Bool {
    for start in stride(from: run.lowerBound, to: run.upperBound, by: 16) {
      guard piecesEnd - pieces < most else { return false }
      piecesEnd.initialize(to: EntryPiece(source: Int32(start), target: Int32(end - (run.upperBound - start))))
      piecesEnd += 1
    }
    return true
  }

  /// Takes up the form of an entry of so many bytes.
  fileprivate mutating func take(_ salt: BytesHash, size: Int, rowidAt: Int) {
    formsEnd.initialize(to: EntryForm(salt: salt, size: Int32(size), rowidAt: Int32(rowidAt)))
    formsEnd += 1
  }

  /// Takes up where a rowid stands before other values.
  fileprivate mutating func take(namedRowidAt place: Int) {
    (namedRowids + Int(namedCount)).initialize(to: Int32(place))
    namedCount += 1
  }
}
