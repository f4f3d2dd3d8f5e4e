import MendKit
import TestSupport

/// A page of the documentation, and its fenced blocks.
struct Page {
  /// One fenced block.
  struct Block {
    /// What the fence says: `sh`, `yaml`.
    var language: String
    /// What the comment before it says of it: `file: update.sh`; empty without one.
    var purpose: String
    var text: String
  }

  static let root = Paths.folder(of: Paths.folder(of: Paths.folder(of: #filePath)))

  /// The program that was built with these tests.
  static let program = Paths.join(Paths.folder(of: Paths.resolved("/proc/self/exe")), "dbmend")

  /// Every page, as its path within the package.
  static var all: [String] {
    get throws {
      ["README.md", "ARCHITECTURE.md"] + (try Paths.names(in: Paths.join(root, "docs")).sorted()).map { "docs/\($0)" }
    }
  }

  let name: String
  let lines: [String]
  private(set) var blocks: [Block] = []
  /// The lines that stand in no block.
  private(set) var prose: [String] = []

  init(_ name: String) throws {
    self.name = name
    let bytes = try FileHandle.read(Paths.join(Self.root, name)).readAll(limit: 1 << 20)
    lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
      .map(String.init)
    var purpose = ""
    var block: Block?
    for line in lines {
      if line.hasPrefix("```") {
        if let done = block { blocks.append(done) }
        block = block == nil ? Block(language: String(line.dropFirst(3)), purpose: purpose, text: "") : nil
        purpose = ""
      } else if block != nil {
        block?.text += line + "\n"
      } else {
        prose.append(line)
        if line.hasPrefix("<!-- "), line.hasSuffix(" -->") { purpose = String(line.dropFirst(5).dropLast(4)) }
      }
    }
  }

  /// The text of the block of that purpose; several of them follow each other.
  func text(_ purpose: String) -> String { blocks.filter { $0.purpose == purpose }.map(\.text).joined() }

  /// The command lines of dbmend on the page, in blocks of shell and between backquotes, without the program's name.
  var commandLines: [String] {
    var found: [String] = []
    for block in blocks where ["sh", "console", "yaml", "crontab", "ini"].contains(block.language) {
      for line in block.text.split(separator: "\n") where !line.hasPrefix("#") {
        found += Self.commands(in: String(line))
      }
    }
    for line in prose {
      for (index, part) in line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      where index % 2 == 1 && part.hasPrefix("dbmend ") {
        found += Self.commands(in: String(part))
      }
    }
    return found.filter { !$0.isEmpty }
  }

  /// What stands behind the program's name, where that is the word of a command, up to the shell's next operator.
  private static func commands(in line: String) -> [String] {
    var rest = Substring(line.split(separator: " #").first ?? "")
    if rest.hasPrefix("echo") || rest.contains("install ") { return [] }
    for end in ["&&", "||", "|", " < ", ")", "  "] {
      if let start = rest.firstRange(of: "dbmend "), let at = rest[start.upperBound...].firstRange(of: end) {
        rest = rest[..<at.lowerBound]
      }
    }
    guard let start = rest.firstRange(of: "dbmend ") else { return [] }
    let before = rest[..<start.lowerBound].last
    guard before == nil || " /(=".contains(before ?? " ") else { return [] }
    return [String(rest[start.upperBound...])]
  }
}
