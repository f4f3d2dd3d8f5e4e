import MendKit

/// Small files of a folder, read whole into one piece of memory.
struct SmallFiles: Sendable {
  /// A file that was read in one state.
  struct File: Sendable {
    var bytes: ArraySlice<UInt8>
    var status: FileStatus
    var attributes: FileAttributes
  }

  /// The largest of them, in bytes.
  static let largest = 64 << 10

  /// One for each entry; nil of a large one, of what is no file, and of one that could not be read in one state, or has another
  /// size than its folder said.
  let files: [File?]

  /// Reads those among some entries of a folder that are small. `look` is called with each one's place among them and its content.
  init(
    _ entries: [FolderWalk.Entry], in folder: String,
    look: (_ place: Int, _ content: UnsafeRawBufferPointer) -> Void = { _, _ in }
  ) {
    let isSmall = entries.map { $0.status.kind == .file && $0.status.size <= Self.largest }
    let room = zip(entries, isSmall).reduce(0) { $0 + ($1.1 ? $1.0.status.size : 0) }
    var read: [(range: Range<Int>, status: FileStatus, attributes: FileAttributes)?] = []
    let memory = [UInt8](unsafeUninitializedCapacity: room) { buffer, used in
      let memory = UnsafeMutableRawBufferPointer(buffer)
      for (place, entry) in entries.enumerated() {
        let range = used..<used + (isSmall[place] ? entry.status.size : 0)
        let part = UnsafeMutableRawBufferPointer(rebasing: memory[range])
        guard isSmall[place], let found = Self.read(entry, in: folder, into: part) else {
          read.append(nil)
          continue
        }
        look(place, UnsafeRawBufferPointer(part))
        read.append((range, found.status, found.attributes))
        used = range.upperBound
      }
    }
    files = read.map { found in
      found.map { File(bytes: memory[$0.range], status: $0.status, attributes: $0.attributes) }
    }
  }

  private static func read(
    _ entry: FolderWalk.Entry, in folder: String, into part: UnsafeMutableRawBufferPointer
  ) -> (status: FileStatus, attributes: FileAttributes)? {
    let path = Paths.join(folder, entry.path)
    guard let file = try? FileHandle.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, tried: "open") else { return nil }
    defer { file.close() }
    guard let status = try? file.status(), status.kind == .file, status.size == part.count,
      (try? file.read(into: part, at: 0)) == part.count, let attributes = try? FileAttributes(of: file, status),
      let after = try? file.status(), after == status
    else { return nil }
    return (status, attributes)
  }
}
