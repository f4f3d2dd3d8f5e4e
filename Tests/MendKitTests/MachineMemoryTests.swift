import MendKit
import TestSupport
import Testing

@Suite("The machine's memory")
struct MachineMemoryTests {
  private let mebibyte = 1 << 20

  private func machine(_ files: [String: String]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder("dbmend-memory")
    for (name, text) in files {
      try Paths.makeFolder(Paths.folder(of: folder.file(name)))
      try folder.write(text, to: name)
    }
    return folder
  }

  @Test("what is free of the machine is what the system says is available")
  func meminfo() throws {
    let folder = try machine(["proc/meminfo": "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable:    4096 kB\n"])
    #expect(MachineMemory.available(root: folder.path) == 4 * mebibyte)
    #expect(try MachineMemory.available(root: machine([:]).path) == nil)
    #expect(MachineMemory.available() ?? 0 > mebibyte)
  }

  @Test("a container's limit counts, that of a group above it too, and files that nobody needs are free")
  func groups() throws {
    let folder = try machine([
      "proc/meminfo": "MemAvailable: 1000000 kB\n", "proc/self/cgroup": "0::/outer/inner\n",
      "sys/fs/cgroup/outer/memory.max": "\(100 * mebibyte)\n",
      "sys/fs/cgroup/outer/memory.current": "\(90 * mebibyte)\n",
      "sys/fs/cgroup/outer/memory.stat": "anon 5\ninactive_file \(20 * mebibyte)\n",
      "sys/fs/cgroup/outer/inner/memory.max": "max\n", "sys/fs/cgroup/outer/inner/memory.current": "1\n",
    ])
    #expect(MachineMemory.available(root: folder.path) == 30 * mebibyte)
    let first = try machine([
      "proc/meminfo": "MemAvailable: 1000000 kB\n", "proc/self/cgroup": "3:cpu:/\n7:memory:/box\n",
      "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "\(64 * mebibyte)\n",
      "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "\(80 * mebibyte)\n",
    ])
    #expect(MachineMemory.available(root: first.path) == 0)
  }
}
