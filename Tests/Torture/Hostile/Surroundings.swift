import MendKit
import TestSupport

/// Everything that stands in a folder, as far as anyone could see that it was touched.
struct Surroundings: Equatable {
  /// A name in it.
  struct Sight: Equatable {
    var kind: FileStatus.Kind
    var mode: Int
    var user: UInt32
    var group: UInt32
    var size: Int
    /// Of a folder it is not looked at: what is in it is.
    var modified: Int64
    var inode: UInt64
    /// Content of files, target of links.
    var bytes: [UInt8]
  }

  /// What stands there, by paths below the folder as bytes: not every name is text.
  private(set) var sights: [[UInt8]: Sight] = [:]

  /// Looks at a folder.
  init(_ folder: String) throws { try look(folder, []) }

  /// Only what a predicate takes.
  func only(_ isWanted: ([UInt8]) -> Bool) -> Surroundings {
    var result = self
    result.sights = sights.filter { isWanted($0.key) }
    return result
  }

  /// What differs from how it was before, in words; nil where nothing does.
  func difference(from before: Surroundings) -> String? {
    var said: [String] = []
    for (path, sight) in sights where before.sights[path] != sight {
      let name = String(decoding: path, as: UTF8.self).debugDescription
      guard let old = before.sights[path] else {
        said.append("\(name) was made, a \(sight.kind) of \(sight.size) bytes")
        continue
      }
      said.append(
        "\(name) was changed (\(old.kind) \(String(old.mode, radix: 8)) \(old.size) to \(sight.kind) "
          + "\(String(sight.mode, radix: 8)) \(sight.size)\(old.bytes == sight.bytes ? ", the same content" : ""))")
    }
    for path in before.sights.keys where sights[path] == nil {
      said.append("\(String(decoding: path, as: UTF8.self).debugDescription) is gone")
    }
    return said.isEmpty ? nil : said.sorted().prefix(8).joined(separator: "; ")
  }

  private mutating func look(_ folder: String, _ prefix: [UInt8]) throws {
    guard let stream = opendir(folder) else { return }
    defer { closedir(stream) }
    let place = dirfd(stream)
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        tuple.withMemoryRebound(to: CChar.self, capacity: 256) { text in
          Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
        }
      }
      if name == [0x2E] || name == [0x2E, 0x2E] { continue }
      var status = stat()
      let text = name.map { CChar(bitPattern: $0) } + [0]
      guard fstatat(place, text, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
      let path = prefix + name
      let kind = Self.kind(status)
      sights[path] = Sight(
        kind: kind, mode: Int(status.st_mode & 0o7777), user: status.st_uid, group: status.st_gid,
        size: kind == .folder ? 0 : Int(status.st_size),
        modified: kind == .folder ? 0 : Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
        inode: UInt64(status.st_ino), bytes: Self.content(place, text, kind))
      guard kind == .folder else { continue }
      // By the descriptor, since a name that is no text cannot be part of a path here.
      let inner = openat(place, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      guard inner >= 0 else { continue }
      defer { close(inner) }
      try look("/proc/self/fd/\(inner)/.", path + [0x2F])
    }
  }

  private static func kind(_ status: stat) -> FileStatus.Kind {
    switch status.st_mode & S_IFMT {
    case S_IFDIR: .folder
    case S_IFLNK: .link
    case S_IFSOCK: .socket
    case S_IFIFO: .pipe
    case S_IFREG: .file
    default: .device
    }
  }

  private static func content(_ place: Int32, _ name: [CChar], _ kind: FileStatus.Kind) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 4 << 20)
    if kind == .link {
      let count = bytes.withUnsafeMutableBytes { buffer in
        buffer.bindMemory(to: CChar.self).baseAddress.map { readlinkat(place, name, $0, buffer.count) } ?? 0
      }
      return Array(bytes.prefix(max(0, count)))
    }
    guard kind == .file else { return [] }
    let file = openat(place, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    guard file >= 0 else { return [] }
    defer { close(file) }
    let count = bytes.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, 0) }
    return Array(bytes.prefix(max(0, count)))
  }
}

extension Surroundings {
  /// Drops what was not there then.
  mutating func keep(only then: Surroundings) { self = only { then.sights[$0] != nil } }
}
