/// Names that a careless program would take for something else.
enum HostileNames {
  /// What an engine's client, a shell or a report could take for an order, in the names of files as in those of tables.
  static let orders = [
    "a'b", "a\"b", "a`touch executed`b", "$(touch executed)", "${HOME}", "; touch executed;", "| touch executed",
    "&& touch executed",
    "a\nb", "\n::error::injected", "::error file=x::injected", "%0A::error::injected", "a\rb", "a\tb",
    "\u{1B}[2J\u{1B}]0;owned\u{07}",
    "\u{9B}2J", "\u{202E}bd.ppa", "a\u{200B}b", " leading", "trailing ", "%s%s%n", "%", "100%", "*", "?", "[a-z]*",
    "{a,b}", "!x", "#x", "a#b?c",
    "-rf", "--help", "-", "~", "a\\b", "\\", "\u{FEFF}x", "é", "e\u{0301}", "漢字", "\u{1F600}", "<b>&amp;</b>", "]]>",
    "null", "true", "1e5",
    "CON", "a:b", "a,b", "a=b", "@x", "x;y",
  ]

  /// Names of tables, columns and indexes beyond these.
  static let ofTables =
    orders + [
      "x\"; drop table users; --", "x'; drop table users; --", "x); drop table users; --",
      "users\"; drop table \"users", "*/ drop table users /*",
      "-- x", "/* x", ".shell touch executed", "\n.shell touch executed\n", ".open /tmp/x", "\\! touch executed",
      "\n\\! touch executed\n",
      "\\copy users to 'executed'", "\n\\o executed\n", "\\gexec", ":users", ":'users'", ":{?users}", "$1", "?1", "$$",
      "$x$; drop table users; $x$",
      "select", "table", "index", "order", "group by", "users u", "a.b", "main.users", "\"users\"", "[users]",
      "`users`", "sqlite_x", "pg_x", "rowid",
      "", "\n", "''", "\"\"", "E'\\x'", "U&\"\\0041\"", "copy users to program 'touch executed'",
      "create alias x as 'x'", "a/*b*/c",
    ] + [String(repeating: "n", count: 1000), String(repeating: "\"", count: 60), String(repeating: "'", count: 60)]

  /// Names of files beyond the orders, some of which are no text.
  static let ofFiles: [[UInt8]] =
    orders.map { Array($0.replacing("/", with: "_").utf8) } + [
      [0x61, 0xFF, 0xFE], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x80], Array(repeating: 0x78, count: 255),
      Array(repeating: 0xFF, count: 255), Array(String(repeating: "é", count: 127).utf8), Array(1...31) + [0x7F],
      Array("dbmend.yaml.".utf8), Array(".dbmend-work-x".utf8), Array(".dbmend-journal.json".utf8), Array("...".utf8),
      Array("latest".utf8),
      Array("x.tar.zst".utf8), Array("x-wal".utf8), Array("x-journal".utf8), Array("postgresql:x".utf8),
      Array("file:x?mode=ro".utf8),
      Array("x?vfs=y&cache=shared".utf8), Array(":memory:".utf8), Array("production".utf8),
      Array("|touch executed".utf8),
    ]
}
