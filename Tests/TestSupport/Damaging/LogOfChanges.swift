/// A write-ahead log, made by hand, whose one transaction turns a database file into another one of the same page size: so
/// that damage reaches a reader through the log, with sound checksums.
public enum LogOfChanges {
  /// The log's bytes; nil where the two have no difference that whole pages can tell.
  public static func bytes(from old: DatabaseImage, to new: DatabaseImage, salt: UInt32) -> [UInt8]? {
    let pages = (1...max(1, new.pageCount)).filter { new.page($0) != old.page($0) }
    guard new.bytes.count % new.pageSize == 0, !pages.isEmpty else { return nil }
    var log = Log(pageSize: new.pageSize, salt: salt)
    for page in pages {
      var content = new.page(page)
      // Write and read version 2: the file is in WAL mode.
      if page == 1 { content.replaceSubrange(18...19, with: [2, 2]) }
      log.add(page: page, content, commit: page == pages.last ? new.pageCount : 0)
    }
    return log.bytes
  }

  private struct Log {
    var bytes: [UInt8] = []
    private let salts: [UInt8]
    private var sums: (UInt32, UInt32) = (0, 0)

    init(pageSize: Int, salt: UInt32) {
      salts = Self.long(Int(salt)) + Self.long(Int(salt ^ 0x5A5A_5A5A))
      // The magic number of sums over big-endian words, format 3007000.
      bytes = Self.long(0x377F_0683) + Self.long(3_007_000) + Self.long(pageSize) + Self.long(0) + salts
      sum(bytes)
      bytes += Self.long(Int(sums.0)) + Self.long(Int(sums.1))
    }

    mutating func add(page: Int, _ content: [UInt8], commit: Int) {
      let head = Self.long(page) + Self.long(commit)
      sum(head)
      sum(content)
      bytes += head + salts + Self.long(Int(sums.0)) + Self.long(Int(sums.1)) + content
    }

    private mutating func sum(_ some: [UInt8]) {
      for at in stride(from: 0, to: some.count, by: 8) {
        sums.0 &+= Self.number(some, at) &+ sums.1
        sums.1 &+= Self.number(some, at + 4) &+ sums.0
      }
    }

    private static func number(_ bytes: [UInt8], _ at: Int) -> UInt32 {
      bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func long(_ value: Int) -> [UInt8] {
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
  }
}
