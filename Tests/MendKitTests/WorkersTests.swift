import Foundation
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

  @Test("a lane does each piece once and in its order, whether or not somebody asks for it first")
  func lane() {
    let done = Mutex<[Int]>([])
    let lane = WorkLane()
    let pieces = (0..<200).map { number in
      lane.begin {
        if number % 50 == 0 { usleep(2_000) }
        done.withLock { $0.append(number) }
        return number * number
      }
    }
    #expect(Workers.map(200, workers: 4) { pieces[$0].value } == (0..<200).map { $0 * $0 })
    #expect(pieces[7].value == 49)
    #expect(done.withLock { $0.sorted() } == Array(0..<200))
  }

  @Test("a lane that is let go ends with the piece that is under way, and what it had not begun is done for who asks")
  func endOfLane() {
    let begun = Atomic(0)
    var last: WorkLane.Piece<Int>?
    do {
      let lane = WorkLane()
      for number in 0..<3 {
        last = lane.begin {
          begun.add(1, ordering: .relaxed)
          usleep(20_000)
          return number
        }
      }
    }
    let before = begun.load(ordering: .relaxed)
    usleep(50_000)
    #expect(begun.load(ordering: .relaxed) == before)
    #expect(last?.value == 2)
  }

  #if os(Linux)
    @Test(
      "a thread begins on another processor than its creator's, and may run on any",
      .enabled(if: Workers.processors > 1, "one processor"))
    func elsewhere() throws {
      let allowed = try Self.allowed()
      var apart = 0
      for _ in 0..<20 {
        let begun = Atomic(-1)
        let here = try Self.processor()
        let thread = Workers.begin {
          begun.store((try? Self.processor()) ?? here, ordering: .releasing)
          return try? Self.allowed()
        }
        // The creator goes on, so that its processor is none that is free.
        while begun.load(ordering: .acquiring) < 0 {}
        if begun.load(ordering: .relaxed) != here { apart += 1 }
        #expect(thread.value == allowed)
      }
      // Now and then the system moves one of the two meanwhile.
      #expect(apart >= 15)
    }

    /// The processor that this thread runs on: the 39th value of proc(5)'s `stat`.
    private static func processor() throws -> Int {
      let values = try String(contentsOfFile: "/proc/thread-self/stat", encoding: .utf8).split(separator: ")")[1]
      return try #require(Int(values.split(separator: " ")[36]))
    }

    /// The processors that this thread may run on.
    private static func allowed() throws -> String? {
      try String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8).split(separator: "\n").first {
        $0.hasPrefix("Cpus_allowed_list")
      }.map(String.init)
    }
  #endif

  @Test("pieces that wait do not keep the others from being done, and no more threads work than may")
  func threads() {
    let state = Mutex((now: 0, most: 0, done: 0))
    _ = Workers.map(12, workers: 3) { piece in
      state.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      // On a busy machine it takes a while until a second thread runs: the first piece waits for it, or one thread would do
      // all the work.
      for _ in 0..<2_000 where piece == 0 && state.withLock({ $0.done }) == 0 { usleep(5_000) }
      usleep(2_000)
      state.withLock {
        $0.now -= 1
        $0.done += 1
      }
    }
    #expect((2...3).contains(state.withLock { $0.most }))
  }

  @Test("there is a processor")
  func processors() { #expect(Workers.processors >= 1) }
}
