import CSystem
import Synchronization

/// Independent pieces of work, spread over the processors.
public enum Workers {
  /// The number of processors that this process may run on; at least 1.
  public static let processors = max(1, Int(csystem_processors()))

  /// The results of `count` pieces of work in their order, each piece told its number from 0. Up to `workers` threads work at
  /// once, this one among them, and a piece is begun and ended on one and the same thread. Where the system gives no more
  /// threads, fewer do all the work.
  public static func map<Value: Sendable>(
    _ count: Int, workers: Int, _ work: @escaping @Sendable (Int) -> Value
  ) -> [Value] {
    guard count > 1, workers > 1 else { return (0..<max(0, count)).map(work) }
    let pieces = Pieces(count: count, work: work)
    var threads: [pthread_t] = []
    while threads.count + 1 < min(workers, count), let thread = start({ pieces.run() }) { threads.append(thread) }
    pieces.run()
    for thread in threads { pthread_join(thread, nil) }
    return pieces.results
  }

  /// Begins a piece of work on a thread of its own. Where there is but one processor, or the system gives no thread, it is
  /// done when its value is asked for.
  public static func begin<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> Pending<Value> {
    let pending = Pending(work)
    if processors > 1 { pending.begin() }
    return pending
  }

  /// A piece of work that is done when its value is asked for.
  public static func later<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> Pending<Value> { Pending(work) }

  /// A piece of work that may be under way. It is over before this is let go.
  public final class Pending<Value: Sendable>: Sendable {
    private let piece: Piece<Value>
    private let thread = Mutex<pthread_t?>(nil)

    fileprivate init(_ work: @escaping @Sendable () -> Value) { piece = Piece(work) }

    fileprivate func begin() {
      let piece = piece
      thread.withLock { $0 = Workers.start { _ = piece.value } }
    }

    /// What came of it, waited for.
    public var value: Value {
      join()
      return piece.value
    }

    deinit { join() }

    /// Waits for the thread. To wait for the lock that it works under would keep a processor busy: Linux has who waits for such
    /// a lock look again and again as long as its owner runs.
    private func join() {
      thread.withLock {
        guard let running = $0 else { return }
        pthread_join(running, nil)
        $0 = nil
      }
    }
  }

  /// A piece of work that whoever comes first does, and everybody else waits for.
  private final class Piece<Value: Sendable>: Sendable {
    private let work: @Sendable () -> Value
    private let made = Mutex<Value?>(nil)

    init(_ work: @escaping @Sendable () -> Value) { self.work = work }

    var value: Value {
      made.withLock { made in
        if let made { return made }
        let value = work()
        made = value
        return value
      }
    }
  }

  /// Pieces that threads take one after another, and what they made of them.
  private final class Pieces<Value: Sendable>: Sendable {
    private let count: Int
    private let next = Atomic(0)
    private let made: Mutex<[Value?]>
    private let work: @Sendable (Int) -> Value

    init(count: Int, work: @escaping @Sendable (Int) -> Value) {
      self.count = count
      made = Mutex([Value?](repeating: nil, count: count))
      self.work = work
    }

    func run() {
      while true {
        let piece = next.add(1, ordering: .relaxed).oldValue
        guard piece < count else { return }
        let value = work(piece)
        made.withLock { $0[piece] = value }
      }
    }

    /// To be asked for when every thread has ended: all of them are there then.
    var results: [Value] {
      made.withLock { made in
        var results: [Value] = []
        results.reserveCapacity(count)
        for case let value? in made { results.append(value) }
        made = []
        return results
      }
    }
  }

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts a thread, on another processor than this one where it can be; nil where the system gives none.
  static func start(_ run: @escaping @Sendable () -> Void) -> pthread_t? {
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let body = Unmanaged.passRetained(Body(run))
    let result = csystem_start_thread(
      &thread,
      { context in
        if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
        return nil
      }, body.toOpaque())
    if result != 0 {
      body.release()
      return nil
    }
    return thread
  }
}
