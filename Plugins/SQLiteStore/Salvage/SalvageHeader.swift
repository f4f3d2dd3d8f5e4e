import MendKit

/// The header of a damaged file: its own, or one that its pages tell.
struct SalvageHeader {
  let header: DatabaseHeader
  let bytes: [UInt8]
  /// Whether the file's own is lost.
  let isInferred: Bool

  /// Reads the header of a file. Throws where there is none and the pages do not tell what it said.
  static func read(_ path: String) throws(Problem) -> SalvageHeader {
    let file = try FileHandle.read(path)
    defer { file.close() }
    let first = try file.read(DatabaseHeader.size, at: 0)
    if let header = DatabaseHeader(first) { return SalvageHeader(header: header, bytes: first, isInferred: false) }
    let size = try file.status().size
    guard let mapping = try Mapping(file, size: size), let inferred = InferredHeader.infer(mapping.bytes) else {
      throw Problem(
        .damaged, tried: "salvage", on: path, said: "its header is lost, and no page of it tells what it said",
        advice: "Restore the file from a backup.", code: "file.not-a-database")
    }
    let bytes = inferred.bytes(pages: UInt32(clamping: size / inferred.pageSize))
    guard let header = DatabaseHeader(bytes) else {
      throw Problem(.damaged, tried: "salvage", on: path, said: "its pages contradict each other")
    }
    return SalvageHeader(header: header, bytes: bytes, isInferred: true)
  }
}

extension InferredHeader {
  /// A header that says so (SQLite's file format, section 1.3).
  fileprivate func bytes(pages: UInt32) -> [UInt8] {
    var bytes = DatabaseHeader.magic + [UInt8](repeating: 0, count: DatabaseHeader.size - DatabaseHeader.magic.count)
    func set(_ at: Int, _ value: UInt32) {
      for place in 0..<4 { bytes[at + place] = UInt8(truncatingIfNeeded: value >> (24 - 8 * place)) }
    }
    bytes[16] = UInt8(truncatingIfNeeded: pageSize >> 8)
    bytes[17] = pageSize == 65536 ? 1 : 0
    if pageSize == 65536 { bytes[16] = 0 }
    bytes[18] = 1
    bytes[19] = 1
    bytes[20] = UInt8(truncatingIfNeeded: reservedBytes)
    bytes[21] = 64
    bytes[22] = 32
    bytes[23] = 32
    set(24, 1)
    set(28, pages)
    set(40, 1)
    set(44, 4)
    // A file with pointer maps has a largest root; the engine takes any but zero for it.
    set(52, hasPointerMaps ? 3 : 0)
    set(56, (encoding ?? .utf8).rawValue)
    set(92, 1)
    set(96, 3_040_001)
    return bytes
  }
}
