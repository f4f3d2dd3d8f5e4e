import Foundation
import MendKit
import TestSupport
import Testing

@Suite("Folders and their listings")
struct FolderListingTests {
  private func file(_ number: Int) -> ListedFile {
    ListedFile(
      name: "folder/\(number).txt", kind: .file, size: number, modified: Int64(number) * 1_000_000_007,
      attributes: FileAttributes(user: 1, group: 2, mode: 0o640, extended: number % 3 == 0 ? ["user.a": [1, 2]] : [:]),
      sha256: String(repeating: "ab", count: 32), xxh3: String(repeating: "cd", count: 16))
  }

  private func read(_ bytes: [UInt8]) throws(FileListing.Flaw) -> [ListedFile] {
    var listing = FileListing(bytes)
    var files: [ListedFile] = []
    while let file = try listing.next() { files.append(file) }
    return files
  }

  @Test("a listing of any length gives back the lines that were written", arguments: [0, 1, 255, 256, 257, 1000])
  func lines(_ count: Int) throws {
    let files = (0..<count).map(file)
    let bytes = files.flatMap(FileListing.line)
    #expect(try read(bytes) == files)
    #expect(try read(Array(bytes.dropLast())) == files, "the last line need not end")
  }

  @Test("a malformed line is named when its turn comes, after those before it", arguments: [1, 256, 257, 600])
  func malformed(_ line: Int) throws {
    var lines = (0..<600).map { FileListing.line(file($0)) }
    lines[line - 1] = Array("{\"name\": 5}\n".utf8)
    var listing = FileListing(lines.flatMap(\.self))
    for number in 0..<line - 1 { #expect(try listing.next() == file(number)) }
    // Asked again, it says the same.
    for _ in 0..<2 {
      let flaw = #expect(throws: FileListing.Flaw.self) { try listing.next() }
      #expect(flaw?.said == "line \(line) of its listing is malformed")
    }
  }

  @Test(
    "a line of the plain form is the JSON that it looks like",
    arguments: ["folder/a.txt", "folder/ä ö/日本.txt", "", "a\"b", "a\\b", "a\nb", "\u{7F}/"])
  func plain(_ name: String) throws {
    for modified in [0, 1, -1, Int64.max, 1_700_000_000_123_456_789] {
      for kind in [MemberKind.file, .folder, .link("../x")] {
        var file = file(1)
        (file.name, file.modified, file.kind) = (name, modified, kind)
        if kind != .file { (file.size, file.sha256, file.xxh3) = (0, "", "") }
        let line = FileListing.line(file)
        let json = try JSONValue(parsing: line)
        #expect(json["name"]?.string == name && json["modified"]?.integer == Int(modified))
        #expect(json.utf8() + [10] == line, "the writer of any JSON writes the same")
        #expect(try read(line) == [file])
      }
    }
  }

  @Test("what only looks like a line is none, as for any JSON")
  func almostPlain() throws {
    let line = String(decoding: FileListing.line(file(1)), as: UTF8.self)
    let wrong = [
      ("\"size\":1", "\"size\":01"), ("\"size\":1", "\"size\":-1"), ("\"size\":1", "\"size\":99999999999999999999"),
      ("\"user\":1", "\"user\":4294967296"), ("\"mode\":\"640\"", "\"mode\":\"10000\""),
      ("\"mode\":\"640\"", "\"mode\":\"9\""), ("abab\"", "abag\""), ("abab\"", "ab\""), ("}", "}}"), ("}", ""),
      ("\"type\":\"file\"", "\"type\":\"pipe\""), ("folder/", "folder/\u{1}"),
    ]
    for (part, other) in wrong {
      let changed = line.replacingOccurrences(of: part, with: other)
      #expect(changed != line)
      #expect(throws: FileListing.Flaw.self, "\(changed)") { try read(Array(changed.utf8)) }
    }
    var bytes = Array(line.utf8)
    bytes[10] = 0xFF
    #expect(throws: FileListing.Flaw.self) { try read(bytes) }
    let spaced = line.replacingOccurrences(of: ",", with: " , ")
    #expect(try read(Array(spaced.utf8)) == [file(1)])
    let upper = line.replacingOccurrences(of: "abab", with: "ABAB")
    #expect(try read(Array(upper.utf8)).first?.sha256.hasPrefix("ABAB") == true)
  }

  @Test("a walk lists a folder before what is in it, in the order of names, however many folders there are")
  func walk() throws {
    let folder = try TemporaryFolder()
    var wanted: [String] = []
    for number in 10..<40 {
      wanted.append("\(number)")
      for below in ["a", "b", "c"] {
        try folder.write("x", to: "\(number)/\(below)/file")
        wanted += ["\(number)/\(below)", "\(number)/\(below)/file"]
      }
    }
    let walk = try FolderWalk(folder.path)
    #expect(walk.entries.map(\.path) == wanted)
    #expect(walk.problems.isEmpty)
    let some = try FolderWalk(folder.path) { path, isFolder in isFolder && (path == "12" || path.hasSuffix("/b")) }
    #expect(some.entries.map(\.path) == wanted.filter { !$0.hasPrefix("12") && !$0.contains("/b") })
  }
}
