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

  /// Looks into a file that was read whole, on the thread that did so. `content` is all of it, where that is in memory.
  typealias Look = @Sendable (_ entry: Int, _ path: String, _ content: UnsafeRawBufferPointer?) -> Void

  /// Reads every file of which the outcome is not `known`, on several threads, and has each looked into.
  init(
    _ content: FolderContent, workers: Int, known: [Outcome?] = [], done: SharedCount = SharedCount(),
    progress: @escaping @Sendable (Double) -> Void = { _ in }, look: @escaping Look = { _, _, _ in }
  ) {
    let unknown = known.isEmpty ? content.files : content.files.filter { known[$0] == nil }
    let portions = Self.portions(unknown, of: content, bytesAtOnce: Self.bytesAtOnce)
    let total = Double(max(1, content.bytes))
    let results = Workers.map(portions.count, workers: workers) { number -> [Outcome?] in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
      defer { buffer.deallocate() }
      return portions[number].map { entry in
        let path = Paths.join(content.path, content.entries[entry].path)
        let outcome: Outcome?
        do throws(Problem) {
          let (sum, whole) = try Self.read(path, buffer) { progress(Double(done.add($0)) / total) }
          outcome = .read(sum)
          look(entry, path, whole)
        } catch {
          outcome = error.kind == .missing ? nil : .failed(error)
        }
        return outcome
      }
    }
    var outcomes = known.isEmpty ? [Outcome?](repeating: nil, count: content.entries.count) : known
    for (portion, results) in zip(portions, results) {
      for (entry, outcome) in zip(portion, results) { outcomes[entry] = outcome }
    }
    self.outcomes = outcomes
  }

  /// Files that one thread reads one after another: not many, and no more after so many bytes.
  static func portions(_ files: [Int], of content: FolderContent, bytesAtOnce: Int) -> [[Int]] {
    var portions: [[Int]] = []
    var bytes = bytesAtOnce
    for file in files {
      if bytes >= bytesAtOnce || (portions.last?.count ?? filesAtOnce) >= filesAtOnce {
        portions.append([])
        bytes = 0
      }
      portions[portions.count - 1].append(file)
      bytes += content.entries[file].status.size
    }
    return portions
  }

  /// The sum of a content.
  static func sum(_ content: UnsafeRawBufferPointer) -> Sum {
    let sum = XXH3_128bits(content.baseAddress, content.count)
    return Sum(high: sum.high64, low: sum.low64)
  }

  /// The sum of a file's content.
  static func sum(of path: String) throws(Problem) -> Sum {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    return try read(path, buffer) { _ in }.sum
  }

  /// The sum of a file's content, and all of that where it is in the buffer.
  private static func read(
    _ path: String, _ buffer: UnsafeMutableRawBufferPointer, _ progress: (Int) -> Void
  ) throws(Problem) -> (sum: Sum, whole: UnsafeRawBufferPointer?) {
    let file = try FileHandle.open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, tried: "open")
    defer { file.close() }
    let status = try file.status()
    if status.size < buffer.count, status.allocated >= status.size {
      // One byte more is asked for: that there is none tells that the file did not grow.
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer[...status.size])
      if try file.read(into: room, at: 0) == status.size {
        progress(status.size)
        let whole = UnsafeRawBufferPointer(rebasing: room[..<status.size])
        return (sum(whole), whole)
      }
    }
    let content = SparseFile(file, status)
    let sum = try RunningSum(of: path)
    var offset = 0
    var count = try content.read(into: buffer, at: 0)
    while count > 0 {
      sum.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      progress(count)
      offset += count
      count = try content.read(into: buffer, at: offset)
    }
    return (sum.value, nil)
  }
}
