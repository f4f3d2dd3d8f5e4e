import MendKit

/// Writes a copy's content into a live file that cannot be renamed over (a bind mount) or whose owner this user cannot give
/// to another file. A rollback journal of SQLite's own format protects the old content: whoever opens the file after a crash
/// in between, SQLite itself included, puts it back.
enum JournaledOverwrite {
  private static let sector = 4096

  /// Overwrites; the caller holds the exclusive lock, and the file has no sidecars.
  static func run(_ copy: FileHandle, over file: FileHandle, journal path: String) throws(Problem) {
    let oldSize = try file.status().size
    let header = DatabaseHeader(try file.read(DatabaseHeader.size, at: 0))
    let pageSize = header?.pageSize ?? 4096
    try writeJournal(of: file, size: oldSize, pageSize: pageSize, at: path)
    do throws(Problem) {
      try transfer(copy, to: file)
    } catch {
      // The journal is hot now; playing it back is what any reader would do.
      try Settlement.settle(file, Sidecars(of: String(path.dropLast("-journal".count))))
      throw error
    }
    // Removing the journal is the commit.
    try Paths.removeFile(path)
    try Durable.syncFolder(Paths.folder(of: path))
  }

  private static func transfer(_ copy: FileHandle, to file: FileHandle) throws(Problem) {
    let size = try copy.status().size
    var offset = 0
    while offset < size {
      let bytes = try copy.read(min(1 << 20, size - offset), at: offset)
      if bytes.isEmpty { break }
      try file.write(bytes, at: offset)
      offset += bytes.count
    }
    try file.truncate(to: size)
    try file.sync()
  }

  /// The whole of the file as a journal (SQLite's file format, section 3). Its header is written last, so that the journal
  /// is not hot before its records are on the disk.
  static func writeJournal(of file: FileHandle, size: Int, pageSize: Int, at path: String) throws(Problem) {
    let pages = (size + pageSize - 1) / pageSize
    let nonce = UInt32.random(in: 1...UInt32.max)
    let journal = try FileHandle.create(path, mode: try file.status().mode)
    do throws(Problem) {
      var at = sector
      for page in 0..<pages {
        var content = try file.read(pageSize, at: page * pageSize)
        content += [UInt8](repeating: 0, count: pageSize - content.count)
        let sum = RollbackJournal.checksum(content[...], nonce: nonce)
        try journal.write(BigEndian.bytes(UInt32(page + 1)) + content + BigEndian.bytes(sum), at: at)
        at += pageSize + 8
      }
      try journal.sync()
      var header = RollbackJournal.magic
      for field in [UInt32(pages), nonce, UInt32(pages), UInt32(sector), UInt32(pageSize)] {
        header += BigEndian.bytes(field)
      }
      try journal.write(header + [UInt8](repeating: 0, count: sector - header.count), at: 0)
      try journal.sync()
      try Durable.syncFolder(Paths.folder(of: path))
    } catch {
      try? Paths.removeFile(path)
      throw error
    }
  }
}
