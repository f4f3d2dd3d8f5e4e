/// Puts payloads together that go on in overflow pages.
struct MappedPayloads: Sendable {
  let pages: PageMap
  let geometry: PayloadGeometry

  /// Bytes before and behind a record that reading values may look at.
  private static let slack = 16

  init(_ pages: PageMap) {
    self.pages = pages
    geometry = PayloadGeometry(usableSize: pages.usableSize)
  }

  /// Hands over a cell's record, and how many bytes of it are there: all, but for very large ones. nil where its chain ends
  /// early.
  func read<Value>(_ page: UnsafeRawPointer, _ cell: FoundCell, _ body: (UnsafeRawPointer, Int) -> Value?) -> Value? {
    guard cell.overflowPage != 0 else { return body(page + cell.payloadOffset, cell.payloadSize) }
    let available = min(cell.payloadSize, max(cell.localSize, PayloadAssembly.largest))
    return withUnsafeTemporaryAllocation(byteCount: available + 2 * Self.slack, alignment: 16) { buffer in
      guard let start = buffer.baseAddress else { return nil }
      start.initializeMemory(as: UInt8.self, repeating: 0, count: Self.slack)
      (start + Self.slack).copyMemory(from: page + cell.payloadOffset, byteCount: cell.localSize)
      var done = cell.localSize
      var next = cell.overflowPage
      while done < available {
        guard let content = pages[next] else { return nil }
        let count = min(geometry.overflowCapacity, available - done)
        (start + Self.slack + done).copyMemory(from: content + 4, byteCount: count)
        done += count
        next = content.big32(0)
      }
      (start + Self.slack + done).initializeMemory(as: UInt8.self, repeating: 0, count: Self.slack)
      return body(UnsafeRawPointer(start + Self.slack), available)
    }
  }
}
