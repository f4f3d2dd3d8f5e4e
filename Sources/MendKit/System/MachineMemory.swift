/// How much memory a program may take without the machine, or the container that this process runs in, running short.
public enum MachineMemory {
  /// Bytes that are free, or that the system would free for a program: of the machine, and of every control group that this
  /// process is in, the least. nil where the system tells neither.
  public static func available(root: String = "/") -> Int? {
    ([machine(root)] + groups(root)).compactMap { $0 }.min().map { max(0, $0) }
  }

  private static func machine(_ root: String) -> Int? {
    for line in text(Paths.join(root, "proc/meminfo")).split(separator: "\n") where line.hasPrefix("MemAvailable:") {
      return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
    }
    return nil
  }

  /// What is left of the limit of each control group: those of version 2 have a line `0::/path`, the memory controller of
  /// version 1 a line `7:memory:/path`. A group is bound by those above it too.
  private static func groups(_ root: String) -> [Int?] {
    var left: [Int?] = []
    for line in text(Paths.join(root, "proc/self/cgroup")).split(separator: "\n").prefix(64) {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isSecond = parts[1].isEmpty
      guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
      let mount = Paths.join(root, isSecond ? "sys/fs/cgroup" : "sys/fs/cgroup/memory")
      var names = parts[2].split(separator: "/").filter { $0 != ".." }.prefix(64)
      while true {
        left.append(
          isSecond
            ? room(mount, names, "memory.max", "memory.current", "inactive_file")
            : room(mount, names, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"))
        guard !names.isEmpty else { break }
        names.removeLast()
      }
    }
    return left
  }

  /// The limit without what is used; pages of files that nobody needs are as good as free.
  private static func room(
    _ mount: String, _ names: ArraySlice<Substring>, _ limit: String, _ usage: String, _ cache: String
  ) -> Int? {
    let folder = names.reduce(mount) { Paths.join($0, String($1)) }
    guard let most = number(Paths.join(folder, limit)), let used = number(Paths.join(folder, usage)) else { return nil }
    let free = text(Paths.join(folder, "memory.stat")).split(separator: "\n").first { $0.hasPrefix(cache + " ") }
      .flatMap { $0.split(separator: " ").last }.flatMap { Int($0) }
    return most - max(0, used - (free ?? 0))
  }

  private static func number(_ path: String) -> Int? {
    text(path).split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
  }

  private static func text(_ path: String) -> String {
    guard let file = try? FileHandle.read(path), let bytes = try? file.readAll(limit: 1 << 20) else { return "" }
    return String(decoding: bytes, as: UTF8.self)
  }
}
