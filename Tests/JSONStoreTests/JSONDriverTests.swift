import Foundation
import MendKit
import TestSupport
import Testing

@testable import JSONStore

@Suite("JSON: closing, filling from a backup, values")
struct JSONDriverTests {
  private let folder: TemporaryFolder
  private let driver = JSONDriver()
  private static let profile =
    #"{"schema_version": 3, "users": [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Grace"}], "theme": "dark"}"#

  init() throws { folder = try TemporaryFolder() }

  private func salvaged(_ text: String) throws -> (text: String, outcome: RepairOutcome) {
    let path = try folder.write(text, to: "a.json")
    let outcome = try driver.salvage(path, with: SalvageAid())
    return (String(decoding: try folder.read("a.json"), as: UTF8.self), outcome)
  }

  @Test(
    "a torn text is closed behind its last whole value",
    arguments: [
      (#"{"a": 1, "b": [1, 2, 3"#, "{\"a\": 1, \"b\": [1, 2]}\n"),
      (#"{"a": 1, "b": [1, 2, 3,"#, "{\"a\": 1, \"b\": [1, 2, 3]}\n"),
      (#"{"a": 1, "b": {"c": "Gra"#, "{\"a\": 1}\n"),
      (#"[{"id": 1}, {"id": 2, "na"#, "[{\"id\": 1}, {\"id\": 2}]\n"),
      (#"[true, fal"#, "[true]\n"),
      (#"[[], [[1], 2"#, "[[], [[1]]]\n"),
      ("[1, 23\u{0}\u{0}\u{0}", "[1]\n"),
      ("[1, 2] garbage", "[1, 2]\n"),
    ])
  func closing(_ text: String, _ expected: String) throws {
    #expect(driver.isSalvageable(try folder.write(text, to: "b.json")))
    #expect(driver.salvagePlan(folder.file("b.json")).loss == .rows)
    let (mended, outcome) = try salvaged(text)
    #expect(mended == expected)
    #expect(outcome.notes.first?.contains("lost are") == true)
    #expect(JSONDocument(Array(mended.utf8)).fault == nil)
  }

  @Test("half a document is never a consistent state, and one that is being written is waited for")
  func beingWritten() throws {
    let path = try folder.write(#"{"a": [1, 2"#, to: "half.json")
    do {
      _ = try driver.snapshot(path, form: .consistent, staging: nil, patience: 0)
      Issue.record("half a document was taken for a whole one")
    } catch {
      #expect(error.kind == .damaged)
    }
    #expect(try driver.snapshot(path, form: .raw, staging: nil, patience: 0).members.first?.size == 11)
    // The program writes the rest.
    try folder.write(#"{"a": [1, 2"#, to: "half.json")
    let program = Process()
    program.executableURL = URL(fileURLWithPath: "/bin/sh")
    program.arguments = ["-c", "for i in 3 4 5 6 7; do sleep 0.1; printf ,$i >> \(path); done; printf ']}' >> \(path)"]
    try program.run()
    #expect(try driver.open(path, patience: 10).facts.notices.isEmpty)
    program.waitUntilExit()
  }

  @Test("what stands around a whole text goes at no loss")
  func around() throws {
    let text = "\u{FEFF}" + Self.profile + String(repeating: "\u{0}", count: 4096)
    #expect(driver.salvagePlan(try folder.write(text, to: "b.json")).loss == .none)
    #expect(try salvaged(text).text == Self.profile)
  }

  @Test("of a text without a whole value nothing is kept", arguments: ["{", "{\"users\": [", "[\"a", "\u{0}\u{0}", ""])
  func nothingLeft(_ text: String) throws {
    #expect(!driver.isSalvageable(try folder.write(text, to: "a.json")))
  }

  private func comparison(_ live: [UInt8], _ backup: String, isUnchanged: Bool = false) throws
    -> MendKit.ComparisonResult
  {
    let path = try folder.write(live, to: "live.json")
    let comparison = try driver.comparison(of: path, isUnchanged: isUnchanged, restores: true, patience: 1)
    let bytes = Array(backup.utf8)
    _ = try bytes.withUnsafeBytes { bytes throws(Problem) in try comparison.take(bytes) }
    let result = try comparison.finish()
    let content = try folder.read("live.json")
    #expect(content == (result.isSame ? bytes : live))
    return result
  }

  @Test("a torn file gets the rest from a backup that begins like it, for every length that says something")
  func torn() throws {
    let profile = Array(Self.profile.utf8)
    for length in 16..<profile.count {
      let result = try comparison(Array(profile[..<length]), Self.profile)
      #expect(result.isSame && result.unit == "bytes" && result.rows["users"] == 2)
      #expect(try comparison(Array(profile[..<length]) + [0, 0, 0], Self.profile).isSame)
    }
    for length in 0..<16 { #expect(!(try comparison(Array(profile[..<length]), Self.profile).isSame)) }
  }

  @Test("one byte that was written since keeps the backup out, and so does a text that is whole")
  func changed() throws {
    var torn = Array(Self.profile.utf8.prefix(60))
    torn[20] = UInt8(ascii: "4")
    #expect(!(try comparison(torn, Self.profile).isSame))
    #expect(!(try comparison(Array(#"{"schema_version": 3, "users": []}"#.utf8), Self.profile).isSame))
    #expect(try comparison(torn, Self.profile, isUnchanged: true).isSame)
  }

  @Test("a hole of bytes that no program writes is filled where all around it is the backup's")
  func hole() throws {
    var live = Array(Self.profile.utf8)
    live.replaceSubrange(40..<52, with: [UInt8](repeating: 0x00, count: 12))
    #expect(try comparison(live, Self.profile).isSame)
    // Text that a program may have written is not written over.
    live = Array(Self.profile.utf8)
    live.replaceSubrange(40..<52, with: Array("call at nine".utf8))
    #expect(!(try comparison(live, Self.profile).isSame))
  }

  @Test("values are found by JSON Pointer, the last of two of one key")
  func pointers() throws {
    let text = #"{"a/b": {"~": [10, {"x": "ä\n"}]}, "": 1.5, "d": {"e": 1}, "d": {"f": null}}"#
    let session = try #require(driver.open(try folder.write(text, to: "a.json"), patience: 1) as? any DocumentSession)
    let values = try session.values(at: [
      "", "/a~1b/~0/0", "/a~1b/~0/1/x", "/", "/d/e", "/d/f", "/a~1b/~0/2", "/nothing/0",
    ])
    #expect(values[""]?.kind == .object)
    #expect(values["/a~1b/~0/0"] == DocumentValue(kind: .integer, text: "10"))
    #expect(values["/a~1b/~0/1/x"] == DocumentValue(kind: .string, text: "ä\n"))
    #expect(values["/"] == DocumentValue(kind: .number, text: "1.5"))
    #expect(values["/d/f"]?.kind == .null)
    #expect(values.count == 5)
  }

  @Test("collections are tables; a list by itself is the table $")
  func tables() throws {
    func rows(_ text: String) throws -> [String: Int] {
      let session = try driver.open(try folder.write(text, to: "a.json"), patience: 1)
      var rows: [String: Int] = [:]
      for table in try session.catalog().tables { rows[table.name] = try session.rowCount(of: table) }
      return rows
    }
    #expect(try rows(Self.profile) == ["users": 2])
    #expect(try rows(#"{"by name": {"a": [1, 2], "b": {}}, "n": [[], [], []]}"#) == ["by name": 2, "n": 3])
    #expect(try rows("[1, [2], {\"a\": 1}]") == ["$": 3])
    #expect(try rows("7") == [:])
    #expect(try rows(#"{"a": [1, 2], "b": 1, "a": {"x": 1}}"#) == ["a": 1])
    // An object that holds users under their names is one table, however many there are.
    let users = (0..<100_000).map { "\"user \($0)\": {\"n\": \($0)}" }.joined(separator: ",")
    #expect(try rows("{\(users)}") == ["$": 100_000])
    #expect(throws: Problem.self) { try rows("[1") }
  }

  @Test(
    "a file that changed since the copy was made is not replaced, nor one with two names; what replaces keeps the mode")
  func install() throws {
    let path = try folder.write(Self.profile, to: "a.json")
    let stamp = try driver.stamp(path)
    let copy = try folder.write("{}", to: "copy")
    try folder.write(Self.profile + "\n", to: "a.json")
    chmod(path, 0o640)
    #expect(throws: Problem.self) { try driver.install(copy, over: path, expected: stamp, patience: 0) }
    try driver.install(copy, over: path, expected: try driver.stamp(path), patience: 0)
    #expect(try folder.read("a.json") == Array("{}".utf8))
    #expect(try FileStatus.of(path).mode & 0o777 == 0o640)
    link(path, folder.file("b.json"))
    #expect(driver.installObstacle(path)?.code == "file.hard-link")
  }

  @Test("a file that a process has open is not replaced")
  func open() throws {
    let path = try folder.write(Self.profile, to: "a.json")
    let copy = try folder.write("{}", to: "copy")
    let holder = Process()
    holder.executableURL = URL(fileURLWithPath: "/bin/sh")
    holder.arguments = ["-c", "exec sleep 30 < \"$0\"", path]
    try holder.run()
    defer { holder.terminate() }
    while driver.openers(of: path).isEmpty { usleep(2_000) }
    #expect(throws: Problem.self) { try driver.install(copy, over: path, expected: nil, patience: 0) }
    #expect(try folder.read("a.json") == Array(Self.profile.utf8))
  }

  @Test(
    "what is JSON by its name or its beginning is told from what is not",
    arguments: [
      ("a.json", "{}", Recognition.certain), ("a.JSON", " [1]", .certain), ("a.json", "hello", .likely),
      ("a.json", "", .likely), ("profile", "{ \"a\": 1}", .likely), ("a.jsonl", "{\"a\": 1}", .no),
      ("a.txt", "{}", .no), ("settings", "[section]", .no),
    ])
  func recognition(_ name: String, _ text: String, _ expected: Recognition) {
    #expect(driver.recognise(FileHead(path: name, bytes: Array(text.utf8), size: text.utf8.count)) == expected)
  }
}
