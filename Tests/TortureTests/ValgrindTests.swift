import MendKit
import TestSupport
import Testing

/// What `scripts/sanitize valgrind` does of all kinds of stores, in a short form.
@Suite("Memory as valgrind sees it") struct ValgrindTests {
  private static let program = Paths.join(Paths.folder(of: Paths.resolved("/proc/self/exe")), "dbmend")

  @Test(
    "check, repair, backup and restore touch no memory that is not theirs",
    .enabled("valgrind is not installed") { FileStatus.exists("/usr/bin/valgrind") || getenv("CI") != nil })
  func brief() throws {
    let folder = try TemporaryFolder("dbmend-valgrind")
    let scripts = Paths.join(Paths.folder(of: Paths.folder(of: Paths.folder(of: #filePath))), "scripts/sanitize.d")
    // valgrind cannot read what the compiler tells debuggers.
    let stripped = try run("objcopy", "--strip-debug", Self.program, folder.file("dbmend"))
    #expect(stripped.exit == 0, "\(stripped.errors)")
    let result = try run(
      Paths.join(scripts, "commands"), folder.file("dbmend"), folder.file("report"), Paths.join(scripts, "valgrind"),
      "brief")
    #expect(result.exit == 0 && result.output.isEmpty, "\(result.output)\(result.errors)")
    let reports = try folder.names().filter { $0.hasPrefix("report.") }
    #expect(reports.count >= 4)
    for name in reports {
      let text = String(decoding: try folder.read(name), as: UTF8.self)
      // What a program could not read of itself is no finding.
      let said = text.split(separator: "\n").filter { $0.hasPrefix("==") && !$0.contains("WARNING") }
      #expect(said.isEmpty, "\(said.prefix(30).joined(separator: "\n"))")
    }
  }
}
