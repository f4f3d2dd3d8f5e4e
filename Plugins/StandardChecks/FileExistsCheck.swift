import MendKit

/// Whether the store's file is there, is what it should be, and belongs to whom it should.
public struct FileExistsCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "file-exists",
    title: "the file is there, readable, not empty, and of the expected kind, owner and mode",
    discussion: """
      Looks at the path and at the first bytes of the file, and opens no database. A link is followed to what it \
      leads to. Where no engine's magic bytes stand at the beginning, the file is looked at more closely: one whose \
      bytes are spread as evenly as noise is reported as encrypted, because then nothing is wrong with it that a \
      repair could mend.

      Owner, group and mode are compared only where the options ask for them. The mode is the exact set of \
      permission bits.
      """,
    kind: .check,
    finds: [
      FindingDescription("file.missing", .error, "nothing is under the path", isOfStore: true),
      FindingDescription(
        "file.not-a-file", .fatal, "a folder, a socket, a pipe or a device is under the path", or: [.error],
        isOfStore: true),
      FindingDescription("file.unreadable", .fatal, "the file cannot be read from its device"),
      FindingDescription("file.empty", .error, "the file has no content", isOfStore: true),
      FindingDescription(
        "file.unknown-kind", .fatal, "no driver knows files that begin like this one", isOfStore: true),
      FindingDescription(
        "file.wrong-kind", .fatal, "the file is of another kind than the configuration says", isOfStore: true),
      FindingDescription("file.encrypted", .fatal, "the file looks encrypted", isOfStore: true),
      FindingDescription("file.owner", .error, "the file belongs to another user than asked for", isOfStore: true),
      FindingDescription("file.group", .error, "the file belongs to another group than asked for", isOfStore: true),
      FindingDescription("file.mode", .error, "the file has other permission bits than asked for", isOfStore: true),
    ],
    options: [
      OptionDescription("kind", .string, "the kind of store that the file must be, as `dbmend plugins` lists them"),
      OptionDescription("owner", .string, "the user whom the file must belong to, by name or number"),
      OptionDescription("group", .string, "the group that the file must belong to, by name or number"),
      OptionDescription("mode", .string, "the permission bits that the file must have, in octal: \"0640\""),
    ],
    examples: Self.examples)

  /// It looks at the path, not at the content.
  public var looksAtPlace: Bool { true }

  /// The check.
  public init() {}

  /// The findings on the file and its beginning. Throws where the file may not be looked at or opened.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    // A server's store has no file of its own.
    guard !context.path.contains("://") else { return [] }
    let status: FileStatus
    do throws(Problem) {
      status = try FileStatus.of(context.path)
    } catch  where error.kind == .missing {
      return [missing(context.path)]
    }
    if status.kind == .folder, context.driver?.keepsFolders == true {
      return try OwnershipRule(options: options, path: context.path).findings(on: status)
    }
    guard status.kind == .file else {
      return [Finding("file.not-a-file", .fatal, "there is a \(status.kind.rawValue) where a file was expected")]
    }
    var findings = try OwnershipRule(options: options, path: context.path).findings(on: status)
    if isAsItShould(status, context, wanted: options.string("kind")) { return findings }
    let file = try FileHandle.open(context.path, O_RDONLY | O_NONBLOCK, tried: "open")
    let head: FileHead
    do throws(Problem) {
      head = FileHead(path: context.path, bytes: try file.read(4096, at: 0), size: status.size)
      if let finding = try kind(of: file, head, context, wanted: options.string("kind")) { findings.append(finding) }
    } catch {
      guard error.kind != .exhausted else { throw error }
      let message = "the file's content cannot be read from its device"
      findings.append(Finding("file.unreadable", .fatal, message, evidence: error.said))
    }
    return findings
  }

  /// Whether the beginning that was read to choose the driver leaves nothing to be said of the content.
  private func isAsItShould(_ status: FileStatus, _ context: CheckContext, wanted: String?) -> Bool {
    guard let head = context.head, let driver = context.driver, head.size > 0, head.size == status.size else {
      return false
    }
    return driver.recognise(head) == .certain && (wanted == nil || wanted == driver.description.id)
  }

  private func missing(_ path: String) -> Finding {
    guard let link = try? FileStatus.of(path, followLinks: false), link.kind == .link else {
      let folder = Paths.folder(of: path)
      let why = FileStatus.exists(folder) ? "" : "; its folder is not there either"
      return Finding("file.missing", .error, "there is no file" + why)
    }
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink(path, &target, target.count)
    let place = String(decoding: target.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return Finding(
      "file.missing", .error,
      "the link leads to \(Paths.join(Paths.folder(of: path), place)), where there is no file")
  }

  private func kind(
    of file: FileHandle, _ head: FileHead, _ context: CheckContext, wanted: String?
  ) throws(Problem) -> Finding? {
    guard head.size > 0 else { return Finding("file.empty", .error, "the file is empty") }
    let recognition = context.driver?.recognise(head) ?? .no
    if recognition != .certain, let why = try ContentSigns.encryption(of: file) {
      return Finding(
        "file.encrypted", .fatal,
        "the file looks encrypted; dbmend cannot check it and recreates it only when asked by name",
        evidence: why)
    }
    let evidence =
      ContentSigns.knownKind(head.bytes).map { "it begins as \($0) does" } ?? "its first bytes are "
      + head.bytes.prefix(16).map { hexadecimal($0) }.joined(separator: " ")
    guard let kind = context.driver?.description.id else {
      return Finding("file.unknown-kind", .fatal, "no driver knows a file of this kind", evidence: evidence)
    }
    if let wanted, wanted != kind {
      return Finding("file.wrong-kind", .fatal, "the file is of kind \(kind), not \(wanted)", evidence: evidence)
    }
    guard recognition == .no else { return nil }
    return Finding("file.wrong-kind", .fatal, "the file is not of kind \(kind)", evidence: evidence)
  }

  private func hexadecimal(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}

extension FileExistsCheck {
  private static let script =
    "create table users(id integer primary key, name text); insert into users(name) values('Ada');"

  private static let examples = [
    Example("a database in its place", script: script, options: [OptionPair("kind", .string("sqlite"))]),
    Example(
      "the mode that was asked for", script: script, damage: [.mode(0o640)],
      options: [OptionPair("mode", .string("0640"))]),
    Example("no file", script: script, damage: [.remove], finds: ["file.missing"]),
    Example("an empty file", script: script, damage: [.truncate(to: 0)], finds: ["file.empty"]),
    Example(
      "a note where the database should be", script: script,
      damage: [.truncate(to: 18), .overwrite(offset: 0, bytes: Array("call Ada at eight\n".utf8))],
      finds: ["file.unknown-kind"]),
    Example(
      "a database of another engine", script: script, options: [OptionPair("kind", .string("duckdb"))],
      finds: ["file.wrong-kind"]),
    Example(
      "a file of noise", script: script, damage: [.truncate(to: 4096), .overwrite(offset: 0, bytes: noise(4096))],
      finds: ["file.encrypted"]),
    Example(
      "a file that others may read", script: script, damage: [.mode(0o644)],
      options: [OptionPair("mode", .string("0640"))], finds: ["file.mode"]),
    Example(
      "a file of another user and group", script: script,
      options: [OptionPair("owner", .integer(54321)), OptionPair("group", .integer(54321))],
      finds: ["file.owner", "file.group"]),
  ]

  /// Bytes as an encrypted page has them: a xorshift generator's, the same each time.
  private static func noise(_ count: Int) -> [UInt8] {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    return (0..<count).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state >> 32)
    }
  }
}
