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
