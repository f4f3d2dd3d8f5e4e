import MendKit

/// An archive that dbmend would never write, and what may become of it.
struct HostileArchive {
  /// What may be done with it.
  enum Fate {
    /// It holds what its manifest says, so it may be restored.
    case sound
    /// It contradicts itself or leads out of its folder: nothing may come of it.
    case refused
    /// Either, as long as nothing else breaks.
    case any
  }

  let name: String
  let fate: Fate
  /// The bytes of its file, made when they are wanted: some are large.
  let bytes: () -> [UInt8]
  /// What stands beside it as the copy of its manifest; nil for none.
  let copy: () -> [UInt8]?
  /// Makes something else than a file of these bytes under its path.
  let place: ((String) throws -> Void)?

  init(
    name: String, fate: Fate, bytes: @autoclosure @escaping () -> [UInt8],
    copy: @autoclosure @escaping () -> [UInt8]? = nil, place: ((String) throws -> Void)? = nil
  ) {
    (self.name, self.fate, self.bytes, self.copy, self.place) = (name, fate, bytes, copy, place)
  }
}

extension HostileArchive {
  /// All of them.
  static func all(of genuine: GenuineArchive, folder: GenuineArchive, canary: String) -> [HostileArchive] {
    names(genuine, canary) + types(genuine, canary) + frames(genuine) + headers(genuine, canary)
      + manifests(genuine, canary) + texts(genuine) + beside(genuine, canary) + listings(folder, canary)
  }

  /// Names that lead elsewhere, or are none: as the main member with a manifest that agrees, and as one more member.
  private static func names(_ genuine: GenuineArchive, _ canary: String) -> [HostileArchive] {
    let evil = [
      "../evil", "a/../../evil", "./../evil", canary, "//\(canary)", "..", ".", "", "/", "a//b", "a/./b", "app.db/..",
      "../work/app.db", "a/b/../../../beside/canary", "\u{1B}]0;owned\u{07}", "\u{202E}bd.ppa",
      String(repeating: "x", count: 300), String(repeating: "d/", count: 3000) + "x",
    ]
    var found: [HostileArchive] = []
    for (index, name) in evil.enumerated() {
      let content = genuine.main.content
      let isLong = name.utf8.count > 100
      let member = TarMember(isLong ? "short" : name, content)
      let before = isLong ? [TarMember.pax([("path", name)])] : []
      // A name of nothing but odd characters is odd and no more; so is a long one that a file system may take.
      let fate: Fate = index >= 14 ? .any : .refused
      found.append(
        HostileArchive(
          name: "name-\(index)-main", fate: fate,
          bytes: genuine.packed(genuine.tarMembers(main: before + [member]), genuine.manifest(main: name))))
      found.append(
        HostileArchive(
          name: "name-\(index)-more", fate: .refused,
          bytes: genuine.packed(genuine.tarMembers() + before + [member], genuine.manifest.text())))
    }
    for (name, bytes) in [
      ("not-text", [0x61, 0xFF, 0xFE, 0x2F, 0x62]), ("nul", [0x61, 0x00, 0x2F]),
      ("pax-nul", TarMember.record("path", [0x2E, 0x2E, 0x00, 0x2F])),
    ] as [(String, [UInt8])] {
      var member = TarMember("x", genuine.main.content)
      var before: [TarMember] = []
      if name == "pax-nul" { before = [TarMember("h", bytes, type: "x")] } else { member.name = bytes }
      found.append(
        HostileArchive(
          name: "name-\(name)", fate: .refused,
          bytes: genuine.packed(genuine.tarMembers(main: before + [member]), genuine.manifest.text())))
    }
    // A member that stands where dbmend keeps something of its own.
    for name in [
      "dbmend-manifest.json", "app.db-wal", "app.db-journal", "backups/x", "dbmend.yaml", "-rf", "schema.sql",
    ] {
      found.append(
        HostileArchive(
          name: "unlisted-\(name)", fate: .refused,
          bytes: genuine.packed(
            genuine.tarMembers() + [TarMember(name, Array("x".utf8)), TarMember(name, Array("y".utf8))],
            genuine.manifest.text())))
    }
    return found
  }

