import MendKit

extension HostileArchive {
  /// Manifests that say something else than what the archive holds, or than can be.
  static func manifests(_ genuine: GenuineArchive, _ canary: String) -> [HostileArchive] {
    let zeros = String(repeating: "0", count: 64)
    let cases: [(String, Fate, [String], JSONValue?)] = [
      ("sha", .refused, ["members", "0", "sha256"], .string(zeros)),
      ("xxh3", .refused, ["members", "0", "xxh3"], .string(String(zeros.prefix(32)))),
      ("size-0", .refused, ["members", "0", "size"], .integer(0)),
      ("size-more", .refused, ["members", "0", "size"], .integer(genuine.main.content.count + 1)),
      ("size-max", .refused, ["members", "0", "size"], .integer(.max)),
      ("size-negative", .refused, ["members", "0", "size"], .integer(-1)),
      ("size-text", .refused, ["members", "0", "size"], .string("1")),
      ("size-number", .refused, ["members", "0", "size"], .number(1e300)),
      ("no-members", .refused, ["members"], .array([])),
      ("members-null", .refused, ["members"], .null),
      ("path-canary", .any, ["store", "path"], .string(canary)),
      (
        "elsewhere", .any, ["store"],
        .object([
          JSONMember("environment", .string("adhoc")), JSONMember("name", .string("canary")),
          JSONMember("path", .string(canary)),
        ])
      ),
      (
        "elsewhere-uri", .any, ["store"],
        .object([
          JSONMember("environment", .string("adhoc")), JSONMember("name", .string("x")),
          JSONMember("path", .string("postgresql://evil.invalid/x?host=/tmp")),
        ])
      ),
      ("path-relative", .any, ["store", "path"], .string("../beside/canary")),
      ("path-empty", .any, ["store", "path"], .string("")),
      ("path-folder", .any, ["store", "path"], .string(canary.replacing("/canary", with: ""))),
      ("path-nul", .any, ["store", "path"], .string("a\u{0}b")),
      ("path-escape", .any, ["store", "path"], .string("/\u{1B}[2J\u{1B}]0;x\u{07}\u{202E}")),
      ("path-uri", .any, ["store", "path"], .string("postgresql://evil.invalid/x?host=/tmp")),
      ("environment", .any, ["store", "environment"], .string("../../beside")),
      ("store-name", .any, ["store", "name"], .string("\u{1B}[2J\n::error::x\r\n%0A")),
      ("store-long", .any, ["store", "name"], .string(String(repeating: "n", count: 1_000_000))),
      ("taken-late", .any, ["taken"], .string("9999-12-31T23:59:59Z")),
      ("taken-early", .any, ["taken"], .string("0000-01-01T00:00:00Z")),
      ("taken-garbage", .refused, ["taken"], .string("99999999999999999999-01-01T00:00:00Z")),
      ("taken-minus", .any, ["taken"], .string("-999-01-01T00:00:00Z")),
      ("sequence-max", .any, ["sequence"], .integer(.max)), ("sequence-large", .any, ["sequence"], .integer(.max - 1)),
      ("sequence-negative", .refused, ["sequence"], .integer(-1)),
      ("sequence-huge", .refused, ["sequence"], .number(1e30)),
      (
        "rows-max", .any, ["rows"],
        .object([JSONMember("users", .integer(.max)), JSONMember("orders", .integer(.max))])
      ),
      ("rows-min", .any, ["rows"], .object([JSONMember("users", .integer(.min)), JSONMember("orders", .integer(-1))])),
      ("rows-number", .refused, ["rows"], .object([JSONMember("users", .number(1e300))])),
      (
        "rows-names", .any, ["rows"],
        .object([
          JSONMember("\u{1B}[2J", .integer(7)), JSONMember("\n::error::x", .integer(7)), JSONMember("", .integer(7)),
          JSONMember("a\"; drop table users; --", .integer(7)),
        ])
      ),
      (
        "rows-many", .any, ["rows"],
        .object((0..<200_000).map { JSONMember("t\($0)", .integer($0)) })
      ),
      ("verdict-healthy", .any, ["verdict"], .string("healthy")),
      ("verdict-damaged", .any, ["verdict"], .string("damaged")),
      ("verdict-unknown", .refused, ["verdict"], .string("fine")),
      ("reason", .any, ["reason"], .string("\u{1B}[31mput-back\n\n::error::x")),
      ("reason-put-back", .any, ["reason"], .string("put-back")),
      ("engine", .any, ["engine"], .string("\u{1B}]0;x\u{07}\u{9B}2J")),
      ("version", .any, ["version"], .string("\u{1B}[2J")),
      ("format", .refused, ["format"], .string("dbmend.manifest/99")),
      ("format-2", .any, ["format"], .string("dbmend.manifest/2")),
      ("format-3", .refused, ["format"], .string("dbmend.manifest/3")),
      ("mode-setuid", .any, ["members", "0", "mode"], .string("7777")),
      ("mode-none", .any, ["members", "0", "mode"], .string("0")),
      ("mode-large", .refused, ["members", "0", "mode"], .string("177777")),
      ("mode-text", .refused, ["members", "0", "mode"], .string("rwx")),
      ("user-negative", .refused, ["members", "0", "user"], .integer(-1)),
      ("user-huge", .refused, ["members", "0", "user"], .integer(1 << 40)),
      ("user-max", .any, ["members", "0", "user"], .integer(0xFFFF_FFFF)),
      ("xattrs-bad", .refused, ["members", "0", "xattrs"], .object([JSONMember("user.x", .string("zz"))])),
      ("xattrs-name", .any, ["members", "0", "xattrs"], .object([JSONMember("../x\u{0}y", .string("00"))])),
      (
        "xattrs-large", .any, ["members", "0", "xattrs"],
        .object([JSONMember("user.x", .string(String(repeating: "00", count: 1 << 20)))])
      ),
      (
        "xattrs-capability", .any, ["members", "0", "xattrs"],
        .object([JSONMember("security.capability", .string("0100000201000000000000000000000000000000"))])
      ),
      ("schema-main", .any, ["schema"], .string(genuine.main.name)),
      ("schema-none", .refused, ["schema"], .string("gone.sql")),
      ("schema-out", .refused, ["schema"], .string("../evil")),
      ("notes-main", .any, ["notes"], .string(genuine.main.name)),
      ("listing", .any, ["listing"], .object([JSONMember("member", .string("x"))])),
      ("stamp-max", .any, ["stamp", "size"], .integer(.max)),
      ("stamp-modified-min", .any, ["stamp", "modified"], .integer(.min)),
      ("stamp-modified-max", .any, ["stamp", "modified"], .integer(.max)),
      ("stamp-inode", .refused, ["stamp", "inode"], .string("-1")),
      ("stamp-counter", .refused, ["stamp", "change_counter"], .integer(1 << 40)),
      ("stamp-log", .any, ["stamp", "log"], .array((0..<100_000).map { .string("\($0)") })),
    ]
    var found = cases.map { name, fate, path, value in
      HostileArchive(
        name: "manifest-\(name)", fate: fate, bytes: genuine.packed(genuine.tarMembers(), genuine.manifest(path, value))
      )
    }
    for kind in ["duckdb", "h2", "json", "folder", "postgresql", "nonsense", "", "\u{1B}[2J"] {
      found.append(
        HostileArchive(
          name: "manifest-kind-\(kind.isEmpty ? "none" : kind == "\u{1B}[2J" ? "escape" : kind)", fate: .any,
          bytes: genuine.packed(genuine.tarMembers(), genuine.manifest(["kind"], .string(kind)))))
    }
    for member in [
      "format", "store", "kind", "taken", "sequence", "verdict", "members", "rows", "stamp", "schema", "reason",
    ] {
      found.append(
        HostileArchive(
          name: "manifest-without-\(member)", fate: .any,
          bytes: genuine.packed(genuine.tarMembers(), genuine.manifest([member], nil))))
    }
    let twice = genuine.manifest.replacing(
      ["members", "1"], genuine.manifest["members"]?.array?.first)
    found.append(
      HostileArchive(
        name: "manifest-member-twice", fate: .refused, bytes: genuine.packed(genuine.tarMembers(), twice.text())))
    return found
  }

  /// Manifests that are no JSON, or JSON that nobody writes.
  static func texts(_ genuine: GenuineArchive) -> [HostileArchive] {
    let text = genuine.manifest.text()
    let body = text.dropFirst()
    let twice = "{\"store\": {\"environment\":\"x\",\"name\":\"y\",\"path\":\"/z\"}, \"verdict\": \"damaged\", " + body
    typealias Text = (name: String, fate: Fate, bytes: () -> [UInt8])
    func case_(_ name: String, _ fate: Fate, _ bytes: @autoclosure @escaping () -> [UInt8]) -> Text {
      (name, fate, bytes)
    }
    let cases = [
      case_("deep-array", .refused, [UInt8](repeating: 0x5B, count: 1_000_000)),
      case_("deep-object", .refused, Array(String(repeating: "{\"a\":", count: 200_000).utf8)),
      case_(
        "deep-inside", .any,
        Array(("{\"x\":" + String(repeating: "[", count: 400) + String(repeating: "]", count: 400) + "," + body).utf8)),
      case_("twice", .any, Array(twice.utf8)), case_("empty", .refused, []),
      case_("null", .refused, Array("null".utf8)),
      case_("array", .refused, Array("[\(text)]".utf8)), case_("number", .refused, Array("1e99999".utf8)),
      case_("huge-number", .any, Array(("{\"x\": 1" + String(repeating: "0", count: 1_000_000) + "," + body).utf8)),
      case_("exponent", .any, Array(("{\"x\": 1e-99999999999999999999," + body).utf8)),
      case_("mark", .any, [0xEF, 0xBB, 0xBF] + Array(text.utf8)),
      case_("utf16", .refused, text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }),
      case_(
        "not-utf8", .refused, Array("{\"x\": \"".utf8) + [0xC0, 0x80, 0xFF] + Array("\",".utf8) + Array(body.utf8)),
      case_("surrogate", .refused, Array(("{\"x\": \"\\ud800\"," + body).utf8)),
      case_("nul", .refused, Array(text.utf8) + [0]),
      case_("large", .any, Array(text.utf8) + [UInt8](repeating: 0x20, count: 63 << 20)),
      case_("larger", .refused, Array(text.utf8) + [UInt8](repeating: 0x20, count: 100 << 20)),
      case_(
        "many-strings", .any, Array(("{\"x\": [" + String(repeating: "\"\",", count: 2_000_000) + "0]," + body).utf8)),
    ]
    return cases.flatMap { name, fate, bytes in
      let inside = HostileArchive(
        name: "text-\(name)", fate: fate,
        bytes: Zstd.frame(TarMember.tar(genuine.tarMembers() + [TarMember("manifest.json", bytes())])))
      // The archive behind a copy that makes no sense is as good as ever.
      let copy = HostileArchive(name: "copy-text-\(name)", fate: .any, bytes: genuine.bytes, copy: bytes())
      return [inside, copy]
    }
  }

