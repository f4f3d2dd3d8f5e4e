import CSystem
import MendKit

/// Buffers on their way from one producer to the hashes. Large ones are hashed by a thread of their own, so that
/// hashing overlaps with reading, compressing and decompressing; small ones at once, since a thread would cost more
/// than it saves.
final class HashLane {
  /// Size of a buffer in bytes. A multiple of every page size that SQLite has; more makes nothing faster.
  static let bufferSize = 512 << 10
  private static let worthAThread = 256 << 10

  private let ring: Ring
  private var thread: pthread_t?

  init(sha256: Bool) throws(Problem) {
    ring = Ring(digests: try Digests(sha256: sha256))
  }

  deinit {
    guard let thread else { return }
    ring.stop()
    pthread_join(thread, nil)
  }

  /// The next free buffer, waiting for the hashes where all are in use. It stays the caller's to read until the next
  /// call.
  func next() -> UnsafeMutableRawBufferPointer { ring.next() }

  /// Hands over so many bytes of the buffer that `next` gave.
  func submit(_ count: Int) {
    if count < Self.worthAThread, ring.isIdle {
      ring.hashNow(count)
      return
    }
    if thread == nil { thread = Self.start(ring) }
    if thread == nil { ring.hashNow(count) } else { ring.submit(count) }
  }

  /// The hashes of everything that was handed over since the last call.
  func finish() throws(Problem) -> Digest { try ring.finish() }

  private static func start(_ ring: Ring) -> pthread_t? {
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let context = Unmanaged.passRetained(ring)
    let result = csystem_start_thread(
      &thread,
      { context in
        if let context { Unmanaged<Ring>.fromOpaque(context).takeRetainedValue().run() }
        return nil
      }, context.toOpaque())
    if result != 0 {
      context.release()
      return nil
    }
    return thread
  }
}

/// The buffers between the two threads. Not checked by the compiler because the exclusion is one that it does not
/// know: the counters are read and written under the mutex only, a buffer belongs to the producer until it is
/// submitted and to the hashing thread until it is hashed, and the hashes belong to the hashing thread while anything
/// is unhashed, else to the producer.
private final class Ring: @unchecked Sendable {
  private static let depth = 4

  private let buffers: [UnsafeMutableRawBufferPointer]
  private var counts = [Int](repeating: 0, count: depth)
  private var submitted = 0
  private var hashed = 0
  private var isStopping = false
  private let digests: Digests
  private let monitor = Monitor()

  init(digests: Digests) {
    self.digests = digests
    buffers = (0..<Self.depth).map { _ in
      UnsafeMutableRawBufferPointer.allocate(byteCount: HashLane.bufferSize, alignment: 4096)
    }
  }

  deinit {
    for buffer in buffers { buffer.deallocate() }
  }

  var isIdle: Bool { monitor.locked { submitted == hashed } }

  func next() -> UnsafeMutableRawBufferPointer {
    monitor.locked {
      monitor.wait { submitted - hashed < Self.depth }
      return buffers[submitted % Self.depth]
    }
  }

  func submit(_ count: Int) {
    monitor.locked {
      counts[submitted % Self.depth] = count
      submitted += 1
      monitor.wakeAll()
    }
  }

  func hashNow(_ count: Int) {
    let buffer = buffers[submitted % Self.depth]
    digests.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
  }

  func finish() throws(Problem) -> Digest {
    monitor.locked { monitor.wait { submitted == hashed } }
    return try digests.finish()
  }

  func stop() {
    monitor.locked {
      isStopping = true
      monitor.wakeAll()
    }
  }

  /// What the hashing thread does until it is told to stop.
  func run() {
    while let (index, count) = nextSubmitted() {
      digests.update(UnsafeRawBufferPointer(rebasing: buffers[index][..<count]))
      monitor.locked {
        hashed += 1
        monitor.wakeAll()
      }
    }
  }

  private func nextSubmitted() -> (index: Int, count: Int)? {
    monitor.locked {
      monitor.wait { isStopping || hashed < submitted }
      guard hashed < submitted else { return nil }
      let index = hashed % Self.depth
      return (index, counts[index])
    }
  }
}
