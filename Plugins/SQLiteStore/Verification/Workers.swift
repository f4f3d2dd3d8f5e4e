import MendKit
import Synchronization

/// Threads that work through a list together.
enum Workers {
  /// Runs `work` for every worker, each on a thread of its own but for the first, which is this one. Returns when all ended.
  static func run(_ count: Int, _ work: @escaping @Sendable (Int) -> Void) {
    var threads: [pthread_t] = []
    for worker in 1..<max(1, count) {
      let start = Unmanaged.passRetained(Start { work(worker) })
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { pointer in
          guard let pointer else { return nil }
          Unmanaged<Start>.fromOpaque(pointer).takeRetainedValue().body()
          return nil
        }, start.toOpaque())
      if code == 0 {
        threads.append(thread)
      } else {
        // Without a thread the others do its share.
        start.release()
      }
    }
    work(0)
    for thread in threads { pthread_join(thread, nil) }
  }

  private final class Start: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// The number of processors that this process may use.
  static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
