import CSystem

/// An open file descriptor. Every read and write says at which offset; errors come as problems that name the file.
public final class FileHandle {
  /// The descriptor; -1 once closed.
  public private(set) var descriptor: Int32
  /// The path it was opened by, for messages.
  public let path: String

  /// Takes over an open descriptor.
  public init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { close() }

  /// Opens an existing file for reading. A pipe that stands in its place is not waited for.
  public static func read(_ path: String) throws(Problem) -> FileHandle {
    try open(path, O_RDONLY | O_NONBLOCK, tried: "open")
  }

  /// Opens an existing file for reading and writing.
  public static func update(_ path: String) throws(Problem) -> FileHandle {
    try open(path, O_RDWR, tried: "open for writing")
  }

  /// Makes a new file; fails when the name is taken.
  public static func create(_ path: String, mode: Int) throws(Problem) -> FileHandle {
    let descriptor = csystem_open(path, O_RDWR | O_CREAT | O_EXCL, mode_t(mode))
    guard descriptor >= 0 else { throw SystemError.problem("create", path) }
    return FileHandle(descriptor: descriptor, path: path)
  }

  /// A file without a name, in memory, that holds these bytes: what a program reads on its standard input.
  public static func inMemory(_ bytes: [UInt8]) throws(Problem) -> FileHandle {
    let descriptor = csystem_memory_file()
    guard descriptor >= 0 else { throw SystemError.problem("make", "a file in memory") }
    let file = FileHandle(descriptor: descriptor, path: "a file in memory")
    try file.write(bytes, at: 0)
    return file
  }

  /// Opens with the flags of open(2); `tried` words the problem.
  public static func open(_ path: String, _ flags: Int32, tried: String) throws(Problem) -> FileHandle {
    let descriptor = csystem_open(path, flags, 0)
    guard descriptor >= 0 else { throw SystemError.problem(tried, path) }
    return FileHandle(descriptor: descriptor, path: path)
  }

  /// Whether locks were taken through this descriptor.
  var holdsLocks = false

  /// Lets the descriptor go, and the locks taken through it. Safe to call twice.
  public func close() {
    guard descriptor >= 0 else { return }
    // A program that is being started at this moment holds the open file for an instant longer, and its locks with it.
    if holdsLocks { _ = csystem_lock(descriptor, 0, 0, 0) }
    _ = systemClose(descriptor)
    descriptor = -1
  }

  /// The file's status.
  public func status() throws(Problem) -> FileStatus {
    var buffer = stat()
    guard fstat(descriptor, &buffer) == 0 else { throw SystemError.problem("look at", path) }
    return FileStatus(buffer)
  }

  /// Reads up to the buffer's count of bytes at an offset; less only at the end of the file.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(Problem) -> Int {
    var done = 0
    while done < buffer.count {
      let count = pread(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset + done))
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError.problem("read", path)
      }
      done += count
    }
    return done
  }

  /// Reads up to `count` bytes at an offset.
  public func read(_ count: Int, at offset: Int) throws(Problem) -> [UInt8] {
    var problem: Problem?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      do throws(Problem) {
        used = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
    return bytes
  }

  /// Reads the whole file, refusing one of more than `limit` bytes.
  public func readAll(limit: Int) throws(Problem) -> [UInt8] {
    let size = try status().size
    guard size <= limit else {
      throw Problem(
        .system, tried: "read", on: path,
        said: "it has \(ByteSize(bytes: size).short), more than the "
          + "\(ByteSize(bytes: limit).short) that such a file may have")
    }
    var bytes = try read(max(4096, size + 1), at: 0)
    while bytes.count > size, bytes.count <= limit {
      let more = try read(max(4096, size - bytes.count + 1), at: bytes.count)
      if more.isEmpty { break }
      bytes += more
    }
    return bytes
  }

  /// Writes all bytes at an offset.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Problem) {
    var done = 0
    while done < bytes.count {
      let count = pwrite(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset + done))
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError.problem("write", path)
      }
      done += count
    }
  }

  /// Writes bytes at an offset of a new file, but for blocks of zeros: what is never written is a hole, and reads as zeros.
  /// The file's size is to be set in the end.
  public func writeSparsely(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Problem) {
    let block = 64 << 10
    var start = 0
    while start < bytes.count {
      let end = Swift.min(start + block, bytes.count)
      let part = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
      if !part.isZero { try write(part, at: offset + start) }
      start = end
    }
  }

  /// Writes all bytes at an offset.
  public func write(_ bytes: [UInt8], at offset: Int) throws(Problem) {
    var problem: Problem?
    bytes.withUnsafeBytes { buffer in
      do throws(Problem) {
        try write(buffer, at: offset)
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
  }

  /// What stands at an offset before the end: a hole, which reads as zeros, or content; and where that ends, as far as the system
  /// tells.
  public func piece(at offset: Int, of size: Int) -> (isHole: Bool, end: Int) {
    let data = csystem_seek_data(descriptor, Int64(offset))
    if data < 0 { return (errno == ENXIO, size) }
    if Int(data) > offset { return (true, min(Int(data), size)) }
    let hole = csystem_seek_hole(descriptor, Int64(offset))
    return (false, hole > data ? min(Int(hole), size) : size)
  }

  /// Cuts or extends the file to a size.
  public func truncate(to size: Int) throws(Problem) {
    while ftruncate(descriptor, off_t(size)) != 0 {
      guard errno == EINTR else { throw SystemError.problem("set the size of", path) }
    }
  }

  /// Waits until the content is on the disk.
  public func sync() throws(Problem) { try Durable.sync(descriptor, path) }
}

extension UnsafeRawBufferPointer {
  /// Whether all bytes are 0.
  public var isZero: Bool {
    guard let start = baseAddress, let first, first == 0 else { return isEmpty }
    return count == 1 || memcmp(start, start + 1, count - 1) == 0
  }
}

private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
