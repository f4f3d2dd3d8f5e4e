/// What the pages of a file say of the fields that its header has lost.
struct InferredHeader: Sendable, Hashable {
  /// Bytes a page.
  var pageSize: Int
  /// Bytes at the end of every page that SQLite leaves to others.
  var reservedBytes: Int
  /// How text is stored; nil where no text tells.
  var encoding: TextEncoding?
  /// Whether the database keeps pointer maps, as for auto-vacuum.
  var hasPointerMaps: Bool

  /// Reads the fields off the pages; nil where these do not tell a page size, and the header's own is not to be trusted.
  static func infer(_ bytes: UnsafeRawBufferPointer) -> InferredHeader? {
    guard let start = bytes.baseAddress, bytes.count >= 512 else { return nil }
    return HeaderInference(start: start, count: bytes.count).infer()
  }
}

/// Finds out the page size by trying each: only with the right one do cells and free blocks fill pages up to their end.
private struct HeaderInference {
  /// The most pages of a file that are looked at for one size.
  private static let mostPages = 4000

  let start: UnsafeRawPointer
  let count: Int

  /// A way to read the file, and how much of the sampled bytes it explains, in millionths.
  private struct Reading {
    var pageSize: Int
    var reserved: Int
    var explained: Int
  }

  func infer() -> InferredHeader? {
    let readings = (9...16).map { reading(pageSize: 1 << $0) }
    let best = readings.max { $0.explained < $1.explained }.flatMap { $0.explained > 0 ? $0 : nil }
    let field = fieldOfHeader(readings)
    // A size that the header names counts when the pages speak for it nearly as much as for any other.
    guard let chosen = field.flatMap({ 2 * $0.explained >= (best?.explained ?? 0) ? $0 : best }) ?? best else {
      return nil
    }
    var votes = EncodingVotes()
    sample(chosen.pageSize) { page, number in
      let geometry = PayloadGeometry(usableSize: chosen.pageSize - chosen.reserved)
      guard let survey = PageSurvey(page, number: number, geometry: geometry) else { return }
      votes.count(page, survey)
    }
    let kept = TextEncoding(rawValue: start.big32(56))
    let maps = hasPointerMaps(chosen)
    return InferredHeader(
      pageSize: chosen.pageSize, reservedBytes: chosen.reserved, encoding: votes.winner ?? kept, hasPointerMaps: maps)
  }

  /// How well the pages fit a size, with the reserved bytes that explain most.
  private func reading(pageSize: Int) -> Reading {
    // Pages without overflow have the same cells whatever is reserved: the end of their content tells.
    var ends: [Int: Int] = [:]
    let whole = PayloadGeometry(usableSize: pageSize)
    sample(pageSize) { page, number in
      guard let survey = PageSurvey(page, number: number, geometry: whole, hasOverflow: false) else { return }
      ends[pageSize - survey.contentEnd, default: 0] += survey.explainedBytes
    }
    var candidates = ends.filter { $0.key < 256 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(3).map(
      \.key)
    for usual in [0, start.byte(20)] where !candidates.contains(usual) { candidates.append(usual) }
    return candidates.filter { pageSize - $0 >= 480 }
      .map { Reading(pageSize: pageSize, reserved: $0, explained: explained(pageSize, reserved: $0)) }
      .max { ($0.explained, $1.reserved) < ($1.explained, $0.reserved) }
      ?? Reading(pageSize: pageSize, reserved: 0, explained: 0)
  }

  private func explained(_ pageSize: Int, reserved: Int) -> Int {
    let geometry = PayloadGeometry(usableSize: pageSize - reserved)
    var bytes = 0
    let pages = sample(pageSize) { page, number in
      guard let survey = PageSurvey(page, number: number, geometry: geometry),
        survey.contentEnd == geometry.usableSize
      else { return }
      // An empty page is no evidence: a handful of bytes are a header of one in every size.
      bytes += survey.cells.isEmpty ? 0 : survey.explainedBytes
    }
    return pages == 0 ? 0 : bytes * 1_000_000 / (pages * pageSize)
  }

  /// The size that the header's field names, where the pages know it, or nothing but the rest of the header can.
  private func fieldOfHeader(_ readings: [Reading]) -> Reading? {
    let field = start.big16(16) == 1 ? 65536 : start.big16(16)
    guard let reading = readings.first(where: { $0.pageSize == field }) else { return nil }
    if reading.explained > 0 { return reading }
    // The fractions that follow are the same in every database, so a header that has them is one.
    guard start.byte(21) == 64, start.byte(22) == 32, start.byte(23) == 32, count % field == 0,
      field - start.byte(20) >= 480
    else { return nil }
    return Reading(pageSize: field, reserved: start.byte(20), explained: 0)
  }

  /// Whether page 2, or one of the next that would be one, is a pointer map (section 1.8).
  private func hasPointerMaps(_ reading: Reading) -> Bool {
    let usable = reading.pageSize - reading.reserved
    let pages = UInt32(clamping: count / reading.pageSize)
    let map = PointerMap(pageSize: reading.pageSize, usableSize: usable)
    var number: UInt32 = 2
    for _ in 0..<4 {
      guard number < pages else { return false }
      if isPointerMap(number, map, usable: usable, pageSize: reading.pageSize, pages: pages) { return true }
      number += UInt32(usable / 5 + 1)
    }
    return false
  }

  private func isPointerMap(_ number: UInt32, _ map: PointerMap, usable: Int, pageSize: Int, pages: UInt32) -> Bool {
    guard map.isMap(number) else { return false }
    let page = start + (Int(number) - 1) * pageSize
    var right = 0
    var entries = 0
    for index in 0..<usable / 5 where Int(number) + 1 + index <= Int(pages) {
      entries += 1
      guard let entry = PointerMap.Entry(rawValue: UInt8(truncatingIfNeeded: page.byte(5 * index))) else { continue }
      let parent = page.big32(5 * index + 1)
      let isRight =
        switch entry {
        case .root, .free: parent == 0
        case .firstOverflow, .laterOverflow, .child: parent > 0 && parent <= pages
        }
      if isRight { right += 1 }
    }
    return 10 * right >= 9 * entries
  }

  /// Calls `body` with pages of a size, spread evenly over the file; their number.
  @discardableResult private func sample(_ pageSize: Int, _ body: (UnsafeRawPointer, UInt32) -> Void) -> Int {
    let pages = min(count / pageSize, Int(UInt32.max) - 1)
    let taken = min(pages, Self.mostPages)
    for index in 0..<taken {
      let page = index * pages / taken
      body(start + page * pageSize, UInt32(page + 1))
    }
    return taken
  }
}
