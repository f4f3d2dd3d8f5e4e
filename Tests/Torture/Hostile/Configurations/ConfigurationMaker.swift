import TestSupport

/// Configurations that nobody would write: good ones mutated, and inputs made to be slow or large.
struct ConfigurationMaker {
  /// One input, and how it was made.
  struct Made {
    var words: String
    var bytes: [UInt8]
  }

  /// The most bytes of a configuration that is read at all.
  private static let limit = 1 << 20

  /// Inputs that are made to be slow, deep or large, by name.
  static let attacks: [(name: String, make: @Sendable () -> [UInt8])] = [
    ("anchors", { text(laughs(40, 9)) }),
    ("aliases-of-itself", { text("version: &a 1\nrules: &b [*b, *b, *b]\nchecks: *b\n") }),
    ("merge-keys", { text("version: 1\n<<: &x {a: 1}\nenvironments: {<<: *x, p: {<<: [*x, *x]}}\n") }),
    ("deep-flow", { repeated("[", limit - 1) }), ("deep-map", { repeated("{a: ", limit / 4) }),
    ("deep-block", { text((0..<1000).map { String(repeating: " ", count: $0) + "a:\n" }.joined()) }),
    ("deep-list", { repeated("- ", limit / 2) }), ("deep-keys", { repeated("? ", limit / 2) }),
    ("quotes", { repeated("\"", limit) }),
    ("quotes-open", { text("a: \"" + String(repeating: "x\n", count: 400_000)) }),
    ("escapes", { text("version: \"" + String(repeating: "\\u0041", count: 170_000) + "\"\n") }),
    ("long-key", { text(String(repeating: "k", count: 1_000_000) + ": 1\n") }),
    ("long-line", { text("version: 1\nrepository: " + String(repeating: "r", count: 1_000_000) + "\n") }),
    ("many-keys", { text((0..<80_000).map { "key\($0): 1\n" }.joined()) }),
    ("same-keys", { text(String(repeating: "version: 1\n", count: 90_000)) }),
    ("near-keys", { text((0..<80_000).map { "versio\($0 % 10): 1\n" }.joined()) }),
    (
      "many-stores",
      {
        text(
          "version: 1\nenvironments:\n p:\n  stores:\n"
            + (0..<20_000).map { "   s\($0): { path: p\($0).db }\n" }.joined())
      }
    ),
    (
      "same-stores",
      {
        text(
          "version: 1\nenvironments:\n p:\n  stores:\n" + (0..<20_000).map { "   s\($0): { path: a.db }\n" }.joined())
      }
    ),
    (
      "many-environments",
      {
        text(
          "version: 1\nenvironments:\n" + (0..<12_000).map { " e\($0): { stores: { a: { path: a.db } } }\n" }.joined())
      }
    ),
    (
      "many-checks",
      {
        text(
          "version: 1\nchecks:\n"
            + (0..<12_000).map { " - sql: { name: n\($0), query: select 1, expect: 1 }\n" }.joined())
      }
    ),
    ("same-checks", { text("version: 1\nchecks:\n" + String(repeating: " - integrity\n", count: 60_000)) }),
    (
      "many-rules",
      {
        text(
          "version: 1\nrules:\n"
            + (0..<12_000).map { " - { when: { code: row-count.*, table: t\($0) }, severity: info }\n" }.joined())
      }
    ),
    (
      "wide-rules",
      {
        text(
          "version: 1\nrules:\n"
            + (0..<3_000).map {
              " - { when: { code: \"*\($0)*\", table: \"*a*b*\" }, unless: [{ code: x }, { table: y }], severity: info }\n"
            }.joined())
      }
    ),
    (
      "stores-and-rules",
      {
        text(
          "version: 1\nrules:\n" + (0..<2_500).map { " - { when: { store: \"p/s\($0)\" }, severity: info }\n" }.joined()
            + "environments:\n p:\n  stores:\n" + (0..<5_000).map { "   s\($0): { path: p\($0).db }\n" }.joined())
      }
    ),
    (
      "stars",
      {
        text(
          "version: 1\nrules:\n - { when: { code: \"" + String(repeating: "*a", count: 200_000)
            + "\" }, severity: info }\n")
      }
    ),
    (
      "star-table",
      {
        text(
          "version: 1\nrules:\n - { when: { store: \"" + String(repeating: "*a", count: 20_000)
            + "b\" }, severity: info }\nenvironments: { p: { stores: { " + String(repeating: "a", count: 10_000)
            + ": { path: a } } } }\n")
      }
    ),
    (
      "checks-everywhere",
      {
        text(
          "version: 1\nchecks:\n" + (0..<100).map { " - sql: { name: n\($0), query: select 1, expect: 1 }\n" }.joined()
            + "environments:\n p:\n  stores:\n" + (0..<5_000).map { "   s\($0): { path: p\($0) }\n" }.joined())
      }
    ),
    (
      "many-tables",
      {
        text(
          "version: 1\nchecks: [ required-tables: { tables: [" + (0..<90_000).map { "t\($0)" }.joined(separator: ", ")
            + "] } ]\n")
      }
    ),
    (
      "minimum",
      {
        text(
          "version: 1\nchecks: [ row-counts: { minimum: {" + (0..<70_000).map { "t\($0): 1" }.joined(separator: ", ")
            + "} } ]\n")
      }
    ),
    ("huge-number", { text("version: 1\nretention: { keep_last: " + String(repeating: "9", count: 500_000) + " }\n") }),
    ("huge-exponent", { text("version: 1e" + String(repeating: "9", count: 500_000) + "\nbusy_timeout: 1e999s\n") }),
    (
      "huge-duration",
      {
        text(
          "version: 1\nbusy_timeout: 99999999999999999999999w\nretention: { max_size: 99999999999999TiB, keep_within: 9223372036854775807d }\n"
        )
      }
    ),
    ("tags", { text("!!binary version: !!int 1\n!<tag:yaml.org,2002:python/object/apply:os.system> x: !!map {}\n") }),
    ("long-tag", { text("version: !" + String(repeating: "t", count: 500_000) + " 1\n") }),
    ("documents", { text(String(repeating: "---\nversion: 1\n...\n", count: 50_000)) }),
    ("directives", { text("%YAML 9999999999.1\n%TAG ! x\n---\nversion: 1\n") }),
    ("many-directives", { text((0..<20_000).map { "%TAG !e\($0)! tag:x\n" }.joined() + "---\nversion: 1\n") }),
    ("utf-16", { [0xFF, 0xFE] + "version: 1\n".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] } }),
    ("utf-16-big", { [0xFE, 0xFF] + "version: 1\n".utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } }),
    ("utf-32", { [0xFF, 0xFE, 0, 0] + "version: 1\n".unicodeScalars.flatMap { [UInt8($0.value), 0, 0, 0] } }),
    ("mark", { [0xEF, 0xBB, 0xBF] + text("version: 1\n") }),
    ("marks", { [0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF] + text("version: 1\n") }),
    ("not-utf8", { text("version: 1\nrepository: ") + [0xC0, 0x80, 0xED, 0xA0, 0x80, 0xF8, 0xFF, 0x0A] }),
    ("nul", { text("version: 1\nrepository: a") + [0] + text("b\n") }),
    ("zeros", { [UInt8](repeating: 0, count: limit) }),
    ("tabs", { repeated("\t", limit) }), ("spaces", { repeated(" ", limit) }), ("lines", { repeated("\n", limit) }),
    ("returns", { repeated("\r", limit) }), ("comments", { text(String(repeating: "# x\n", count: 250_000)) }),
    ("empty", { [] }),
    ("bars", { text(String(repeating: "a: |\n", count: 200_000)) }),
    ("block-indent", { text("a: |9\n" + String(repeating: " ", count: 900_000) + "x\n") }),
    ("colons", { repeated(":", limit) }), ("colon-space", { repeated(": ", limit / 2) }),
    ("commas", { text("[" + String(repeating: ",", count: 500_000)) }),
    ("question", { repeated("?", limit) }), ("stars-only", { repeated("*", limit) }),
    ("and", { repeated("&a ", limit / 3) }),
    ("flow-keys", { text("{" + String(repeating: "a, ", count: 340_000) + "}") }),
    ("combining", { text("version: 1\nx" + String(repeating: "\u{0301}", count: 500_000) + ": 1\n") }),
    ("combining-value", { text("version: 1\nmax_loss: x" + String(repeating: "\u{0301}", count: 500_000) + "\n") }),
    ("long-choice", { text("version: 1\nmax_loss: " + String(repeating: "rows", count: 250_000) + "\n") }),
    ("wrong-many", { text("version: 1\nchecks:\n" + (0..<40_000).map { " - nosuchcheck\($0)\n" }.joined()) }),
    (
      "wrong-options",
      { text("version: 1\nchecks:\n" + (0..<20_000).map { " - integrity: { nosuch\($0): 1 }\n" }.joined()) }
    ),
    (
      "wrong-rules",
      {
        text(
          "version: 1\nrules:\n"
            + (0..<20_000).map { " - { when: { code: nosuch.code\($0) }, severity: info }\n" }.joined())
      }
    ),
    (
      "one-line-errors",
      { text("version: 1\nchecks: [" + (0..<60_000).map { "no\($0)" }.joined(separator: ", ") + "]\n") }
    ),
    ("regular", { text("version: 1\nchecks: [ formats: { columns: { a.b: \"(a*)*(a*)*(a*)*b\" } } ]\n") }),
    ("controls", { text("version: 1\nrepository: \"\\e[2J\\x9b2J\\u202e\"\nx\u{1B}]0;: 1\n") }),
  ]

  private static func text(_ text: String) -> [UInt8] { Array(text.utf8.prefix(limit)) }

  private static func repeated(_ text: String, _ count: Int) -> [UInt8] {
    Array(String(repeating: text, count: count).utf8.prefix(limit))
  }

  /// The anchors that explode.
  private static func laughs(_ levels: Int, _ width: Int) -> String {
    var text = "a0: &a0 [x, x]\n"
    for level in 1..<levels {
      text += "a\(level): &a\(level) [" + (0..<width).map { _ in "*a\(level - 1)" }.joined(separator: ", ") + "]\n"
    }
    return text + "version: 1\n"
  }

  /// Good configurations, which use every key of the format.
  static let good: [String] = [
    """
    version: 1
    repository: { path: backups }
    retention: { keep_last: 30, keep_damaged: 3, keep_daily: 7, keep_weekly: 4, keep_monthly: 12, keep_within: 7d, max_size: 2GiB }
    max_loss: rows
    busy_timeout: 5s
    schema: schema.sql
    environments:
      production: { max_loss: none, stores: { data: { path: data/production.db, kind: sqlite }, docs: { path: docs, kind: folder } } }
      staging: { max_loss: everything, checks: { integrity: false }, stores: { data: { path: data/staging.db, max_loss: rows } } }
    checks:
      - file-exists
      - connects
      - integrity
      - required-tables: { tables: [users, orders] }
      - primary-keys
      - sequences
      - row-counts: { minimum: { users: 1 }, max_drop: 20% }
      - sql: { name: orphan orders, query: "select count(*) from orders where user_id is null", expect: 0 }
    rules:
      - { when: { code: "row-count.*", table: logs }, severity: warning }
      - { when: { code: table.missing }, repair: create-missing-tables }
      - { when: { code: "row-count.dropped", measured: drop > 20% }, unless: { store: "staging/*" }, severity: error }
      - when: { kind: sqlite, environment: production, severity: [error, fatal] }
        accept: { until: 2099-12-31, because: "a ticket" }
    hooks:
      before_backup: ./flush.sh
      on_failure: ./page-me.sh
    """,
    "version: 1\nchecks:\n  integrity: { severity: error }\n  foreign-keys: {}\nenvironments:\n  p:\n    stores:\n      a:\n        path: >-\n          a\n          b\n",
    "version: 1\nrepository: 'it''s'\nenvironments: {p: {stores: {a: {path: \"x\\n\\u00e9\"}}}}\n",
  ]

  private static let values = [
    "1", "-1", "0", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e999", ".nan", ".inf",
    "0x7fffffffffffffff",
    "0o777", "1.5", "true", "no", "null", "~", "''", "\"\"", "[]", "{}", "[[]]", "{a: {b: c}}", "[1, a, {}]", "5s",
    "-5s", "99999999w", "20%",
    "-1%", "1e9%", "2GiB", "99999999999EiB", "2026-13-45", "0000-00-00", "*a", "&a b", "!!int x", "|", ">", "? a",
    "- a", "@", "`", "%", "\t",
    "../../../etc/passwd", "/dev/zero", "/proc/self/mem", "postgresql://x/y", "a\\0b", "\"\\0\"", "\"\\ud800\"",
    "\u{202E}", "\u{1B}[2J",
    "'unterminated", "\"unterminated", "[unterminated", "{unterminated", "x: y: z", "drop > 1e999%", "drop >", "* * *",
    "fatal",
  ]
  private static let keys = [
    "version", "repository", "retention", "keep_last", "keep_within", "max_size", "max_loss", "busy_timeout", "schema",
    "environments",
    "stores", "path", "kind", "options", "checks", "rules", "when", "unless", "code", "table", "index", "store",
    "environment", "measured",
    "severity", "repair", "accept", "until", "because", "hook", "ignore", "hooks", "before_backup", "plugins", "sha256",
    "timeout", "memory",
    "output", "files", "processes", "pass", "environment", "writes", "tables", "minimum", "max_drop", "query", "expect",
    "name", "nosuch",
  ]

  /// An input that follows from a number.
  static func make(_ random: inout SeededRandom) -> Made {
    switch random.int(0...9) {
    case 0: return Made(words: "random bytes", bytes: random.bytes(random.int(0...400)))
    case 1: return Made(words: "random words", bytes: text(words(&random)))
    case 2: return Made(words: "every key with any value", bytes: text(tree(&random, 0)))
    default:
      var bytes = Array(random.pick(good).utf8)
      var done: [String] = []
      for _ in 0..<random.int(1...4) { done.append(mutate(&bytes, &random)) }
      return Made(words: "mutated: " + done.joined(separator: ", "), bytes: bytes)
    }
  }

  private static func words(_ random: inout SeededRandom) -> String {
    let marks = [
      ": ", "\n", "\n  ", "- ", "[", "]", "{", "}", ", ", "#", "'", "\"", "|\n", ">\n", "&a ", "*a ", "!x ", "? ",
      "---\n", "...\n", "%",
    ]
    return (0..<random.int(1...60)).map { _ in
      random.chance(50) ? random.pick(marks) : random.pick(random.chance(50) ? keys : values)
    }.joined()
  }

  private static func tree(_ random: inout SeededRandom, _ depth: Int) -> String {
    var text = depth == 0 ? "version: 1\n" : ""
    for _ in 0..<random.int(1...4) {
      text += String(repeating: "  ", count: depth) + (random.chance(15) ? "- " : "") + random.pick(keys) + ":"
      text += depth < 6 && random.chance(50) ? "\n" + tree(&random, depth + 1) : " " + random.pick(values) + "\n"
    }
    return text
  }

  private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) -> String {
    guard !bytes.isEmpty else { return "nothing" }
    let at = random.int(0...bytes.count - 1)
    switch random.int(0...7) {
    case 0:
      bytes[at] ^= 1 << UInt8(random.int(0...7))
      return "a bit"
    case 1:
      bytes[at] = UInt8(truncatingIfNeeded: random.next())
      return "a byte"
    case 2:
      bytes.removeSubrange(at..<min(bytes.count, at + random.int(1...40)))
      return "something gone"
    case 3:
      bytes.insert(contentsOf: Array(random.pick(values).utf8), at: at)
      return "a value put in"
    case 4:
      let part = bytes[at..<min(bytes.count, at + random.int(1...60))]
      bytes.insert(contentsOf: part, at: random.int(0...bytes.count - 1))
      return "something twice"
    case 5:
      bytes.insert(contentsOf: random.bytes(random.int(1...8)), at: at)
      return "bytes put in"
    default:
      // The value of a key, as far as one is found behind this place.
      guard let colon = bytes[at...].firstIndex(of: 0x3A) else { return "nothing" }
      let end = bytes[colon...].firstIndex { [0x0A, 0x2C, 0x7D].contains($0) } ?? bytes.count
      bytes.replaceSubrange((colon + 1)..<max(colon + 1, end), with: Array((" " + random.pick(values)).utf8))
      return "another value"
    }
  }
}
