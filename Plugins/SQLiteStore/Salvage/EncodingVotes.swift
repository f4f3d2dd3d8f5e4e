/// What the texts of a database say about how it stores text.
struct EncodingVotes {
  private var utf8 = 0
  private var littleEndian = 0
  private var bigEndian = 0

  /// The encoding that most speaks for; nil without any text.
  var winner: TextEncoding? {
    let most = max(utf8, littleEndian, bigEndian)
    guard most > 0 else { return nil }
    return most == utf8 ? .utf8 : most == littleEndian ? .utf16le : .utf16be
  }

  /// Counts the texts of a page, as far as they stand on it.
  mutating func count(_ page: UnsafeRawPointer, _ survey: PageSurvey) {
    guard survey.header.kind != .tableInterior else { return }
    for cell in survey.cells.prefix(64) {
      let record = page + cell.payloadOffset
      _ = RecordHeader.read(record, available: cell.localSize, payload: cell.payloadSize) { _, type, at in
        guard type >= 13, type & 1 == 1 else { return true }
        let size = min(SerialType.size(type), cell.localSize - at)
        if size >= 1 { count(UnsafeRawBufferPointer(start: record + at, count: min(size, 256)), whole: type) }
        return true
      }
    }
  }

  private mutating func count(_ text: UnsafeRawBufferPointer, whole type: Int) {
    let isEven = SerialType.size(type) % 2 == 0
    // Words that stand in every schema.
    for word in ["table", "CREATE", "index"] {
      let bytes = Array(word.utf8)
      if text.starts(with: bytes) { utf8 += 100 }
      guard isEven else { continue }
      if text.starts(with: bytes.flatMap { [$0, 0] }) { littleEndian += 100 }
      if text.starts(with: bytes.flatMap { [0, $0] }) { bigEndian += 100 }
    }
    guard isEven else { return utf8 += 2 }
    var zeros = (even: 0, odd: 0)
    var kinds = (even: Set<UInt8>(), odd: Set<UInt8>())
    for (index, byte) in text.enumerated() {
      if index % 2 == 0 {
        zeros.even += byte == 0 ? 1 : 0
        kinds.even.insert(byte)
      } else {
        zeros.odd += byte == 0 ? 1 : 0
        kinds.odd.insert(byte)
      }
    }
    if zeros.even > zeros.odd {
      bigEndian += 2
    } else if zeros.odd > zeros.even {
      littleEndian += 2
    } else if zeros.odd == 0 {
      // No ASCII in UTF-16. What is no UTF-8 either is a script of its own, whose characters share their upper bytes.
      let cut = text.count < SerialType.size(type) ? text.count - 4 : text.count
      let isUTF8 = cut > 0 && Self.isPrefixOfUTF8(text, atLeast: cut)
      if isUTF8 {
        utf8 += 1
      } else if text.count >= 8, kinds.even.count != kinds.odd.count {
        if kinds.even.count < kinds.odd.count { bigEndian += 1 } else { littleEndian += 1 }
      }
    }
  }

  /// Whether bytes are UTF-8 up to a character that was cut off.
  private static func isPrefixOfUTF8(_ text: UnsafeRawBufferPointer, atLeast least: Int) -> Bool {
    (least...text.count).contains { TextEncoding.utf8.isValid(UnsafeRawBufferPointer(rebasing: text[..<$0])) }
  }
}
