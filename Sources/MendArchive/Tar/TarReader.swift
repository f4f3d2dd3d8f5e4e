import CArchive
import MendKit

/// What the archive says of one of its members, before its content. Nothing of it is to be trusted.
struct TarEntry {
  enum Kind: Hashable { case file, folder, hardLink, symbolicLink, other }

  /// The name, without a leading `./`.
  var name: String
  var kind: Kind
  /// What a symbolic link says; nil of anything else, or where it is not UTF-8.
  var target: String?
  /// Size in bytes; nil where the archive does not say.
  var size: Int?
  var attributes: FileAttributes
  /// Time of the last change in nanoseconds since 1970.
  var modified: Int64
}

/// Reads a tar archive, compressed with zstd, front to back. Every byte is hostile.
final class TarReader {
  private let library: UnsafePointer<carchive_api>
  private let archive: OpaquePointer
  private let source: TarSource
  private let path: String

  /// Opens an archive for reading. With `unpackingAside`, another thread decompresses it.
  init(_ path: String, unpackingAside: Bool = false) throws(Problem) {
    library = try LibArchive.functions()
    self.path = path
    let packed = try PackedSource(path)
    source = unpackingAside ? try UnpackedSource(packed, path) : packed
    guard let archive = library.pointee.archive_read_new() else {
      throw Problem(.system, tried: "read the archive", on: path, said: "no memory is left")
    }
    self.archive = archive
    let functions = library.pointee
    // Once and no more: a search for filters would unpack a frame within a frame within a frame, each a thousand times as large.
    if !unpackingAside { try check(functions.archive_read_append_filter(archive, LibArchive.zstd)) }
    try check(functions.archive_read_support_format_tar(archive))
    try check(source.open(archive, functions))
  }

  deinit { _ = library.pointee.archive_read_free(archive) }

  /// The next member; nil behind the last one.
  func next() throws(Problem) -> TarEntry? {
    let functions = library.pointee
    var entry: OpaquePointer?
    let result = LibArchive.inUTF8 { functions.archive_read_next_header(archive, &entry) }
    if result == LibArchive.endOfArchive, source.problem == nil { return nil }
    try check(result)
    guard let entry else { throw problem("it has a member without a header") }
    guard let pathname = LibArchive.inUTF8({ functions.archive_entry_pathname(entry) }) else {
      throw problem("it has a member whose name is not UTF-8")
    }
    guard var name = String(validatingCString: pathname) else {
      throw problem("it has a member whose name is not UTF-8")
    }
    while name.hasPrefix("./") { name.removeFirst(2) }
    let target = LibArchive.inUTF8({ functions.archive_entry_symlink(entry) }).flatMap { String(validatingCString: $0) }
    var item = TarEntry(
      name: name, kind: kind(of: entry), target: target,
      size: functions.archive_entry_size_is_set(entry) == 0 ? nil : Int(functions.archive_entry_size(entry)),
      attributes: FileAttributes(
        user: UInt32(truncatingIfNeeded: functions.archive_entry_uid(entry)),
        group: UInt32(truncatingIfNeeded: functions.archive_entry_gid(entry)),
        mode: Int(functions.archive_entry_perm(entry)) & 0o7777),
      modified: Int64(functions.archive_entry_mtime(entry)) &* 1_000_000_000
        &+ Int64(functions.archive_entry_mtime_nsec(entry)))
    _ = functions.archive_entry_xattr_reset(entry)
    var key: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var count = 0
    while functions.archive_entry_xattr_next(entry, &key, &value, &count) == LibArchive.ok {
      guard let key else { continue }
      item.attributes.extended[String(cString: key)] = Array(UnsafeRawBufferPointer(start: value, count: count))
    }
    return item
  }

  private func kind(of entry: OpaquePointer) -> TarEntry.Kind {
    let functions = library.pointee
    if functions.archive_entry_hardlink(entry) != nil { return .hardLink }
    if functions.archive_entry_symlink(entry) != nil { return .symbolicLink }
    switch UInt32(functions.archive_entry_filetype(entry)) {
    case LibArchive.regularFile: return .file
    case LibArchive.folder: return .folder
    case LibArchive.symbolicLink: return .symbolicLink
    default: return .other
    }
  }

  /// Reads the next bytes of the member; the count, 0 at its end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(Problem) -> Int {
    let count = library.pointee.archive_read_data(archive, buffer.baseAddress, buffer.count)
    guard count >= 0, source.problem == nil else { throw problem(nil) }
    return count
  }

  /// Reads what stands behind the last member too; size and checksum of the whole file.
  func finish() throws(Problem) -> Seal { try source.finish() }

  private func check(_ result: Int32) throws(Problem) {
    guard result >= LibArchive.warn, source.problem == nil else { throw problem(nil) }
  }

  private func problem(_ said: String?) -> Problem {
    if let problem = source.problem { return problem }
    let text = said ?? library.pointee.archive_error_string(archive).map { String(cString: $0) }
    return .ofLibrary(library.pointee.archive_errno(archive), "read the archive", path)
      ?? .archive("read the archive", path, text ?? "libarchive gives no reason")
  }
}
