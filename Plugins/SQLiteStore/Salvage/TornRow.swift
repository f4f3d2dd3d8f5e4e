import MendKit

/// Tells rows of which a part was replaced by zeros, sector by sector or page by page, as disks and copies lose data: a text
/// that was well up to the edge of such a sector holds nothing behind it. The bytes may be a row's all the same, so it is kept
/// apart rather than dropped.
struct TornRow {
  let file: SalvageFile
  let survey: FileSurvey

  /// Why such a row is not in its table.
  static let reason = "a sector of zeros stands in its text"
  /// The bytes in which disks write, at least.
  static let sector = 512

  /// Bytes of a payload on one page.
  private struct Segment {
    let start: UnsafeRawPointer
    /// Where they stand on the page, and in the payload.
    let onPage: Range<Int>
    let inPayload: Int
    let page: UInt32
  }

  /// Whether a text of a row in a cell of a table's leaf holds zeros where a sector is lost, and nowhere else; or a whole number
  /// there takes more bytes than the library writes a zero in.
  func isTorn(_ page: UnsafeRawPointer, _ number: UInt32, _ cell: FoundCell, _ chain: [UInt32]) -> Bool {
    let segments = segments(page, number, cell, chain)
    let lost = segments.flatMap(lostParts)
    guard !lost.isEmpty else { return false }
    var texts: [Range<Int>] = []
    var isNumberLost = false
    _ = RecordHeader.read(page + cell.payloadOffset, available: cell.localSize, payload: cell.payloadSize) {
      _, type, at in
      if type > 13, type & 1 == 1 { texts.append(at..<at + SerialType.size(type)) }
      if (writesZeroAsByte ? 2 : 1)...6 ~= type {
        let number = at..<at + SerialType.size(type)
        if lost.contains(where: { $0.clamped(to: number) == number }) { isNumberLost = true }
      }
      return true
    }
    if isNumberLost { return true }
    // Half a unit of UTF-16 is often zero.
    let least = file.encoding == .utf8 ? 1 : 3
    return texts.contains { text in
      lost.contains { $0.clamped(to: text).count >= least } && !hasZeros(segments, text, besides: lost, least: least)
    }
  }

  /// Whether the file is of a schema format before 4, in which a zero is written as one byte (section 2.1).
  private var writesZeroAsByte: Bool { file.original(1).map { 1...3 ~= $0.big32(44) } ?? false }

  private func segments(
    _ page: UnsafeRawPointer, _ number: UInt32, _ cell: FoundCell, _ chain: [UInt32]
  ) -> [Segment] {
    var segments = [
      Segment(
        start: page + cell.payloadOffset, onPage: cell.payloadOffset..<cell.payloadOffset + cell.localSize,
        inPayload: 0, page: number)
    ]
    var done = cell.localSize
    for link in chain {
      guard let content = file.original(link), done < cell.payloadSize else { break }
      let count = min(file.geometry.overflowCapacity, cell.payloadSize - done)
      segments.append(Segment(start: content + 4, onPage: 4..<4 + count, inPayload: done, page: link))
      done += count
    }
    return segments
  }

  /// The parts of a payload that stand in sectors of zeros.
  private func lostParts(_ segment: Segment) -> [Range<Int>] {
    let shift = segment.inPayload - segment.onPage.lowerBound
    if survey[segment.page].form == .zeros {
      return [segment.onPage.lowerBound + shift..<segment.onPage.upperBound + shift]
    }
    guard survey[segment.page].hasZeroSector else { return [] }
    let page = segment.start - segment.onPage.lowerBound
    let first = segment.onPage.lowerBound / Self.sector * Self.sector
    return stride(from: first, to: segment.onPage.upperBound, by: Self.sector).compactMap { start in
      guard PageReader.isZero(page + start, count: min(Self.sector, file.pageSize - start)) else { return nil }
      let part = (start..<start + Self.sector).clamped(to: segment.onPage)
      return part.lowerBound + shift..<part.upperBound + shift
    }
  }

  /// Whether a text holds a zero where no sector is lost.
  private func hasZeros(_ segments: [Segment], _ text: Range<Int>, besides lost: [Range<Int>], least: Int) -> Bool {
    var run = 0
    for segment in segments {
      let part = (segment.inPayload..<segment.inPayload + segment.onPage.count).clamped(to: text)
      for at in part {
        guard segment.start.byte(at - segment.inPayload) == 0, !lost.contains(where: { $0.contains(at) }) else {
          run = 0
          continue
        }
        run += 1
        if run >= least { return true }
      }
    }
    return false
  }
}

extension Salvager {
  /// Takes rows of which a sector was replaced by zeros out of the leaves of a table.
  func setAsideTorn(_ place: Int) {
    let torn = TornRow(file: file, survey: survey)
    for slot in tables[place].slots where slot.state == .sound {
      let facts = survey[slot.page]
      guard facts.hasZeroSector || facts.overflows, let page = file.original(slot.page),
        let header = BTreePage(page, number: slot.page)
      else { continue }
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        guard broken[slot.page]?.contains(at) != true,
          let cell = FoundCell.read(page, at: at, kind: .tableLeaf, geometry: file.geometry),
          facts.hasZeroSector || cell.isSpilled,
          let chain = cell.isSpilled
            ? OverflowChain(file, cell).pages(claims, owner: tables[place].number) : [],
          torn.isTorn(page, slot.page, cell, chain)
        else { continue }
        broken[slot.page, default: []].insert(at)
        tables[place].needsRebuild = true
        setAside(slot.page, index, page, cell, place, because: TornRow.reason)
      }
    }
  }
}
