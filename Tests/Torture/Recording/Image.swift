import CSystem
import Foundation
import MendKit
import TestSupport

/// Everything in a folder, in memory: what a disk holds at one moment.
struct Image: Equatable {
  /// One thing in the folder.
  struct Entry: Equatable {
    enum Content: Equatable {
      case folder
      case file([UInt8])
      case link(String)
    }

    var content: Content
    var mode: Int
    /// Last change of the content, in nanoseconds since 1970.
    var modified: Int64
    /// The number that the file had; a copy has another.
    var inode: UInt64

    var bytes: [UInt8]? { if case .file(let bytes) = content { bytes } else { nil } }
  }

  /// By the path below the folder.
  var entries: [String: Entry] = [:]

  init() {}

  /// What is in a folder now.
  init(of folder: String) throws {
    var found: [String: Entry] = [:]
    func look(_ place: String, _ prefix: String) throws {
      for name in try Paths.names(in: place) {
        let path = Paths.join(place, name)
        let status = try FileStatus.of(path, followLinks: false)
        let content: Entry.Content
        switch status.kind {
        case .folder: content = .folder
        case .link: content = .link(try Paths.linkTarget(path))
        case .file: content = .file(try FileHandle.read(path).readAll(limit: 1 << 30))
        default: continue
        }
        found[prefix + name] = Entry(
          content: content, mode: status.mode, modified: status.modified, inode: status.inode)
        if status.kind == .folder { try look(path, prefix + name + "/") }
      }
    }
    try look(folder, "")
    entries = found
  }

  /// The bytes of a file; nil where there is none.
  func bytes(_ path: String) -> [UInt8]? { entries[path]?.bytes }

  /// The names directly in one of its folders, sorted; "" is the folder itself.
  func names(in folder: String) -> [String] {
    let prefix = folder.isEmpty ? "" : folder + "/"
    return entries.keys.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
      .map { String($0.dropFirst(prefix.count)) }.sorted()
  }

  /// What is at a path and below it.
  func below(_ path: String) -> [String: Entry] {
    entries.filter { $0.key == path || $0.key.hasPrefix(path + "/") }
  }

  /// Makes a folder hold this and nothing else. Files that name files by their number on the disk, as journals do, get the
  /// numbers that the files have now.
  func restore(to folder: String) throws {
    for name in try Paths.names(in: folder) { try Paths.removeTree(Paths.join(folder, name)) }
    var numbers: [UInt64: UInt64] = [:]
    let paths = entries.keys.sorted()
    for path in paths {
      guard let entry = entries[path] else { continue }
      let place = Paths.join(folder, path)
      switch entry.content {
      case .folder: guard mkdir(place, 0o700) == 0 else { throw PreparationFailed("mkdir \(place)") }
      case .link(let target): guard symlink(target, place) == 0 else { throw PreparationFailed("symlink \(place)") }
      case .file(let bytes):
        let file = try FileHandle.create(place, mode: 0o600)
        try file.write(bytes, at: 0)
        numbers[entry.inode] = try file.status().inode
        file.close()
      }
    }
    for path in paths {
      guard let bytes = entries[path]?.bytes, let text = Image.renumbered(path, bytes, numbers) else { continue }
      let file = try FileHandle.update(Paths.join(folder, path))
      try file.truncate(to: 0)
      try file.write(text, at: 0)
      file.close()
    }
    // From the inside out: what is made in a folder changes its time.
    for path in paths.reversed() {
      guard let entry = entries[path] else { continue }
      let place = Paths.join(folder, path)
      if case .link = entry.content { continue }
      chmod(place, mode_t(entry.mode))
      let time = timespec(
        tv_sec: Int(entry.modified / 1_000_000_000), tv_nsec: Int(entry.modified % 1_000_000_000))
      var times = (time, time)
      _ = withUnsafePointer(to: &times) {
        $0.withMemoryRebound(to: timespec.self, capacity: 2) { utimensat(AT_FDCWD, place, $0, 0) }
      }
    }
  }

  /// A journal's text with the numbers that the files have now; nil where nothing is to be changed.
  private static func renumbered(_ path: String, _ bytes: [UInt8], _ numbers: [UInt64: UInt64]) -> [UInt8]? {
    let name = Paths.name(of: path)
    guard name.hasPrefix(".dbmend-journal") || name.hasSuffix(".undo") else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    // In a journal a number follows its key; in the steps of a folder numbers are texts of their own.
    let pattern = name.hasSuffix(".undo") ? #/"(?<number>[0-9]+)"/# : #/"inode": (?<number>[0-9]+)/#
    let new = text.replacing(pattern) { match in
      let digits = match.output.number
      guard let number = UInt64(digits), let now = numbers[number] else { return String(match.output.0) }
      return String(match.output.0).replacing(digits, with: String(now))
    }
    return new == text ? nil : Array(new.utf8)
  }
}
