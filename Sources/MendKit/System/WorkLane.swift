import CSystem

/// A thread beside this one that does pieces of work in the order in which they are handed to it. For many small pieces, where
/// a thread for each would cost as much as the piece.
public final class WorkLane {
  private let queue = Queue()
  private var thread: pthread_t?

  /// A lane; its thread is started with the first piece.
  public init() {}

  deinit {
    queue.stop()
    if let thread { pthread_join(thread, nil) }
  }

  /// Hands over a piece of work. Where there is but one processor, or the system gives no thread, it is done when its value is
  /// asked for.
  public func begin<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> Piece<Value> {
    let piece = Piece(work, queue)
    guard Workers.processors > 1 else { return piece }
    if thread == nil { thread = Workers.start { [queue] in queue.run() } }
    if thread != nil { queue.add { piece.perform() } }
    return piece
  }

  /// A piece of work, which the lane does, or whoever asks for its value before the lane came to it. Not checked by the compiler:
  /// the state is read and written with the queue's lock held.
  public final class Piece<Value: Sendable>: @unchecked Sendable {
    private enum State {
      case waiting
      case underWay
      case done(Value)
    }

    private let work: @Sendable () -> Value
    private let queue: Queue
    private var state = State.waiting

    fileprivate init(_ work: @escaping @Sendable () -> Value, _ queue: Queue) {
      self.work = work
      self.queue = queue
    }

    /// Does the work, unless somebody did or does.
    fileprivate func perform() {
      let isMine = queue.monitor.locked {
        guard case .waiting = state else { return false }
        state = .underWay
        return true
      }
      guard isMine else { return }
      let value = work()
      queue.monitor.locked {
        state = .done(value)
        queue.monitor.wakeAll()
      }
    }

    private var made: Value? {
      if case .done(let value) = state { return value }
      return nil
    }

    /// What came of it, waited for.
    public var value: Value {
      perform()
      while true {
        let value = queue.monitor.locked { () -> Value? in
          queue.monitor.wait { made != nil }
          return made
        }
        if let value { return value }
      }
    }
  }

  /// What the thread has still to do. Not checked by the compiler: everything in it is read and written with the lock held.
  fileprivate final class Queue: @unchecked Sendable {
    let monitor = Monitor()
    private var waiting: [@Sendable () -> Void] = []
    private var isStopping = false

    func add(_ work: @escaping @Sendable () -> Void) {
      monitor.locked {
        waiting.append(work)
        monitor.wakeAll()
      }
    }

    func stop() {
      monitor.locked {
        isStopping = true
        monitor.wakeAll()
      }
    }

    func run() {
      while let work = next() { work() }
    }

    private func next() -> (@Sendable () -> Void)? {
      monitor.locked {
        monitor.wait { isStopping || !waiting.isEmpty }
        return isStopping ? nil : waiting.removeFirst()
      }
    }
  }
}
