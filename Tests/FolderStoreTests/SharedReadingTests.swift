import FolderStore
import JSONStore
import MendKit
import TestSupport
import Testing

@Suite("A folder that is read once, for its verification and for an archive")
struct SharedReadingTests {
  private let folder: TemporaryFolder
  private var place: String { folder.file("docs") }
  private let driver = FolderDriver(documents: JSONDriver())

  /// More small files than are read at a time, documents among them, and some large ones.
  init() throws {
    folder = try TemporaryFolder("dbmend-shared")
    for number in 0..<500 {
      try write("\(number % 7)/\(number).txt", String(repeating: "\(number) ", count: number))
    }
    for number in 0..<20 { try write("j/\(number).json", #"{"number": \#(number)}"#) }
    for number in 0..<3 { try write("large/\(number).bin", String(repeating: "\(number)", count: 300_000 + number)) }
    try write("large/profile.json", "[" + String(repeating: "1, ", count: 100_000) + "2]")
    try write("empty", "")
    symlink("../a.txt", place + "/link")
  }

  private func write(_ name: String, _ text: String) throws {
    try Paths.makeFolder(Paths.folder(of: place + "/" + name))
    try Durable.write(Array(text.utf8), to: place + "/" + name)
  }

  private func verify(
    workers: Int = Workers.processors, _ taker: ((StoreSnapshot) -> Void)? = nil
  ) throws -> [Finding] {
    let session = try #require(try driver.open(place, patience: 0) as? any HandingSession)
    defer { session.end() }
    if let taker { session.handOver(to: taker) }
    return try session.verifyIntegrity(IntegrityRequest(workers: workers))
  }

  /// Every member with its content, as a taker reads it.
  private static func read(_ snapshot: StoreSnapshot) throws -> [String: [UInt8]] {
    var read: [String: [UInt8]] = [:]
    for member in snapshot.members where member.kind == .file {
      var content = member.bytes.map { Array($0) } ?? []
      if member.bytes == nil {
        _ = try member.read { (bytes) throws(Problem) in
          content += bytes
          return true
        }
      }
      read[member.name] = content
    }
    return read
  }

  @Test("what is handed over is every file, and the verification is as without", arguments: [1, 2, 5])
  func whole(_ workers: Int) throws {
    var taken: [String: [UInt8]] = [:]
    #expect(try verify(workers: workers) { taken = (try? Self.read($0)) ?? [:] }.isEmpty)
    let snapshot = try driver.snapshot(place, form: .consistent, staging: nil, patience: 0)
    #expect(taken.count == 525)
    #expect(try Self.read(snapshot) == taken)
  }

  @Test("what was handed over is not read again: the verification speaks of what the archive has")
  func once() throws {
    let findings = try verify { [place] snapshot in
      _ = try? Self.read(snapshot)
      for number in 0..<20 { try? Durable.write(Array("torn".utf8), to: "\(place)/j/\(number).json") }
      try? Paths.removeTree(place + "/0")
    }
    #expect(findings.isEmpty)
  }

  @Test("damage is found in files that are handed over, small and large")
  func damaged() throws {
    try write("j/3.json", #"{"number": "#)
    try write("large/profile.json", "[" + String(repeating: "1, ", count: 100_000))
    let findings = try verify { _ = try? Self.read($0) }
    #expect(findings.map(\.location.file) == ["j/3.json", "large/profile.json"])
    #expect(try verify() == findings)
  }

  @Test("a taker that stops leaves the rest to the verification", arguments: [0, 1, 70, 300, 524])
  func stopped(_ count: Int) throws {
    try write("large/profile.json", "[")
    try write("j/19.json", "{")
    let findings = try verify { snapshot in
      for member in snapshot.members.prefix(count) { _ = member.bytes }
    }
    #expect(findings.map(\.location.file) == ["j/19.json", "large/profile.json"])
    #expect(try verify { _ in } == findings)
  }

  @Test("a file that is written to while it is handed over is no member")
  func changing() throws {
    var kinds: [Problem.Kind] = []
    let findings = try verify { [place] snapshot in
      for member in snapshot.members where member.name == "docs/large/1.bin" {
        do {
          try FileHandle.update(place + "/large/1.bin").write([1], at: 300_001)
          _ = try Self.read(StoreSnapshot(members: [member], stamp: snapshot.stamp))
        } catch {
          if let problem = error as? Problem { kinds.append(problem.kind) }
        }
      }
    }
    #expect(kinds == [.changing])
    #expect(findings.isEmpty)
  }

  @Test("only a full verification hands over, and only the next one")
  func next() throws {
    let session = try #require(try driver.open(place, patience: 0) as? any HandingSession)
    defer { session.end() }
    var calls = 0
    session.handOver { _ in calls += 1 }
    _ = try session.verifyIntegrity(IntegrityRequest(isFull: false))
    #expect(calls == 0)
    _ = try session.verifyIntegrity(IntegrityRequest())
    _ = try session.verifyIntegrity(IntegrityRequest())
    #expect(calls == 1)
  }
}
