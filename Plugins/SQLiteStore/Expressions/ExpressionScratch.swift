/// Room for the texts that expressions make while they are evaluated, used again for each evaluation. One worker has
/// one of its own.
final class ExpressionScratch {
  private static let usual = 4096
  /// Where more were needed SQLite is asked.
  private static let most = 4 << 20

  private let first = UnsafeMutableRawBufferPointer.allocate(byteCount: usual, alignment: 8)
  private var more: [UnsafeMutableRawBufferPointer] = []
  private var used = 0
  private var total = 0

  init() {}

  deinit {
    first.deallocate()
    for part in more { part.deallocate() }
  }

  /// Forgets every text that was made.
  @inline(__always) func reset() {
    used = 0
    if !more.isEmpty { release() }
  }

  private func release() {
    for part in more { part.deallocate() }
    more = []
    total = 0
  }

  /// Room for so many bytes, valid until the next reset.
  func room(_ count: Int) throws(Unsure) -> UnsafeMutableRawBufferPointer {
    if used + count <= first.count {
      let part = UnsafeMutableRawBufferPointer(rebasing: first[used..<used + count])
      used += count
      return part
    }
    guard total + count <= Self.most else { throw Unsure() }
    total += count
    let part = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, count), alignment: 8)
    more.append(part)
    return UnsafeMutableRawBufferPointer(rebasing: part[..<count])
  }

  /// A whole number in decimal digits.
  func text(_ number: Int64) throws(Unsure) -> UnsafeRawBufferPointer { try text(number, suffix: "") }

  /// A real in SQLite's words, where they are the same in all versions: for whole numbers of at most fourteen digits.
  func text(_ number: Double) throws(Unsure) -> UnsafeRawBufferPointer {
    guard abs(number) < 1e14, number == number.rounded(.towardZero), !(number == 0 && number.sign == .minus) else {
      throw Unsure()
    }
    return try text(Int64(number), suffix: ".0")
  }

  private func text(_ number: Int64, suffix: StaticString) throws(Unsure) -> UnsafeRawBufferPointer {
    let room = try room(24)
    var at = 24
    let end = suffix.utf8CodeUnitCount
    for place in stride(from: end - 1, through: 0, by: -1) {
      at -= 1
      room[at] = suffix.utf8Start[place]
    }
    var rest = number.magnitude
    repeat {
      at -= 1
      room[at] = UInt8(truncatingIfNeeded: rest % 10) + 48
      rest /= 10
    } while rest > 0
    if number < 0 {
      at -= 1
      room[at] = UInt8(ascii: "-")
    }
    return UnsafeRawBufferPointer(rebasing: room[at...])
  }
}
