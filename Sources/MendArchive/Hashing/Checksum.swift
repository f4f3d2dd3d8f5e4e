import MendKit

/// Checksums of whole files.
public enum Checksum {
  /// The SHA-256 of a file in hexadecimal. Throws when it cannot be read, or libcrypto is not there.
  public static func sha256(of path: String) throws(Problem) -> String {
    let file = try FileHandle.read(path)
    defer { file.close() }
    let digests = try Digests(sha256: true)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var offset = 0
    while true {
      let count = try file.read(into: buffer, at: offset)
      if count == 0 { break }
      digests.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += count
    }
    return try digests.finish().sha256 ?? ""
  }
}
