import MendKit

/// What stands on standard input.
enum StandardInput {
  /// All of it. Throws for a terminal, where nobody meant to type, for nothing at all, and for more than `limit` bytes.
  static func read(limit: Int) throws(Problem) -> [UInt8] {
    guard isatty(STDIN_FILENO) == 0 else {
      throw Problem(
        .usage, tried: "read", on: "standard input", said: "it is a terminal",
        advice: "Give the new content there: dbmend write FILE < NEW")
    }
    var bytes: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = systemRead(STDIN_FILENO, buffer)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemError.problem("read", "standard input") }
      if count == 0 { break }
      bytes.append(contentsOf: buffer[..<count])
      guard bytes.count <= limit else {
        throw Problem(
          .usage, tried: "read", on: "standard input", said: "it holds more than \(ByteSize(bytes: limit).short)")
      }
    }
    guard !bytes.isEmpty else {
      throw Problem(
        .usage, tried: "read", on: "standard input", said: "nothing stands there",
        advice: "Give the new content there: dbmend write FILE < NEW")
    }
    return bytes
  }
}

private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
  read(descriptor, buffer.baseAddress, buffer.count)
}
