extension TreeWalker {
  /// Follows a payload's overflow chain to its end, copying what it holds where a buffer is given; false where the chain is
  /// not whole, which is noted.
  func followOverflow(
    _ first: UInt32, size: Int, local: Int, page: UInt32, at cell: Int, into buffer: UnsafeMutableRawPointer? = nil,
    upTo limit: Int = 0, claims: Bool = true
  ) -> Bool {
    let capacity = geometry.overflowCapacity
    let needed = geometry.overflowPages(size, local: local)
    guard needed <= Int(pages.pageCount) else {
      note(.overflowTooLong, page, at: cell, first: Int64(size))
      return false
    }
    var next = first
    var parent = page
    var copied = local
    for index in 0..<needed {
      guard next != 0 else {
        if claims { note(.overflowEnds, page, at: cell, first: Int64(index), second: Int64(needed)) }
        return false
      }
      guard let content = pages[next] else {
        if claims { note(.overflowPage, page, at: cell, first: Int64(next)) }
        return false
      }
      if claims {
        guard seen.insert(next) else {
          note(.pageTwice, next, first: Int64(parent), second: 1)
          return false
        }
        if let pointerMap {
          expect(index == 0 ? .firstOverflow : .laterOverflow, parent: parent, of: next, pointerMap)
        }
      }
      if let buffer, copied < limit {
        let count = min(capacity, limit - copied)
        (buffer + copied).copyMemory(from: content + 4, byteCount: count)
        copied += count
      }
      parent = next
      next = content.big32(0)
    }
    if next != 0, claims { note(.overflowTooLong, page, at: cell, first: Int64(size), second: Int64(next)) }
    return true
  }
}

/// Payloads that were put together from their cell and their overflow chain. Two are kept, since an entry is held against
/// the one before it.
struct PayloadAssembly: ~Copyable {
  /// The most that is put together.
  static let largest = 8 << 20

  private var buffers: (UnsafeMutableRawBufferPointer?, UnsafeMutableRawBufferPointer?)
  private var isSecond = false

  init() { buffers = (nil, nil) }

  deinit {
    buffers.0?.deallocate()
    buffers.1?.deallocate()
  }

  /// A buffer with the cell's part of a payload at its start. Eight bytes before it are readable.
  mutating func start(_ cell: UnsafeRawPointer, _ local: Int, capacity: Int) -> UnsafeMutableRawPointer {
    isSecond.toggle()
    let wanted = max(capacity, local) + 16
    var buffer = isSecond ? buffers.1 : buffers.0
    if (buffer?.count ?? 0) < wanted {
      buffer?.deallocate()
      buffer = .allocate(byteCount: max(wanted * 3 / 2, 4096), alignment: 16)
      if isSecond { buffers.1 = buffer } else { buffers.0 = buffer }
    }
    guard let base = buffer?.baseAddress else { return UnsafeMutableRawPointer(mutating: cell) }
    (base + 8).copyMemory(from: cell, byteCount: local)
    return base + 8
  }

  /// The payload that was begun last is of no use: the next one takes its place, rather than that of the one before.
  mutating func takeBack() { isSecond.toggle() }
}
