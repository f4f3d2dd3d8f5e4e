import MendKit

/// A damaged database file: its pages as they are, and those that salvage writes over them.
///
/// What is written stays in memory until `write`: only pages that change are held, so memory follows the damage and not the
/// file.
final class SalvageFile {
  let path: String
  let pageSize: Int
  let usableSize: Int
  let encoding: TextEncoding
  let hasPointerMaps: Bool
  let geometry: PayloadGeometry
  /// Whole pages of the file as it was found.
  let filePages: UInt32
  /// The pages that there will be.
  private(set) var pageCount: UInt32
  /// Pages that belong to nothing, to be taken for what is built. The last one is taken first.
  var free: [UInt32] = []
  let mapping: Mapping

  private let file: FileHandle
  private var edits: [UInt32: UnsafeMutableRawPointer] = [:]

  /// Opens a file whose page size and encoding are known. Nothing is written before `write`.
  init(
    _ path: String, pageSize: Int, reservedBytes: Int, encoding: TextEncoding, hasPointerMaps: Bool
  ) throws(Problem) {
    self.path = path
    self.pageSize = pageSize
    usableSize = pageSize - reservedBytes
    self.encoding = encoding
    self.hasPointerMaps = hasPointerMaps
    geometry = PayloadGeometry(usableSize: usableSize)
    file = try FileHandle.update(path)
    let size = try file.status().size
    filePages = UInt32(clamping: size / pageSize)
    pageCount = filePages
    guard filePages > 0, let mapping = try Mapping(file, size: Int(filePages) * pageSize) else {
      throw Problem(
        .damaged, tried: "salvage", on: path, said: "the file has \(size) bytes, less than a page of \(pageSize)",
        advice: "Restore the file from a backup.", code: "file.malformed")
    }
    self.mapping = mapping
  }

  /// Bytes that were made for the file's pages.
  private var kept: [UnsafeMutableRawBufferPointer] = []

  deinit {
    for page in edits.values { page.deallocate() }
    for bytes in kept { bytes.deallocate() }
  }

  /// Keeps bytes for as long as the salvage lasts.
  func keep(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    copy.copyBytes(from: bytes)
    kept.append(copy)
    return UnsafeRawBufferPointer(copy)
  }

  /// A page as it will be; nil where there is none.
  func page(_ number: UInt32) -> UnsafeRawPointer? {
    if let edit = edits[number] { return UnsafeRawPointer(edit) }
    return original(number)
  }

  /// A page as it was found; nil where the file has none.
  func original(_ number: UInt32) -> UnsafeRawPointer? {
    guard number > 0, number <= filePages else { return nil }
    return mapping.start + (Int(number) - 1) * pageSize
  }

  /// A page to be written, as it will be so far.
  func edit(_ number: UInt32) -> UnsafeMutableRawPointer {
    if let edit = edits[number] { return edit }
    let page = empty()
    if let original = original(number) { page.copyMemory(from: original, byteCount: pageSize) }
    edits[number] = page
    pageCount = max(pageCount, number)
    return page
  }

  /// A page to be written from the start: zeros.
  func blank(_ number: UInt32) -> UnsafeMutableRawPointer {
    let page = edits[number] ?? empty()
    page.initializeMemory(as: UInt8.self, repeating: 0, count: pageSize)
    edits[number] = page
    pageCount = max(pageCount, number)
    return page
  }

  private func empty() -> UnsafeMutableRawPointer {
    // Loops may read whole words behind a page's end.
    let page = UnsafeMutableRawPointer.allocate(byteCount: pageSize + PageMap.slack, alignment: 16)
    page.initializeMemory(as: UInt8.self, repeating: 0, count: pageSize + PageMap.slack)
    return page
  }

  /// The number of a page that belongs to nothing: one of those that were let go of, or one behind the end of the file.
  func allocate() -> UInt32 {
    if let number = free.popLast() { return number }
    repeat { pageCount += 1 } while isReserved(pageCount)
    return pageCount
  }

  /// Whether a page is the one of the lock bytes, which holds nothing, or a pointer map.
  func isReserved(_ number: UInt32) -> Bool {
    number == UInt32(LockBytes.pending / pageSize) + 1
      || hasPointerMaps && PointerMap(pageSize: pageSize, usableSize: usableSize).isMap(number)
  }

  /// Writes a page that was changed at once, so that it need not be held any longer.
  func writeNow(_ number: UInt32) throws(Problem) {
    guard let page = edits.removeValue(forKey: number) else { return }
    defer { page.deallocate() }
    try file.write(UnsafeRawBufferPointer(start: page, count: pageSize), at: (Int(number) - 1) * pageSize)
  }

  /// What is to be gone back to where something cannot be built.
  struct Mark {
    fileprivate let free: [UInt32]
    fileprivate let pageCount: UInt32
  }

  /// The state of the pages that are free. Nothing that was changed is in memory then.
  func mark() -> Mark { Mark(free: free, pageCount: pageCount) }

  /// Forgets what was changed since, of which nothing was written but to pages that were free.
  func goBack(to mark: Mark) {
    for page in edits.values { page.deallocate() }
    edits = [:]
    free = mark.free
    pageCount = mark.pageCount
  }

  /// Writes what was changed so far, so that it need not be held any longer.
  func writeChanges() throws(Problem) {
    for number in edits.keys.sorted() { try writeNow(number) }
  }

  /// Writes what was changed, and cuts the file to its pages.
  func write() throws(Problem) {
    for number in edits.keys.sorted() {
      guard let page = edits[number] else { continue }
      try file.write(UnsafeRawBufferPointer(start: page, count: pageSize), at: (Int(number) - 1) * pageSize)
    }
    try file.truncate(to: Int(pageCount) * pageSize)
    guard try mapping.isWhole() else { throw StoreView.changed(path) }
  }

  func close() { file.close() }
}

extension UnsafeMutableRawPointer {
  func set8(_ offset: Int, _ value: UInt8) { storeBytes(of: value, toByteOffset: offset, as: UInt8.self) }
  /// Two big-endian bytes at an offset.
  func set16(_ offset: Int, _ value: Int) {
    storeBytes(of: UInt16(truncatingIfNeeded: value).bigEndian, toByteOffset: offset, as: UInt16.self)
  }
  /// Four big-endian bytes at an offset.
  func set32(_ offset: Int, _ value: UInt32) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
  }
}
