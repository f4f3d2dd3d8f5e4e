/// One line of a listing: a file, folder or link of a folder that was archived.
public struct ListedFile: Sendable, Hashable {
  /// The path within the archive; the archived folder's own name comes first.
  public var name: String
  /// What it is.
  public var kind: MemberKind
  /// Size in bytes; 0 of what is no file.
  public var size: Int
  /// Time of the last change, in nanoseconds since 1970.
  public var modified: Int64
  /// Owner, mode and extended attributes.
  public var attributes: FileAttributes
  /// SHA-256 of the content, in hexadecimal; empty of what is no file.
  public var sha256: String
  /// XXH3 with 128 bits of the content, in hexadecimal; empty of what is no file.
  public var xxh3: String

  /// A line; see the properties.
  public init(
    name: String, kind: MemberKind, size: Int, modified: Int64, attributes: FileAttributes, sha256: String = "",
    xxh3: String = ""
  ) {
    self.name = name
    self.kind = kind
    self.size = size
    self.modified = modified
    self.attributes = attributes
    self.sha256 = sha256
    self.xxh3 = xxh3
  }
}

/// The files of an archived folder, one JSON object on each line, in the order of the archive. An archive of a folder keeps it
/// in a member of its own: a manifest that named a hundred thousand files could not be held in memory for every archive.
public struct FileListing {
  private let bytes: [UInt8]
  /// The lines that were parsed last, the next one first, and the problem of the one behind them.
  private var parsed = Portion()
  /// Those behind them, which another thread parses: that takes as long as what is done with them.
  private var following: WorkLane.Piece<Portion>?
  private let lane = WorkLane()

  /// A listing as it was written. It is hostile: a line is looked at when it is asked for, or shortly before.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Why a line is no line of a listing.
  public struct Flaw: Error, Hashable {
    /// A sentence's part.
    public var said: String
  }

  /// The next file; nil behind the last one.
  public mutating func next() throws(Flaw) -> ListedFile? {
    if parsed.files.isEmpty, parsed.flaw == nil, parsed.end < bytes.count {
      parsed = following?.value ?? Portion(of: bytes, behind: parsed)
      following = nil
      if parsed.flaw == nil, parsed.end < bytes.count {
        following = lane.begin { [bytes, parsed] in Portion(of: bytes, behind: parsed) }
      }
    }
    if let file = parsed.files.popFirst() { return file }
    if let flaw = parsed.flaw { throw flaw }
    return nil
  }

  /// Some lines that follow one another.
  private struct Portion: Sendable {
    private static let linesAtOnce = 256

    var files: ArraySlice<ListedFile> = []
    /// Where they end, in bytes, and how many lines there are before that.
    var end = 0
    var lines = 0
    /// What is wrong with the line behind them.
    var flaw: Flaw?

    /// None; the listing begins behind them.
    init() {}

    init(of bytes: [UInt8], behind before: Portion) {
      (end, lines) = (before.end, before.lines)
      while end < bytes.count, files.count < Self.linesAtOnce {
        lines += 1
        let line = bytes[end..<(bytes[end...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count)]
        guard let file = ListedFile(plain: line) ?? (try? JSONValue(parsing: line)).flatMap(ListedFile.init) else {
          flaw = Flaw(said: "line \(lines) of its listing is malformed")
          return
        }
        files.append(file)
        end = min(line.endIndex + 1, bytes.count)
      }
    }
  }

  /// The line of a file, with its end.
  public static func line(_ file: ListedFile) -> [UInt8] {
    var line: [UInt8] = []
    append(file, to: &line)
    return line
  }

  /// Adds the line of a file, with its end.
  public static func append(_ file: ListedFile, to lines: inout [UInt8]) {
    if !file.appendPlain(to: &lines) { lines += file.json.utf8() }
    lines.append(UInt8(ascii: "\n"))
  }
}

extension ListedFile {
  fileprivate var json: JSONValue {
    var target: String?
    let type: String
    switch kind {
    case .file: type = "file"
    case .folder: type = "folder"
    case .link(let leadsTo): (type, target) = ("link", leadsTo)
    }
    let isFile = kind == .file
    return .object([
      "name": .string(name), "type": .string(type), "target": target.map { .string($0) },
      "size": isFile ? .integer(size) : nil, "modified": .integer(Int(modified)),
      "sha256": isFile ? .string(sha256) : nil, "xxh3": isFile ? .string(xxh3) : nil,
      "user": .integer(Int(attributes.user)), "group": .integer(Int(attributes.group)),
      "mode": .string(String(attributes.mode, radix: 8)), "xattrs": attributes.extendedJSON,
    ])
  }

  fileprivate init?(_ value: JSONValue) {
    guard let name = value["name"]?.string, let type = value["type"]?.string, let modified = value["modified"]?.integer,
      let user = value["user"]?.integer.flatMap({ UInt32(exactly: $0) }),
      let group = value["group"]?.integer.flatMap({ UInt32(exactly: $0) }),
      let mode = value["mode"]?.string.flatMap({ Int($0, radix: 8) }), (0...0o7777).contains(mode),
      let extended = FileAttributes.extended(value["xattrs"])
    else { return nil }
    let attributes = FileAttributes(user: user, group: group, mode: mode, extended: extended)
    self.init(name: name, kind: .folder, size: 0, modified: Int64(modified), attributes: attributes)
    switch type {
    case "folder": return
    case "link":
      guard let target = value["target"]?.string else { return nil }
      kind = .link(target)
    case "file":
      guard let size = value["size"]?.integer, size >= 0, let sha256 = value["sha256"]?.string,
        let xxh3 = value["xxh3"]?.string, Hexadecimal.isBytes(sha256, 32), Hexadecimal.isBytes(xxh3, 16)
      else { return nil }
      (kind, self.size, self.sha256, self.xxh3) = (.file, size, sha256, xxh3)
    default: return nil
    }
  }
}
