/// A pattern of LIKE or GLOB (lang_expr.html, section 5).
struct WildcardPattern {
  enum Style {
    /// `%` and `_`, letters of ASCII without regard to case. The escape takes the meaning from the next character; 0
    /// for none.
    case like(escape: UInt8)
    /// `*`, `?` and sets in brackets, letters as they are.
    case glob
  }

  private let pattern: UnsafeRawBufferPointer
  private let many: UInt8
  private let one: UInt8
  private let escape: UInt8
  private let hasSets: Bool

  init(_ pattern: UnsafeRawBufferPointer, style: Style) {
    self.pattern = pattern
    switch style {
    case .like(let escape):
      (many, one, hasSets) = (UInt8(ascii: "%"), UInt8(ascii: "_"), false)
      self.escape = escape
    case .glob:
      (many, one, hasSets) = (UInt8(ascii: "*"), UInt8(ascii: "?"), true)
      escape = 0
    }
  }

  /// Whether a text matches, as far as its first NUL. A text that is no valid UTF-8 is not sure.
  func matches(_ whole: UnsafeRawBufferPointer) throws(Unsure) -> Bool {
    let text = UnsafeRawBufferPointer(rebasing: whole.prefix { $0 != 0 })
    guard UTF8Text.isPlain(text) else { throw Unsure() }
    var at = 0
    var place = 0
    var retry: (place: Int, at: Int)?
    while at < text.count {
      if place < pattern.count {
        if pattern[place] == many {
          place += 1
          retry = (place, at)
          continue
        }
        if let next = step(place, text, at) {
          (place, at) = next
          continue
        }
      }
      guard let last = retry else { return false }
      at = UTF8Text.next(text, last.at)
      place = last.place
      retry = (place, at)
    }
    while place < pattern.count, pattern[place] == many { place += 1 }
    return place == pattern.count
  }

  /// Holds one character of the text against one of the pattern; where both go on if they match.
  private func step(_ place: Int, _ text: UnsafeRawBufferPointer, _ at: Int) -> (Int, Int)? {
    var place = place
    if pattern[place] == one { return (place + 1, UTF8Text.next(text, at)) }
    if hasSets, pattern[place] == UInt8(ascii: "[") { return set(place + 1, text, at) }
    if escape != 0, pattern[place] == escape {
      place += 1
      guard place < pattern.count else { return nil }
    }
    let end = UTF8Text.next(pattern, place)
    guard at + end - place <= text.count else { return nil }
    for step in 0..<end - place {
      let a = pattern[place + step]
      let b = text[at + step]
      guard a == b || !hasSets && ASCII.lowered(a) == ASCII.lowered(b) else { return nil }
    }
    return (end, at + end - place)
  }

  /// A character against the set whose bracket is open.
  private func set(_ start: Int, _ text: UnsafeRawBufferPointer, _ at: Int) -> (Int, Int)? {
    let sought = UTF8Text.scalar(text, at)
    var place = start
    func take() -> UInt32 {
      guard place < pattern.count else { return 0 }
      let scalar = UTF8Text.scalar(pattern, place)
      place = UTF8Text.next(pattern, place)
      return scalar
    }
    let close = UInt32(UInt8(ascii: "]"))
    var before: UInt32 = 0
    var isIn = false
    var isInverted = false
    var next = take()
    if next == UInt32(UInt8(ascii: "^")) {
      isInverted = true
      next = take()
    }
    if next == close {
      isIn = sought == close
      next = take()
    }
    while next != 0, next != close {
      if next == UInt32(UInt8(ascii: "-")), place < pattern.count, pattern[place] != UInt8(ascii: "]"), before > 0 {
        let last = take()
        if sought >= before, sought <= last { isIn = true }
        before = 0
      } else {
        if sought == next { isIn = true }
        before = next
      }
      next = take()
    }
    return next == close && isIn != isInverted ? (place, UTF8Text.next(text, at)) : nil
  }
}

/// Characters of UTF-8.
enum UTF8Text {
  /// Whether bytes are UTF-8 in which SQLite sees the characters that everyone sees.
  static func isPlain(_ text: UnsafeRawBufferPointer) -> Bool {
    var at = 0
    while at < text.count {
      let lead = text[at]
      if lead < 0x80 {
        at += 1
        continue
      }
      let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
      guard lead >= 0xC2, lead <= 0xF4, at + length <= text.count else { return false }
      for tail in 1..<length where text[at + tail] & 0xC0 != 0x80 { return false }
      let value = scalar(text, at)
      let least: UInt32 = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80
      // SQLite takes the last two of the first plane for the sign of a faulty character, as surrogates.
      guard value >= least, value <= 0x10FFFF, value & 0xFFFF_F800 != 0xD800, value & 0xFFFF_FFFE != 0xFFFE else {
        return false
      }
      at += length
    }
    return true
  }

  /// Where the character behind the one at `at` begins.
  static func next(_ text: UnsafeRawBufferPointer, _ at: Int) -> Int {
    var next = at + 1
    while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
    return next
  }

  /// The character at `at`, of a text that is plain.
  static func scalar(_ text: UnsafeRawBufferPointer, _ at: Int) -> UInt32 {
    let lead = text[at]
    if lead < 0x80 { return UInt32(lead) }
    var value = UInt32(lead & (lead >= 0xF0 ? 0x07 : lead >= 0xE0 ? 0x0F : 0x1F))
    for tail in at + 1..<next(text, at) { value = value << 6 | UInt32(text[tail] & 0x3F) }
    return value
  }
}
