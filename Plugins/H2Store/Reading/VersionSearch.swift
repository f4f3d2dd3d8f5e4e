import MendKit

/// Looks for the chunks that may be the newest one of a store, in the way of H2 (`readStoreHeader`).
struct VersionSearch {
  private let file: StoreFile

  init(_ file: StoreFile) { self.file = file }

  /// Whole chunks, those of the newest versions first. Of a store that was closed, the one that its headers name is the first and
  /// the others are only asked for when it is of no use.
  func candidates() throws(Problem) -> [Chunk] {
    var found: [Int: Chunk] = [:]
    for header in file.headers.headers.compactMap({ $0 }) {
      if let chunk = try file.whole(at: header.block, id: header.chunk) { found[chunk.block] = chunk }
    }
    if file.headers.isClean, let chunk = found.values.first {
      // All others are looked at when this one is no good.
      if case .success(let version) = try StoreVersion.read(chunk, in: file, known: [:]), version.broken.isEmpty {
        return [chunk]
      }
    } else {
      if let last = try file.lastWhole(before: file.blocks) { found[last.block] = last }
      if var newest = found.values.max(by: { $0.version < $1.version }) {
        while newest.next != 0, let next = try file.whole(at: newest.next), next.version > newest.version {
          found[next.block] = next
          newest = next
        }
      }
      let sorted = Self.sorted(Array(found.values))
      if let chunk = sorted.first, case .success(let version) = try StoreVersion.read(chunk, in: file, known: [:]),
        version.broken.isEmpty
      {
        return sorted
      }
    }
    for chunk in try file.wholeChunks() { found[chunk.block] = chunk }
    return Self.sorted(Array(found.values))
  }

  /// Newest versions first; of two copies of a chunk, the one nearer to the beginning.
  static func sorted(_ chunks: [Chunk]) -> [Chunk] {
    chunks.sorted { ($0.version, -$0.block) > ($1.version, -$1.block) }
  }
}
