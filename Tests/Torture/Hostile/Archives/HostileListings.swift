import MendKit

extension HostileArchive {
  /// Archives of a folder whose listing lies, or leads elsewhere. The members agree with the listing where that can be.
  static func listings(_ genuine: GenuineArchive, _ canary: String) -> [HostileArchive] {
    guard let listing = genuine.manifest["listing"]?["member"]?.string,
      let name = genuine.manifest["listing"]?["folder"]?.string
    else { return [] }
    let content = Array("hello\n".utf8)
    let (sha, xxh3) = (GenuineArchive.sha256(content), GenuineArchive.xxh3(content))
    func line(_ name: String, _ type: String = "file", _ more: [JSONMember] = []) -> JSONValue {
      var members = [
        JSONMember("name", .string(name)), JSONMember("type", .string(type)),
        JSONMember("modified", .integer(1_700_000_000_000_000_000)),
        JSONMember("user", .integer(0)), JSONMember("group", .integer(0)),
        JSONMember("mode", .string(type == "folder" ? "755" : "644")),
      ]
      if type == "file" {
        members += [
          JSONMember("size", .integer(content.count)), JSONMember("sha256", .string(sha)),
          JSONMember("xxh3", .string(xxh3)),
        ]
      }
      for member in more {
        members.removeAll { $0.key == member.key }
        members.append(member)
      }
      return .object(members)
    }
    func member(_ line: JSONValue) -> TarMember {
      let name = line["name"]?.string ?? ""
      switch line["type"]?.string {
      case "folder": return TarMember(name + "/", type: "5")
      case "link": return TarMember(name, type: "2", link: line["target"]?.string ?? "")
      default: return TarMember(name, content)
      }
    }
    func pack(
      _ case_: String, _ fate: Fate, _ lines: [JSONValue], _ members: [TarMember]? = nil,
      _ change: [String: JSONValue] = [:]
    )
      -> HostileArchive
    {
      let text = Array(lines.map { $0.text() + "\n" }.joined().utf8)
      let index = genuine.manifest["members"]?.array?.firstIndex { $0["name"]?.string == listing } ?? 0
      var manifest = genuine.manifest
      for (key, value) in [
        ("size", .integer(text.count)), ("sha256", .string(GenuineArchive.sha256(text))),
        ("xxh3", .string(GenuineArchive.xxh3(text))),
      ] as [(String, JSONValue)] {
        manifest = manifest.replacing(["members", "\(index)", key], value)
      }
      let files = lines.filter { $0["type"]?.string == "file" }.count
      manifest = manifest.replacing(["listing", "files"], .integer(files))
      for (key, value) in change { manifest = manifest.replacing(["listing", key], value) }
      let packed = (members ?? lines.map(member)) + [TarMember(listing, text)]
      return HostileArchive(name: "folder-\(case_)", fate: fate, bytes: genuine.packed(packed, manifest.text()))
    }
    let top = line(name, "folder")
    let target = JSONMember("target", .string(canary.replacing("/canary", with: "")))
    var found = [
      pack("plain", .any, [top, line("\(name)/a")]),
      pack("up", .refused, [top, line("\(name)/../evil")]),
      pack("up-more", .refused, [top, line("\(name)/a/../../../beside/canary")]),
      pack("absolute", .refused, [top, line(canary)]), pack("outside", .refused, [top, line("other/a")]),
      pack("like", .refused, [top, line("\(name)x/a")]), pack("dot", .refused, [top, line("\(name)/./a")]),
      pack("through", .refused, [top, line("\(name)/l", "link", [target]), line("\(name)/l/canary")]),
      pack(
        "through-folder", .refused,
        [top, line("\(name)/l", "link", [target]), line("\(name)/l", "folder"), line("\(name)/l/canary")]),
      pack("top-link", .refused, [line(name, "link", [target]), line("\(name)/canary")]),
      pack("link", .any, [top, line("\(name)/l", "link", [target])]),
      pack("link-empty", .any, [top, line("\(name)/l", "link", [JSONMember("target", .string(""))])]),
      pack("twice", .refused, [top, line("\(name)/a"), line("\(name)/a")]),
      pack("file-and-folder", .refused, [top, line("\(name)/a"), line("\(name)/a", "folder"), line("\(name)/a/b")]),
      pack(
        "missing", .refused, [top, line("\(name)/a"), line("\(name)/b")], [member(top), member(line("\(name)/a"))]),
      pack(
        "more", .refused, [top, line("\(name)/a")], [member(top), member(line("\(name)/a")), member(line("\(name)/b"))]),
      pack(
        "hard-link", .refused, [top, line("\(name)/a")], [member(top), TarMember("\(name)/a", type: "1", link: canary)]),
      pack(
        "other-link", .refused, [top, line("\(name)/l", "link", [target])],
        [member(top), TarMember("\(name)/l", type: "2", link: "/")]),
      pack("setuid", .any, [top, line("\(name)/a", "file", [JSONMember("mode", .string("6777"))])]),
      pack("no-top", .any, [line("\(name)/a")]), pack("nothing", .any, []),
      pack("folder-name", .refused, [top], nil, ["folder": .string("..")]),
      pack("folder-path", .refused, [top], nil, ["folder": .string("a/b")]),
      pack(
        "counts", .any, [top, line("\(name)/a")], nil,
        ["files": .integer(.max), "bytes": .integer(.max), "data": .integer(0)]),
      pack("data", .any, [top, line("\(name)/a")], nil, ["data": .integer(.max)]),
      pack("escape", .any, [top, line("\(name)/\u{1B}[2J")]),
      pack("deep", .any, [top] + (1...900).map { line(name + String(repeating: "/d", count: $0), "folder") }),
    ]
    for (index, more) in [
      JSONMember("size", .integer(.max)), JSONMember("size", .integer(-1)), JSONMember("size", .number(1e300)),
      JSONMember("modified", .integer(.min)), JSONMember("modified", .integer(.max)), JSONMember("sha256", .string("")),
      JSONMember("sha256", .string(String(repeating: "0", count: 64))), JSONMember("xxh3", .string("zz")),
      JSONMember("mode", .string("77777")), JSONMember("mode", .string("-1")), JSONMember("user", .integer(-1)),
      JSONMember("user", .integer(0xFFFF_FFFF)),
      JSONMember("xattrs", .object([JSONMember("security.capability", .string("00"))])),
      JSONMember("xattrs", .object([JSONMember("user.\u{0}", .string("00"))])), JSONMember("type", .string("device")),
      JSONMember("name", .string(name + "/a\u{0}b")), JSONMember("name", .string("")),
    ].enumerated() {
      let lines = [top, line("\(name)/a", "file", [more])]
      found.append(pack("line-\(index)-\(more.key)", .any, lines, [member(top), TarMember("\(name)/a", content)]))
    }
    return found
  }
}
