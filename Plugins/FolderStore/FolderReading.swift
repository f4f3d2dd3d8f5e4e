import CXXHash
import MendKit

/// What reading the files of a folder to their ends came to.
struct FolderReading: Sendable {
  /// XXH3 with 128 bits of a content.
  struct Sum: Sendable, Hashable {
    var high: UInt64
    var low: UInt64

    /// The sum as a listing has it.
    var text: String { Hexadecimal.text(high) + Hexadecimal.text(low) }
  }

  /// What one file came to.
  enum Outcome: Sendable {
    case read(Sum)
    case failed(Problem)
  }

  /// By the number of the entry; nil of what is no file, and of one that is not there any more.
  let outcomes: [Outcome?]

  /// Files that one thread reads at a time, and bytes after which it takes no more of them.
  private static let filesAtOnce = 64
  private static let bytesAtOnce = 32 << 20

  /// Reads every file, on several threads. `also` is called with each path that was read whole, on the thread that did so.
  init(
    _ content: FolderContent, workers: Int, progress: @escaping @Sendable (Double) -> Void = { _ in },
    also: @escaping @Sendable (_ entry: Int, _ path: String) -> Void = { _, _ in }
  ) {
    let portions = Self.portions(content)
    let done = SharedCount()
    let total = Double(max(1, content.bytes))
    let results = Workers.map(portions.count, workers: workers) { number -> [Outcome?] in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
      defer { buffer.deallocate() }
      return portions[number].map { entry in
        let path = Paths.join(content.path, content.entries[entry].path)
        let outcome: Outcome?
        do throws(Problem) {
          outcome = .read(try Self.read(path, buffer) { progress(Double(done.add($0)) / total) })
          also(entry, path)
        } catch {
          outcome = error.kind == .missing ? nil : .failed(error)
        }
        return outcome
      }
    }
    var outcomes = [Outcome?](repeating: nil, count: content.entries.count)
    for (portion, results) in zip(portions, results) {
      for (entry, outcome) in zip(portion, results) { outcomes[entry] = outcome }
    }
    self.outcomes = outcomes
  }

  private static func portions(_ content: FolderContent) -> [[Int]] {
    var portions: [[Int]] = []
    var bytes = bytesAtOnce
    for file in content.files {
      if bytes >= bytesAtOnce || (portions.last?.count ?? filesAtOnce) >= filesAtOnce {
        portions.append([])
        bytes = 0
      }
      portions[portions.count - 1].append(file)
      bytes += content.entries[file].status.size
    }
    return portions
  }

  /// The sum of a file's content.
  private static func read(
    _ path: String, _ buffer: UnsafeMutableRawBufferPointer, _ progress: (Int) -> Void
  ) throws(Problem) -> Sum {
    let file = try FileHandle.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, tried: "open")
    defer { file.close() }
    let status = try file.status()
    if status.size <= buffer.count, status.allocated >= status.size {
      let whole = UnsafeMutableRawBufferPointer(rebasing: buffer[..<status.size])
      if try file.read(into: whole, at: 0) == status.size, try file.status().size == status.size {
        progress(status.size)
        let sum = XXH3_128bits(whole.baseAddress, whole.count)
        return Sum(high: sum.high64, low: sum.low64)
      }
    }
    let content = SparseFile(file, status)
    guard let state = XXH3_createState() else {
      throw Problem(.system, tried: "compute the checksum of", on: path, said: "no memory is left")
    }
    defer { XXH3_freeState(state) }
    XXH3_128bits_reset(state)
    var offset = 0
    var count = try content.read(into: buffer, at: 0)
    while count > 0 {
      XXH3_128bits_update(state, buffer.baseAddress, count)
      progress(count)
      offset += count
      count = try content.read(into: buffer, at: offset)
    }
    let sum = XXH3_128bits_digest(state)
    return Sum(high: sum.high64, low: sum.low64)
  }
}
