import MendKit
import TestSupport
import Testing

@testable import MendEngine

@Suite("File systems that show the system's own state")
struct KernelViewTests {
  @Test("/proc and /sys are told from folders that hold data")
  func told() {
    #expect(Volume.isKernelView("/proc") && Volume.isKernelView("/sys"))
    #expect(!Volume.isKernelView("/tmp") && !Volume.isKernelView("/") && !Volume.isKernelView("/nowhere"))
  }

  @Test("a search passes them by, and finds what stands beside them")
  func search() throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: "proc/.keep")
    try folder.write("SQLite format 3\u{0}" + String(repeating: "x", count: 1000), to: "z.db")
    try #require(ChildProcess.run(["mount", "-t", "proc", "proc", folder.file("proc")]) == .exited(0))
    defer { _ = ChildProcess.run(["umount", folder.file("proc")]) }
    var search = FolderSearch(registry: try Deployment().registry, archiveFolders: [])
    let before = Clock.system.steady()
    search.search(folder.path)
    #expect(search.found.map(\.path) == [folder.file("z.db")])
    #expect(search.problems.isEmpty)
    #expect(Clock.system.steady() - before < 5)
  }
}
