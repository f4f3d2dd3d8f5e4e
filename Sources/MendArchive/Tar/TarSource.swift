import CArchive
import MendKit

/// Where libarchive's bytes come from.
class TarSource {
  /// Why there are no more.
  fileprivate(set) var problem: Problem?

  /// The next bytes; their count, 0 at the end, or libarchive's code for a failure, whose reason is kept.
  fileprivate func next(_ start: inout UnsafeRawPointer?) -> Int { 0 }

  /// Reads what libarchive did not ask for; size and checksum of the whole file.
  func finish() throws(Problem) -> Seal { Seal(size: 0, xxh3: "") }

  /// Has a reader read from here.
  func open(_ archive: OpaquePointer, _ functions: carchive_api) -> Int32 {
    functions.archive_read_open(
      archive, Unmanaged.passUnretained(self).toOpaque(), nil,
      { _, context, buffer in
        guard let context, let buffer else { return LibArchive.fatal }
        return Unmanaged<TarSource>.fromOpaque(context).takeUnretainedValue().next(&buffer.pointee)
      }, nil)
  }
}

/// The bytes of an archive's file. All of them go through a checksum on their way.
final class PackedSource: TarSource {
  private let file: FileHandle
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
  private let digests: Digests
  private var offset = 0

  init(_ path: String) throws(Problem) {
    file = try ArchiveFile.open(path)
    digests = try Digests(sha256: false)
  }

  deinit { buffer.deallocate() }

  fileprivate override func next(_ start: inout UnsafeRawPointer?) -> Int {
    do throws(Problem) {
      let count = try file.read(into: buffer, at: offset)
      offset += count
      digests.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      start = UnsafeRawPointer(buffer.baseAddress)
      return count
    } catch {
      problem = error
      return LibArchive.fatal
    }
  }

  override func finish() throws(Problem) -> Seal {
    var start: UnsafeRawPointer?
    while next(&start) > 0 {}
    if let problem { throw problem }
    return Seal(size: offset, xxh3: try digests.finish().xxh3)
  }
}

/// The bytes of an archive's file as another thread decompresses them, one piece ahead of whoever reads them: to decompress takes as
/// long as to look at what comes of it.
final class UnpackedSource: TarSource {
  private let unpacking: Unpacking
  private var following: WorkLane.Piece<Unpacking.Part>?
  private let lane = WorkLane()

  init(_ packed: PackedSource, _ path: String) throws(Problem) { unpacking = try Unpacking(packed, path) }

  fileprivate override func next(_ start: inout UnsafeRawPointer?) -> Int {
    let part = (following ?? lane.begin { [unpacking] in unpacking.next() }).value
    following = nil
    guard part.problem == nil else {
      problem = part.problem
      return LibArchive.fatal
    }
    if part.count > 0 { following = lane.begin { [unpacking] in unpacking.next() } }
    start = UnsafeRawPointer(unpacking.buffers[part.buffer].baseAddress)
    return part.count
  }

  override func finish() throws(Problem) -> Seal {
    var start: UnsafeRawPointer?
    while next(&start) > 0 {}
    if let problem { throw problem }
    return try unpacking.packed.finish()
  }
}

/// Decompresses an archive's file into two buffers in turn. Not checked by the compiler: it is used by one thread at a time, since its
/// only user asks for the next part when it has got the one before, and a buffer is written again when the part after its own was got.
private final class Unpacking: @unchecked Sendable {
  /// What came next.
  struct Part: Sendable {
    /// The number of the buffer that it is in, and of its bytes.
    var buffer = 0
    var count = 0
    var problem: Problem?
  }

  let packed: PackedSource
  let buffers: [UnsafeMutableRawBufferPointer]
  private let path: String
  private let library: UnsafePointer<carchive_api>
  private let archive: OpaquePointer
  private var isOpen = false
  private var turn = 0

  init(_ packed: PackedSource, _ path: String) throws(Problem) {
    self.packed = packed
    self.path = path
    library = try LibArchive.functions()
    guard let archive = library.pointee.archive_read_new() else {
      throw Problem(.system, tried: "read the archive", on: path, said: "no memory is left")
    }
    self.archive = archive
    buffers = (0..<2).map { _ in UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096) }
  }

  deinit {
    _ = library.pointee.archive_read_free(archive)
    for buffer in buffers { buffer.deallocate() }
  }

  func next() -> Part {
    let functions = library.pointee
    if !isOpen {
      isOpen = true
      var entry: OpaquePointer?
      guard functions.archive_read_append_filter(archive, LibArchive.zstd) >= LibArchive.warn,
        functions.archive_read_support_format_raw(archive) >= LibArchive.warn,
        packed.open(archive, functions) >= LibArchive.warn,
        functions.archive_read_next_header(archive, &entry) >= LibArchive.warn
      else { return failure }
    }
    turn = 1 - turn
    let count = functions.archive_read_data(archive, buffers[turn].baseAddress, buffers[turn].count)
    guard count >= 0, packed.problem == nil else { return failure }
    return Part(buffer: turn, count: count)
  }

  private var failure: Part {
    let said = library.pointee.archive_error_string(archive).map { String(cString: $0) }
    return Part(
      problem: packed.problem ?? .ofLibrary(library.pointee.archive_errno(archive), "read the archive", path)
        ?? .archive("read the archive", path, said ?? "libarchive gives no reason"))
  }
}
