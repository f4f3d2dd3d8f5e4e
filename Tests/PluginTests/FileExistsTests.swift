import MendKit
import StandardChecks
import TestSupport
import Testing

@Suite("file-exists")
struct FileExistsTests {
  private let folder: TemporaryFolder
  private let check = FileExistsCheck()

  init() throws { folder = try TemporaryFolder() }

  private func database() throws -> String { try SQLiteFile.make(folder.file("a.db"), "create table t(x);") }

  @Test("a missing path is a finding, and nothing is made there")
  func missing() throws {
    let findings = try check.findings(context(folder.file("none/app.db")))
    #expect(findings.map(\.code) == ["file.missing"])
    #expect(findings.first?.severity == .error)
    #expect(findings.first?.message == "there is no file; its folder is not there either")
    #expect(try folder.names().isEmpty)
  }

  @Test("a link is followed; one that leads nowhere says where to")
  func links() throws {
    let target = try database()
    #expect(symlink(target, folder.file("link.db")) == 0)
    #expect(try check.findings(context(folder.file("link.db"))).isEmpty)
    try Paths.removeFile(target)
    let finding = try #require(try check.findings(context(folder.file("link.db"))).first)
    #expect(finding.code == "file.missing")
    #expect(finding.message == "the link leads to \(target), where there is no file")
  }

  @Test("a folder, a pipe, a socket or a device is no file, and none of them is opened")
  func otherThings() throws {
    #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
    let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(server) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(folder.file("socket").utf8)) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0)
    for (path, word) in [
      (folder.path, "folder"), (folder.file("pipe"), "pipe"), (folder.file("socket"), "socket"),
      ("/dev/null", "device"),
    ] {
      let context = CheckContext(
        store: StoreIdentity(environment: "test", name: "x", path: path), path: path, driver: nil)
      let finding = try #require(try check.findings(context).first)
      #expect(finding.code == "file.not-a-file")
      #expect(finding.message == "there is a \(word) where a file was expected")
    }
  }

  @Test("a file that may not be read stops the check with what to do")
  func denied() throws {
    let path = try database()
    #expect(chmod(path, 0) == 0 && chmod(folder.path, 0o755) == 0)
    let problem = try withoutPrivileges { check.problem(context(path)) }
    #expect(problem?.kind == .denied)
    #expect(problem?.code == "file.permission")
    #expect(problem?.advice?.contains("owner or as root") == true)
  }

  @Test("a device that fails to read is a finding with the system's words")
  func readError() throws {
    // Nothing is mapped at address 0, so reading the process's memory there fails as a bad sector does.
    let path = "/proc/self/mem"
    let context = CheckContext(
      store: StoreIdentity(environment: "test", name: "x", path: path), path: path, driver: nil)
    let finding = try #require(try check.findings(context).first)
    #expect(finding.code == "file.unreadable")
    #expect(finding.severity == .fatal)
    #expect(finding.evidence == "Input/output error")
  }

  @Test("owner and group are known by name and by number")
  func ownership() throws {
    let path = try database()
    let user = try #require(try run("id", "-un").output.split(separator: "\n").first.map(String.init))
    let group = try #require(try run("id", "-gn").output.split(separator: "\n").first.map(String.init))
    #expect(try check.findings(context(path), ["owner": .string(user), "group": .string(group)]).isEmpty)
    #expect(try check.findings(context(path), ["owner": .integer(Int(geteuid()))]).isEmpty)
    let findings = try check.findings(context(path), ["owner": .string("daemon"), "mode": .integer(600)])
    #expect(
      findings.map(\.message) == ["the file belongs to user \(user), not daemon", "the file's mode is 0644, not 0600"])
  }

  @Test("a user, a group or a mode that cannot be meant is an error in the configuration")
  func impossibleOptions() throws {
    let path = try database()
    for (option, value) in [
      ("owner", "nobody-here"), ("group", "no-such-group"), ("mode", "rw-r-----"), ("mode", "0899"),
    ] {
      let problem = check.problem(context(path), [option: .string(value)])
      #expect(problem?.kind == .configuration, "\(option) \(value)")
      #expect(problem?.advice != nil)
    }
  }

  @Test("a file of a known other kind is named")
  func otherKind() throws {
    let path = try folder.write([0x1F, 0x8B] + [UInt8](repeating: 5, count: 40), to: "dump.db")
    let driverless = CheckContext(
      store: StoreIdentity(environment: "t", name: "x", path: path), path: path, driver: nil)
    #expect(try check.findings(driverless).map(\.evidence) == ["it begins as a gzip file does"])
    let tally = try folder.write("tally\n", to: "counts")
    #expect(try check.findings(context(tally, drivers: [TallyDriver()])).isEmpty)
    let wrong = CheckContext(
      store: StoreIdentity(environment: "t", name: "x", path: path), path: path, driver: TallyDriver())
    #expect(try check.findings(wrong).map(\.code) == ["file.wrong-kind"])
  }

  @Test("noise in one page of a database is damage, noise everywhere is encryption")
  func noise() throws {
    var generator = SystemRandomNumberGenerator()
    let noise = (0..<4096).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let path = try SQLiteFile.make(
      folder.file("a.db"), "create table t(x); insert into t values(zeroblob(40000)); insert into t values('text');")
    try FileHandle.update(path).write(noise, at: 0)
    #expect(try check.findings(context(path)).isEmpty)
    var all: [UInt8] = []
    for _ in 0..<70 { all += (0..<4096).map { _ in UInt8.random(in: 0...255, using: &generator) } }
    let encrypted = try folder.write(all, to: "secret.db")
    let finding = try #require(try check.findings(context(encrypted)).first)
    #expect(finding.code == "file.encrypted")
    let age = try folder.write("age-encryption.org/v1\n-> X25519 abc", to: "dump.age")
    #expect(try check.findings(context(age)).first?.evidence == "it begins as a file that age encrypted does")
  }

  @Test("a server's store has no file to look at")
  func server() throws {
    let uri = "postgresql://localhost/app"
    let context = CheckContext(store: StoreIdentity(environment: "t", name: "x", path: uri), path: uri, driver: nil)
    #expect(try check.findings(context).isEmpty)
  }
}
