import CSystem

/// A lock, and a signal to whoever waits under it.
public final class Monitor: @unchecked Sendable {
  // What the pointers lead to is the system's to guard.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// An open lock.
  public init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// Does something with the lock held.
  public func locked<R>(_ body: () -> R) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  /// Waits for a condition, asleep; to be called with the lock held, which is open meanwhile.
  public func wait(until condition: () -> Bool) {
    while !condition() { pthread_cond_wait(changed, mutex) }
  }

  /// Wakes all who wait, to look at their condition again; to be called with the lock held.
  public func wakeAll() { pthread_cond_broadcast(changed) }
}
