import MendKit
import Synchronization
import Testing

@Suite("Workers")
struct WorkersTests {
  @Test(
    "results come in the order of the pieces, each done once, however many threads work", arguments: [0, 1, 2, 7, 64])
  func order(_ workers: Int) {
    for count in [0, 1, 2, 63, 1000] {
      let done = Atomic(0)
      let results = Workers.map(count, workers: workers) { piece in
        done.add(1, ordering: .relaxed)
        return piece * piece
      }
      #expect(results == (0..<count).map { $0 * $0 })
      #expect(done.load(ordering: .relaxed) == count)
    }
  }

  @Test("a piece of work on its own is done once, whoever asks for it and when, and over when it is let go")
  func begun() {
    let done = Mutex(0)
    do {
      let pending = Workers.begin {
        usleep(2_000)
        return done.withLock {
          $0 += 1
          return $0
        }
      }
      #expect(Workers.map(4, workers: 4) { _ in pending.value } == [1, 1, 1, 1])
      #expect(pending.value == 1)
      _ = Workers.begin { done.withLock { $0 += 10 } }
    }
    #expect(done.withLock { $0 } == (Workers.processors > 1 ? 11 : 1))
  }

  @Test("pieces that wait do not keep the others from being done, and no more threads work than may")
  func threads() {
    let state = Mutex((now: 0, most: 0))
    _ = Workers.map(12, workers: 3) { piece in
      state.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      usleep(piece == 0 ? 20_000 : 2_000)
      state.withLock { $0.now -= 1 }
    }
    #expect((2...3).contains(state.withLock { $0.most }))
  }

  @Test("there is a processor")
  func processors() { #expect(Workers.processors >= 1) }
}
