import CArchive
import MendKit

/// Writes a tar archive, compressed with zstd, into an open file, front to back.
final class TarWriter {
  private let library: UnsafePointer<carchive_api>
  private let archive: OpaquePointer
  private let sink: Sink
  private let path: String

  /// Starts an archive at the beginning of an empty file. `threads` of 0 compresses on the caller's own thread. The
  /// names of problems are those of `path`.
  init(file: FileHandle, level: Int, threads: Int) throws(Problem) {
    library = try LibArchive.functions()
    path = file.path
    guard let archive = library.pointee.archive_write_new() else {
      throw Problem(.system, tried: "write the archive", on: file.path, said: "no memory is left")
    }
    self.archive = archive
    sink = Sink(file: file)
    let functions = library.pointee
    try check(functions.archive_write_set_format_pax_restricted(archive))
    // GNU tar and bsdtar both read this form; the other one would say everything twice.
    try check(functions.archive_write_set_format_option(archive, "pax", "xattrheader", "SCHILY"))
    try check(functions.archive_write_add_filter_zstd(archive))
    try check(functions.archive_write_set_filter_option(archive, "zstd", "compression-level", String(level)))
    if threads > 0 {
      try check(functions.archive_write_set_filter_option(archive, "zstd", "threads", String(threads)))
    }
    try check(functions.archive_write_set_bytes_per_block(archive, Int32(HashLane.bufferSize)))
    try check(functions.archive_write_set_bytes_in_last_block(archive, 1))
    try check(
      functions.archive_write_open(
        archive, Unmanaged.passUnretained(sink).toOpaque(), nil,
        { _, context, bytes, count in
          guard let context else { return LibArchive.fatal }
          let sink = Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
          return sink.take(UnsafeRawBufferPointer(start: bytes, count: count))
        }, nil))
  }

  deinit { _ = library.pointee.archive_write_free(archive) }

  /// Begins a member of exactly `size` bytes; `modified` is in nanoseconds since 1970. What is no file has no bytes.
  func begin(
    _ name: String, kind: MemberKind = .file, size: Int, attributes: FileAttributes, modified: Int64
  ) throws(Problem) {
    let functions = library.pointee
    guard let entry = functions.archive_entry_new() else {
      throw Problem(.system, tried: "write the archive", on: path, said: "no memory is left")
    }
    defer { functions.archive_entry_free(entry) }
    let nanoseconds = ((modified % 1_000_000_000) + 1_000_000_000) % 1_000_000_000
    let seconds = (modified - nanoseconds) / 1_000_000_000
    let result = LibArchive.inUTF8 {
      functions.archive_entry_set_pathname(entry, name)
      functions.archive_entry_set_size(entry, Int64(size))
      switch kind {
      case .file: functions.archive_entry_set_filetype(entry, LibArchive.regularFile)
      case .folder: functions.archive_entry_set_filetype(entry, LibArchive.folder)
      case .link(let target):
        functions.archive_entry_set_filetype(entry, LibArchive.symbolicLink)
        functions.archive_entry_set_symlink(entry, target)
      }
      functions.archive_entry_set_perm(entry, mode_t(attributes.mode))
      functions.archive_entry_set_uid(entry, Int64(attributes.user))
      functions.archive_entry_set_gid(entry, Int64(attributes.group))
      functions.archive_entry_set_mtime(entry, time_t(seconds), Int(nanoseconds))
      for (key, value) in attributes.extended.sorted(by: { $0.key < $1.key }) {
        functions.archive_entry_xattr_add_entry(entry, key, value, value.count)
      }
      return functions.archive_write_header(archive, entry)
    }
    try check(result)
  }

  /// Writes the next bytes of the member.
  func write(_ bytes: UnsafeRawBufferPointer) throws(Problem) {
    var rest = bytes
    while rest.count > 0 {
      let count = library.pointee.archive_write_data(archive, rest.baseAddress, rest.count)
      guard count > 0 else { throw problem() }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Writes the next bytes of the member.
  func write(_ bytes: ArraySlice<UInt8>) throws(Problem) {
    let outcome = bytes.withUnsafeBytes { buffer in
      Result { () throws(Problem) in try write(buffer) }
    }
    try outcome.get()
  }

  /// Ends the member.
  func end() throws(Problem) { try check(library.pointee.archive_write_finish_entry(archive)) }

  /// Writes a whole member.
  func write(_ name: String, _ bytes: [UInt8], modified: Int64) throws(Problem) {
    let attributes = FileAttributes(user: geteuid(), group: getegid(), mode: 0o600)
    try begin(name, size: bytes.count, attributes: attributes, modified: modified)
    try write(bytes[...])
    try end()
  }

  /// Ends the archive and hands all that is left to the file, which is not synced.
  func close() throws(Problem) { try check(library.pointee.archive_write_close(archive)) }

  private func check(_ result: Int32) throws(Problem) {
    guard result >= LibArchive.warn, sink.problem == nil else { throw problem() }
  }

  private func problem() -> Problem {
    if let problem = sink.problem { return problem }
    let said = library.pointee.archive_error_string(archive).map { String(cString: $0) }
    return .ofLibrary(library.pointee.archive_errno(archive), "write the archive", path)
      ?? Problem(.system, tried: "write the archive", on: path, said: said ?? "libarchive gives no reason")
  }
}

/// Where libarchive's compressed bytes go.
private final class Sink {
  private let file: FileHandle
  private var offset = 0
  private var writeback = Writeback()
  private(set) var problem: Problem?

  init(file: FileHandle) { self.file = file }

  /// Writes bytes behind those before; their count, or libarchive's code for a failure, whose reason is kept.
  func take(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard problem == nil else { return LibArchive.fatal }
    do throws(Problem) {
      try file.write(bytes, at: offset)
    } catch {
      problem = error
      return LibArchive.fatal
    }
    offset += bytes.count
    writeback.wrote(file, upTo: offset)
    return bytes.count
  }
}
