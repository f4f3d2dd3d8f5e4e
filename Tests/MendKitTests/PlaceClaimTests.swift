import MendKit
import Synchronization
import TestSupport
import Testing

@Suite("Claims on places")
struct PlaceClaimTests {
  @Test("of many who claim a name at once each has it alone, and each has its turn")
  func many() throws {
    let folder = try TemporaryFolder()
    let path = folder.path
    let counts = Counts()
    _ = Workers.map(8, workers: 8) { _ in
      for _ in 0..<50 {
        while true {
          guard case .claimed(let claim) = PlaceClaim.take("app.db", in: path) else { continue }
          counts.note()
          claim.release()
          break
        }
      }
    }
    #expect(counts.most.load(ordering: .relaxed) == 1)
    #expect(counts.turns.load(ordering: .relaxed) == 400)
    #expect(try folder.names() == [])
  }

  private final class Counts: Sendable {
    let inside = Atomic<Int>(0)
    let most = Atomic<Int>(0)
    let turns = Atomic<Int>(0)

    func note() {
      most.max(inside.add(1, ordering: .sequentiallyConsistent).newValue, ordering: .sequentiallyConsistent)
      turns.add(1, ordering: .relaxed)
      inside.subtract(1, ordering: .sequentiallyConsistent)
    }
  }

  @Test("names in a folder are claimed one by one, and the process that has one is told")
  func names() throws {
    let folder = try TemporaryFolder()
    guard case .claimed(let one) = PlaceClaim.take("one", in: folder.path),
      case .claimed(let other) = PlaceClaim.take("other", in: folder.path)
    else {
      Issue.record("nothing stands against either")
      return
    }
    guard case .taken(let pid) = PlaceClaim.take("one", in: folder.path + "/.") else {
      Issue.record("it is taken")
      return
    }
    #expect(pid == Int(getpid()))
    one.release()
    guard case .claimed = PlaceClaim.take("one", in: folder.path) else {
      Issue.record("it is free again")
      return
    }
    other.release()
  }

  @Test("where there is no folder to read nobody is held off")
  func impossible() throws {
    let folder = try TemporaryFolder()
    guard case .impossible = PlaceClaim.take("app.db", in: folder.file("none")) else {
      Issue.record("there is no such folder")
      return
    }
  }
}
