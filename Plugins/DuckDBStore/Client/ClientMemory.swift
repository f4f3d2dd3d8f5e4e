import MendKit

/// How much memory a run of the client may take, and on how many threads it works.
///
/// DuckDB's own limit is four fifths of the machine, whatever else runs there, and counts only what it keeps in its buffers. Here
/// it gets a part of what is free, by the size of the database, writes what does not fit to a folder beside the copy, and is
/// refused by the system what it asks for far beyond that: a damaged file can make it ask for anything.
struct ClientMemory: Equatable {
  /// What the engine may keep in memory, in bytes.
  var buffers: Int
  /// What the process may map, in bytes.
  var all: Int { 2 * buffers + (4 << 30) }
  /// The threads that it works on.
  var threads: Int

  /// So many bytes, and so many threads.
  init(buffers: Int, threads: Int) {
    self.buffers = buffers
    self.threads = threads
  }

  /// So much for a database of this size, of what is free; nil for a machine that does not tell.
  init(database size: Int, free: Int?, processors: Int = Workers.processors) {
    let wanted = max(2 << 30, size > Int.max / 8 ? Int.max : 8 * size)
    // Who does not tell its memory has a little, most probably.
    buffers = max(Self.least, min(wanted, (free ?? 4 << 30) / 10 * 6))
    threads = max(1, min(processors, buffers / Self.perThread))
  }

  /// For a run on a database now.
  static func now(_ path: String) -> ClientMemory {
    ClientMemory(database: (try? FileStatus.of(path).size) ?? 0, free: MachineMemory.available())
  }

  /// Less than this serves for no database, and more than what is free may be had where others give it back.
  private static let least = 256 << 20
  private static let perThread = 128 << 20

  /// The statements that bound a run; what does not fit into memory goes to the folder.
  func statements(spillingTo folder: String) -> [String] {
    [
      "SET temp_directory = \(folder.asLiteral)", "SET memory_limit = '\(buffers >> 10)KiB'",
      "SET threads = \(threads)",
    ]
  }

  // MARK: - What the engine says of it

  /// Whether a message says that memory ran short, or that the process ended as those do that take too much.
  static func isShort(_ words: String) -> Bool {
    words.hasPrefix("Out of Memory Error") || words.contains("bad_alloc") || words.contains("failed to allocate")
      || words.contains("could not allocate") || words.contains("ended by signal 9")
  }

  /// The bytes that were asked for in vain: of `… failed to allocate data of size 16.0 MiB (18.2 MiB/28.6 MiB used)`.
  static func asked(_ words: String) -> Int? {
    guard let place = words.range(of: "of size ") else { return nil }
    let parts = words[place.upperBound...].split(separator: " ", maxSplits: 2)
    guard parts.count > 1, let number = Double(parts[0]) else { return nil }
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    guard let unit = units.firstIndex(of: String(parts[1].prefix { $0.isLetter })) else { return nil }
    let bytes = (0..<unit).reduce(number) { value, _ in value * 1024 }
    return bytes < 9e18 ? Int(bytes) : Int.max
  }

  /// Whether more was asked for than the values of any database take: what was read is not what was written then.
  static func isAbsurd(_ words: String, most: Int = 1 << 40) -> Bool { asked(words).map { $0 > most } ?? false }

  /// The problem of a run that memory ran short for.
  static func problem(_ words: String, on path: String, tried: String) -> Problem {
    Problem(
      .exhausted, tried: tried, on: path, said: words,
      advice: "Give it more memory, or run dbmend again when others take less; nothing is known to be damaged by this.",
      code: "engine.out-of-memory")
  }
}
