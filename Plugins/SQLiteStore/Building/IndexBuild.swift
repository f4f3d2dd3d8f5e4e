import MendKit
import Synchronization

/// Builds an index anew from its table's rows: on all processors, in order, one page after another.
struct IndexBuild {
  let file: SalvageFile
  let target: IndexTarget
  let workers: Int

  /// Bytes that entries take in memory at most, of all workers together.
  static let memory = 96 << 20
  /// Leaves of the table that a worker takes at a time.
  private static let chunk = 256

  /// The pages of the old tree are taken first; where two rows may turn out to have one key, they are let go of at the end.
  func run() throws(BuildObstacle) {
    let leaves = tableLeaves()
    let runs = try extract(leaves)
    let old = Array(oldPages().reversed())
    let isCertain = target.key.uniqueCount == 0
    if isCertain { file.free += old }
    do throws(Problem) {
      guard try write(runs) else { throw Problem.leftToLibrary }
    } catch {
      throw error.isLeftToLibrary ? .leftToLibrary : .failed(error)
    }
    if !isCertain { file.free += old }
  }

  /// The pages of the index's tree but its root, with those that its entries go on in.
  private func oldPages() -> [UInt32] {
    let reader = PayloadReader(file)
    var pages: [UInt32] = []
    func visit(_ number: UInt32, _ level: Int) {
      guard level <= TreeWalker.deepest, let page = file.original(number), let header = BTreePage(page, number: number)
      else { return }
      if number != target.root { pages.append(number) }
      for cell in reader.cells(of: number) {
        if !header.kind.isLeaf { visit(page.big32(cell.offset), level + 1) }
        pages += reader.chain(of: cell)
      }
      if !header.kind.isLeaf { visit(header.rightChild(page), level + 1) }
    }
    visit(target.root, 1)
    return pages
  }

  /// Writes the tree; false where two rows have a key that only one may have.
  private func write(_ runs: [SortedRun]) throws(Problem) -> Bool {
    let level = TreeLevel(file, isLeaf: true, streams: true)
    var merged = try MergedRuns(runs, key: target.key, encoding: target.encoding)
    var cell: [UInt8] = []
    let before = LastRecord()
    while let (record, count) = try merged.next() {
      let bytes = UnsafeRawBufferPointer(start: record, count: count)
      if target.key.uniqueCount > 0 {
        if let last = before.start, target.isDuplicate(last, record) { return false }
        before.take(bytes)
      }
      try file.indexCell(bytes, streams: true, into: &cell)
      var problem: Problem?
      cell.withUnsafeBytes { bytes in
        do throws(Problem) {
          try level.add(bytes)
        } catch {
          problem = error
        }
      }
      if let problem { throw problem }
    }
    try level.finish(root: target.root)
    return true
  }

  /// The leaves of the table's tree, which was found sound.
  private func tableLeaves() -> [UInt32] {
    var leaves: [UInt32] = []
    func visit(_ number: UInt32, _ level: Int) {
      guard level <= TreeWalker.deepest, let page = file.original(number), let header = BTreePage(page, number: number),
        header.cellPointersEnd <= file.usableSize
      else { return }
      guard header.kind == .tableInterior else { return leaves.append(number) }
      for index in 0..<header.cellCount {
        let at = page.big16(header.cellPointers + 2 * index)
        if at + 4 <= file.usableSize { visit(page.big32(at), level + 1) }
      }
      visit(header.rightChild(page), level + 1)
    }
    visit(target.tableRoot, 1)
    return leaves
  }

  /// What one worker made.
  private enum Made: Sendable {
    case runs([SortedRun])
    case unknown
    case failed(Problem)
  }

  /// The file as the workers use it: nothing is written to it meanwhile.
  private struct Source: @unchecked Sendable {
    let file: SalvageFile
  }

  private func extract(_ leaves: [UInt32]) throws(BuildObstacle) -> [SortedRun] {
    let source = Source(file: file)
    let target = target
    let threads = max(1, min(workers, leaves.count / Self.chunk + 1))
    let next = Atomic(0)
    let folder = Paths.folder(of: file.path)
    let made = Workers.map(threads, workers: threads) { _ -> Made in
      guard let encoder = target.encoder(),
        let sorter = EntrySorter(
          target.tree, encoding: target.encoding, memory: Self.memory / threads, folder: folder)
      else { return .unknown }
      let reader = PayloadReader(source.file)
      do throws(Problem) {
        while true {
          let first = next.wrappingAdd(Self.chunk, ordering: .relaxed).oldValue
          guard first < leaves.count else { return .runs(try sorter.finish()) }
          for leaf in leaves[first..<min(first + Self.chunk, leaves.count)] {
            guard try Self.take(leaf, reader, encoder, sorter) else { return .unknown }
          }
        }
      } catch {
        return .failed(error)
      }
    }
    var runs: [SortedRun] = []
    for part in made {
      switch part {
      case .runs(let ofWorker): runs += ofWorker
      case .unknown: throw .leftToLibrary
      case .failed(let problem): throw .failed(problem)
      }
    }
    return runs
  }

  /// The entries of a leaf's rows; false where only the library knows one.
  private static func take(
    _ leaf: UInt32, _ reader: PayloadReader, _ encoder: EntryEncoder, _ sorter: EntrySorter
  ) throws(Problem) -> Bool {
    for cell in reader.cells(of: leaf) {
      guard let record = reader.record(leaf, cell) else { return false }
      switch encoder.encode(record.start, available: record.available, rowid: cell.rowid) {
      case .entry: try sorter.add(encoder.entry)
      case .leftOut: break
      case .unknown: return false
      }
    }
    reader.release()
    return true
  }
}

/// A copy of the record before the one at hand, of which the bytes before and behind may be read.
final class LastRecord {
  private var buffer: UnsafeMutableRawBufferPointer?
  private(set) var start: UnsafeRawPointer?

  deinit { buffer?.deallocate() }

  func take(_ record: UnsafeRawBufferPointer) {
    if (buffer?.count ?? 0) < record.count + 32 {
      buffer?.deallocate()
      buffer = .allocate(byteCount: 2 * record.count + 64, alignment: 16)
      buffer?.initializeMemory(as: UInt8.self, repeating: 0)
    }
    guard let base = buffer?.baseAddress else { return }
    UnsafeMutableRawBufferPointer(start: base + 16, count: record.count).copyBytes(from: record)
    start = UnsafeRawPointer(base + 16)
  }
}