  /// Copies beside an archive that differ from what is inside; and archives that are no files.
  static func beside(_ genuine: GenuineArchive, _ canary: String) -> [HostileArchive] {
    func seal(_ size: JSONValue, _ sum: String) -> JSONValue {
      genuine.manifest.replacing(["archive"], .object([JSONMember("size", size), JSONMember("xxh3", .string(sum))]))
    }
    let sum = GenuineArchive.xxh3(genuine.bytes)
    let size = JSONValue.integer(genuine.bytes.count)
    let zeros = String(repeating: "0", count: 32)
    let copies: [(String, Fate, JSONValue)] = [
      ("true", .sound, seal(size, sum)), ("seal-sum", .any, seal(size, zeros)),
      ("seal-size", .any, seal(.integer(1), sum)),
      ("seal-max", .any, seal(.integer(.max), sum)), ("seal-negative", .any, seal(.integer(-1), sum)),
      ("sequence", .any, seal(size, sum).replacing(["sequence"], .integer(.max))),
      ("damaged", .any, seal(size, sum).replacing(["verdict"], .string("damaged"))),
      ("other-store", .any, seal(size, sum).replacing(["store", "path"], .string(canary))),
      ("sha", .any, seal(size, sum).replacing(["members", "0", "sha256"], .string(zeros + zeros))),
      ("name", .refused, seal(size, sum).replacing(["members", "0", "name"], .string("other.db"))),
      ("rows", .any, seal(size, sum).replacing(["rows", "users"], .integer(.max))),
      ("put-back", .any, seal(size, sum).replacing(["reason"], .string("put-back"))),
      ("size", .refused, seal(size, sum).replacing(["members", "0", "size"], .integer(1 << 40))),
    ]
    var found = copies.map { name, fate, copy in
      HostileArchive(name: "copy-\(name)", fate: fate, bytes: genuine.bytes, copy: Array(copy.text().utf8))
    }
    func place(_ name: String, _ fate: Fate, _ make: @escaping (String) throws -> Void) {
      found.append(HostileArchive(name: "place-\(name)", fate: fate, bytes: [], place: make))
    }
    place("fifo", .refused) { _ = mkfifo($0, 0o600) }
    place("folder", .refused) { _ = mkdir($0, 0o700) }
    place("link-canary", .refused) { _ = symlink(canary, $0) }
    place("link-nowhere", .refused) { _ = symlink("/nonexistent/x", $0) }
    place("link-itself", .refused) { _ = symlink($0, $0) }
    place("device", .refused) { _ = symlink("/dev/zero", $0) }
    for (name, target) in [("fifo", ""), ("link", canary), ("device", "/dev/zero"), ("loop", "self")] {
      let bytes = genuine.bytes
      place("copy-\(name)", .any) { path in
        let file = try FileHandle.create(path, mode: 0o600)
        try file.write(bytes, at: 0)
        for suffix in [".manifest.json", ".pages"] {
          let copy = path.replacing(".tar.zst", with: suffix)
          _ = name == "fifo" ? mkfifo(copy, 0o600) : symlink(name == "loop" ? copy : target, copy)
        }
      }
    }
    return found
  }
}
