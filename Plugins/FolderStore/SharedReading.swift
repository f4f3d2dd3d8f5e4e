import MendKit

/// The files of a folder, read once for a verification and for an archive. Threads read small files and have them looked into, some
/// files ahead of the archive, which takes them in their order; large files the archive reads by itself, and what it read is
/// summed up.
///
/// Not checked by the compiler: what several threads read and write is touched with the lock held only, the rest by the archive's
/// thread alone.
final class SharedReading: @unchecked Sendable {
  private static let bytesAtOnce = 2 << 20

  private let content: FolderContent
  private let workers: Int
  private let progress: @Sendable (Double) -> Void
  private let look: FolderReading.Look
  private let portions: [[Int]]
  /// How many portions are read ahead of the archive.
  private let ahead: Int
  private let done = SharedCount()
  private let monitor = Monitor()

  // With the lock held.
  /// The first portion that nobody has begun to read.
  private var next = 0
  /// The portion that the archive is at.
  private var current = 0
  private var made: [Int: SmallFiles] = [:]
  private var outcomes: [FolderReading.Outcome?]
  private var isOver = false

  // The archive's thread only.
  private var readers: [Workers.Pending<Void>] = []
  private var files: [SmallFiles.File?]?
  private var place = (portion: 0, file: 0)
  /// Large files that were read whole, and not looked into yet.
  private var unseen: [Int] = []

  /// Nothing is read before the first file is asked for.
  init(
    _ content: FolderContent, workers: Int, progress: @escaping @Sendable (Double) -> Void,
    look: @escaping FolderReading.Look
  ) {
    self.content = content
    self.workers = workers
    self.progress = progress
    self.look = look
    portions = FolderReading.portions(content.files, of: content, bytesAtOnce: Self.bytesAtOnce)
    ahead = 2 * workers + 2
    outcomes = [FolderReading.Outcome?](repeating: nil, count: content.entries.count)
  }

  // MARK: - For the archive

  /// A small file, by the number of its entry; to be asked for in rising order. nil of a large one, and of one that could not be read
  /// in one state.
  func file(_ entry: Int) -> SmallFiles.File? {
    if readers.isEmpty {
      readers = (0..<max(1, workers)).map { _ in Workers.begin { [self] in read() } }
    }
    while place.portion < portions.count {
      let portion = portions[place.portion]
      guard place.file < portion.count else {
        place = (place.portion + 1, 0)
        files = nil
        continue
      }
      guard portion[place.file] <= entry else { return nil }
      defer { place.file += 1 }
      if portion[place.file] == entry {
        let files = files ?? taken(place.portion)
        self.files = files
        return files[place.file]
      }
    }
    return nil
  }

  /// Notes what a large file came to.
  func note(_ entry: Int, _ sum: FolderReading.Sum) {
    monitor.locked { outcomes[entry] = .read(sum) }
    unseen.append(entry)
    report(content.entries[entry].status.size)
  }

  private func taken(_ portion: Int) -> [SmallFiles.File?] {
    let isMine = monitor.locked {
      current = portion
      monitor.wakeAll()
      guard next <= portion else { return false }
      next = portion + 1
      return true
    }
    if isMine { make(portion) }
    return monitor.locked {
      monitor.wait { made[portion] != nil }
      return made.removeValue(forKey: portion)?.files ?? []
    }
  }

  // MARK: - Reading

  private func read() {
    while let portion = begun() { make(portion) }
  }

  private func begun() -> Int? {
    monitor.locked {
      monitor.wait { isOver || next >= portions.count || next < current + ahead }
      guard !isOver, next < portions.count else { return nil }
      defer { next += 1 }
      return next
    }
  }

  private func make(_ number: Int) {
    let portion = portions[number]
    var sums: [(entry: Int, sum: FolderReading.Sum)] = []
    let files = SmallFiles(portion.map { content.entries[$0] }, in: content.path) { place, bytes in
      let entry = portion[place]
      sums.append((entry, FolderReading.sum(bytes)))
      look(entry, Paths.join(content.path, content.entries[entry].path), bytes)
      report(bytes.count)
    }
    monitor.locked {
      for (entry, sum) in sums { outcomes[entry] = .read(sum) }
      made[number] = files
      monitor.wakeAll()
    }
  }

  private func report(_ bytes: Int) { progress(Double(done.add(bytes)) / Double(max(1, content.bytes))) }

  // MARK: - For the verification

  /// What all files came to. Those that the archive did not take are read now.
  func finish() -> FolderReading {
    monitor.locked {
      isOver = true
      monitor.wakeAll()
    }
    for reader in readers { reader.value }
    let known = monitor.locked { outcomes }
    let unseen = unseen
    _ = Workers.map(unseen.count, workers: workers) { [content, look] number in
      look(unseen[number], Paths.join(content.path, content.entries[unseen[number]].path), nil)
    }
    return FolderReading(content, workers: workers, known: known, done: done, progress: progress, look: look)
  }
}