  /// Members that are no files.
  private static func types(_ genuine: GenuineArchive, _ canary: String) -> [HostileArchive] {
    let (main, content) = genuine.main
    let text = genuine.manifest.text()
    func case_(_ name: String, _ members: [TarMember], _ fate: Fate = .refused) -> HostileArchive {
      HostileArchive(name: "type-\(name)", fate: fate, bytes: genuine.packed(members, text))
    }
    var found: [HostileArchive] = []
    for (index, target) in [canary, "../beside/canary", "app.db", "/dev/zero", "/proc/self/mem", main].enumerated() {
      for type in ["1", "2"] as [Character] {
        found.append(
          case_("link\(type)-\(index)", genuine.tarMembers(main: [TarMember(main, type: type, link: target)])))
        // What stands behind a link of either kind, as its content.
        found.append(
          case_(
            "link\(type)-content-\(index)",
            genuine.tarMembers(main: [TarMember(main, content, type: type, link: target)])))
        found.append(
          case_(
            "link\(type)-twice-\(index)",
            genuine.tarMembers(main: [TarMember(main, type: type, link: target), TarMember(main, content)])))
      }
    }
    let out = canary.replacing("/canary", with: "")
    found.append(
      case_(
        "through",
        genuine.tarMembers(main: [
          TarMember("x", type: "2", link: out), TarMember("x/canary", content), TarMember(main, content),
        ])))
    found.append(
      case_(
        "chain",
        genuine.tarMembers(main: [
          TarMember("a", type: "2", link: "b"), TarMember("b", type: "2", link: ".."),
          TarMember("c", type: "1", link: "a/b"), TarMember("a/canary", content), TarMember(main, content),
        ])))
    for type in "3456789ADIKLMNSVXZ" {
      let isName = "LK".contains(type)
      found.append(
        case_(
          "type-\(type)",
          genuine.tarMembers(main: [TarMember(main, isName ? content : [], type: type)]),
          type == "7" || isName || "NVXMADI".contains(type) ? .any : .refused))
      found.append(
        case_(
          "more-\(type)",
          genuine.tarMembers() + [TarMember("more", isName ? Array(canary.utf8) : [], type: type)], .any))
    }
    found.append(case_("twice", genuine.tarMembers() + [TarMember(main, content)]))
    found.append(
      case_("twice-other", genuine.tarMembers(main: [TarMember(main, [1, 2, 3]), TarMember(main, content)])))
    found.append(
      case_(
        "folder-then-file",
        genuine.tarMembers(main: [
          TarMember(main + "/", type: "5"), TarMember(main, content),
        ]), .any))
    var odd = TarMember(main, content)
    (odd.mode, odd.owner) = (0o7777, 0o777777)
    found.append(case_("setuid", genuine.tarMembers(main: [odd]), .sound))
    return found
  }

  /// What is wrong with the compression, or around it.
  private static func frames(_ genuine: GenuineArchive) -> [HostileArchive] {
    let text = genuine.manifest.text()
    let tar = TarMember.tar(genuine.tarMembers() + [TarMember("manifest.json", Array(text.utf8))])
    let whole = Zstd.frame(tar)
    let main = genuine.main.name
    func case_(
      _ name: String, _ bytes: @autoclosure @escaping () -> [UInt8], _ fate: Fate = .refused
    ) -> HostileArchive {
      HostileArchive(name: "frame-\(name)", fate: fate, bytes: bytes())
    }
    var found = [
      case_("whole", whole, .sound),
      case_("two", Zstd.frame(Array(tar.prefix(2048))) + Zstd.frame(Array(tar.dropFirst(2048))), .any),
      case_("skippable-before", Zstd.skippable(1000) + whole, .any),
      case_("skippable-behind", whole + Zstd.skippable(9)),
      case_("skippable-huge", Array(Zstd.skippable(0).prefix(4)) + [0xFF, 0xFF, 0xFF, 0xFF] + whole),
      case_("window-31", Zstd.frame(tar, window: 21), .any), case_("window-41", Zstd.frame(tar, window: 31), .any),
      case_("nested", Zstd.frame(whole)), case_("nested-twice", Zstd.frame(Zstd.frame(whole))), case_("tar", tar),
      case_("empty", []), case_("one-byte", [0x28]), case_("magic", [0x28, 0xB5, 0x2F, 0xFD]),
      case_("text", Array("dbmend\n".utf8)), case_("zeros", [UInt8](repeating: 0, count: 100_000)),
      case_("trailing", whole + [1]), case_("trailing-archive", whole + whole),
      case_("no-end", Array(whole.dropLast(1024))),
      case_("end-in-the-middle", Zstd.frame(TarMember.tar(genuine.tarMembers()) + tar)),
      case_(
        "no-manifest", Zstd.frame(TarMember.tar(genuine.tarMembers()))),
      case_(
        "manifest-first",
        Zstd.frame(TarMember.tar([TarMember("manifest.json", Array(text.utf8))] + genuine.tarMembers())),
        .any),
      case_(
        "manifest-twice", genuine.packed(genuine.tarMembers() + [TarMember("manifest.json", Array(text.utf8))], text)),
    ]
    for part in [1, 10, 25, 50, 75, 90, 99] {
      found.append(case_("cut-\(part)", Array(genuine.bytes.prefix(genuine.bytes.count * part / 100))))
    }
    // Ten gigabytes that take no room: behind a true size, a false one, or none; and before, between and behind the members.
    let large = 10 << 30
    let head = TarMember(main, [], size: "77777777777").bytes
    let huge = TarMember.pax([("size", "\(large)")]).bytes + TarMember(main, [], size: "0").bytes
    let rest = TarMember.tar([TarMember("manifest.json", Array(text.utf8))])
    found += [
      case_("bomb-main", Zstd.run(0, large, before: head, after: rest)),
      case_("bomb-pax", Zstd.run(0, large, before: huge, after: rest)),
      case_("bomb-zeros-first", Zstd.run(0, 1 << 30, after: tar)),
      case_("bomb-behind", Zstd.run(0, 1 << 30, before: tar), .any),
      case_("bomb-name", Zstd.run(0x78, 1 << 30, before: TarMember("x", [], type: "L", size: "10000000000").bytes)),
      case_(
        "bomb-pax-header", Zstd.run(0x78, 1 << 30, before: TarMember("x", [], type: "x", size: "10000000000").bytes)),
      case_(
        "bomb-manifest",
        Zstd.run(
          0x20, 100 << 20,
          before: genuine.tarMembers().flatMap(\.bytes) + TarMember("manifest.json", [], size: "00620000000").bytes,
          after: tar)),
      case_(
        "bomb-sparse",
        Zstd.frame(
          TarMember.tar(
            [
              TarMember.pax([
                ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", main),
                ("GNU.sparse.realsize", "\(large)"),
              ]),
              TarMember("GNUSparseFile.0/" + main, Array("1\n0\n512\n".utf8) + [UInt8](repeating: 0, count: 504 + 512)),
              TarMember("manifest.json", Array(text.utf8)),
            ]))),
    ]
    return found
  }

  /// Headers that lie.
  private static func headers(_ genuine: GenuineArchive, _ canary: String) -> [HostileArchive] {
    let (main, content) = genuine.main
    let text = genuine.manifest.text()
    func case_(_ name: String, _ before: [TarMember], _ change: (inout TarMember) -> Void = { _ in }) -> HostileArchive
    {
      var member = TarMember(main, content)
      change(&member)
      return HostileArchive(
        name: "header-\(name)", fate: .any, bytes: genuine.packed(genuine.tarMembers(main: before + [member]), text))
    }
    var found: [HostileArchive] = []
    let pax: [(String, String)] = [
      ("size", "99999999999999999999"), ("size", "-1"), ("size", "9223372036854775807"), ("size", "x"), ("size", "0"),
      ("path", "../evil"), ("path", canary), ("path", ""), ("linkpath", canary), ("mtime", "1e999"),
      ("mtime", "-9223372036854775808"),
      ("mtime", "9223372036854775807.999999999"), ("mtime", "nan"), ("uid", "-1"), ("uid", "99999999999999999999"),
      ("gid", "4294967296"), ("uname", "../../etc/passwd"), ("hdrcharset", "BINARY"), ("comment", "\u{1B}[2J"),
      ("GNU.sparse.realsize", "-1"), ("GNU.sparse.map", "0,18446744073709551615"),
      ("GNU.sparse.numblocks", "4294967295"),
      ("GNU.sparse.size", "10737418240"), ("SCHILY.realsize", "10737418240"), ("SCHILY.filetype", "socket"),
      ("SCHILY.dev", "-1"),
      ("SCHILY.acl.access", "user::rwx,group::rwx,other::rwx,mask::rwx,user:evil:rwx"), ("SCHILY.acl.access", "x"),
      ("SCHILY.xattr.user.x", String(repeating: "x", count: 70_000)),
      ("SCHILY.xattr.security.capability", "\u{1}\u{0}"),
      ("SCHILY.xattr.", "x"), ("LIBARCHIVE.xattr.%2e%2e%2f", "!!!"), ("LIBARCHIVE.symlinktype", "dir"),
      ("LIBARCHIVE.creationtime", "9223372036854775807"), ("RHT.security.selinux", "x"),
    ]
    for (index, record) in pax.enumerated() {
      found.append(case_("pax-\(index)-\(record.0)", [.pax([record])]))
      found.append(case_("global-\(index)-\(record.0)", [.pax([record], global: true)]))
    }
    let raw = [
      "999999999 path=x\n", "0 x=y\n", "-5 x=y\n", "5 x=y", "99999999999999999999999 x=y\n", "x", "6 xy\n",
      "7 =y\n\n\n",
      "11 path=\n\n\n", "\n\n\n", "12 path=x\n12 path=y\n",
    ]
    for (index, text) in raw.enumerated() {
      found.append(case_("raw-\(index)", [TarMember("h", Array(text.utf8), type: "x")]))
    }
    found.append(case_("many-pax", (0..<2000).map { .pax([("path", "a\($0)")]) }))
    found.append(case_("large-pax", [.pax([("comment", String(repeating: "c", count: 3 << 20))])]))
    found.append(case_("many-xattrs", [.pax((0..<5000).map { ("SCHILY.xattr.user.a\($0)", "v") })]))
    for (name, size) in [
      ("negative", [0xFF] + [UInt8](repeating: 0xFF, count: 11)),
      ("large", [0x80] + [UInt8](repeating: 0x7F, count: 11)),
      ("octal-large", Array("77777777777".utf8)), ("garbage", Array("zzzzzzzzzzz".utf8)),
      ("blank", Array("            ".utf8)),
      ("minus", Array("-0000000001".utf8)),
    ] {
      found.append(case_("size-\(name)", []) { $0.size = size })
    }
    found.append(case_("checksum", []) { $0.error = 1 })
    return found
  }
}
