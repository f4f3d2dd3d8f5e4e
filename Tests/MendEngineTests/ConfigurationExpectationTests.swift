import MendKit
import Testing

@testable import MendEngine

@Suite("expected findings")
struct ConfigurationExpectationTests {
  private let folder: ConfigurationTestFolder

  init() throws { folder = try ConfigurationTestFolder() }

  private func load(_ text: String) throws -> ExpectationFile {
    let file = try folder.write(text, to: "expected.yaml")
    return try ExpectationFile.load(file: file, registry: ConfigurationStubs.registry)
  }

  private func errors(_ text: String) throws -> [String] {
    let file = try folder.write(text, to: "expected.yaml")
    let problem = try #require(throws: Problem.self) {
      try ExpectationFile.load(file: file, registry: ConfigurationStubs.registry)
    }
    #expect(problem.kind == .configuration)
    return ConfigurationStubs.lines(of: problem, file: file)
  }

  private func report(_ name: String, _ codes: [FindingCode], problems: [Problem] = []) -> StoreReport {
    let path = Paths.join(folder.path, name)
    return StoreReport(
      store: StoreIdentity(environment: "adhoc", name: name, path: path), path: name,
      findings: codes.map { Finding($0, .warning, "It is so.") }, problems: problems)
  }

  @Test("exactly the expected findings are no mismatch, several of one code, and links on the way, included")
  func match() throws {
    #expect(symlink(folder.path, Paths.join(folder.path, "sub")) == 0)
    let expected = try load("good.db: []\nsub/bad.db: [page.corrupt, index.entry-missing]\none.db: table.missing\n")
    let reports = [
      report("one.db", ["table.missing"]), report("good.db", []),
      report("bad.db", ["index.entry-missing", "page.corrupt", "page.corrupt"]),
    ]
    #expect(
      try load("good.db: []\nsub/bad.db: [page.corrupt, index.entry-missing]\none.db: table.missing\n")
        .mismatches(with: reports).isEmpty)
    #expect(expected.entries[1].codes == ["page.corrupt", "index.entry-missing"])
    #expect(expected.entries[1].origin == "expected.yaml:2")
  }

  @Test("what is missing, what is too much, and stores on one side only are told in a sentence each")
  func mismatches() throws {
    let expected = try load("a.db: [page.corrupt]\nb.db: []\nc.db: []\ngone.db: []\n")
    let locked = Problem(.locked, tried: "open", on: "c.db", said: "database is locked")
    let missing = Problem(.missing, tried: "open", on: "c.db", said: "No such file", code: "file.missing")
    let reports = [
      report("a.db", ["table.missing"]), report("b.db", ["page.corrupt"]),
      report("c.db", [], problems: [locked, missing]),
      report("new.db", []),
    ]
    #expect(
      expected.mismatches(with: reports) == [
        "a.db (expected.yaml:1): page.corrupt was expected, but was not found.",
        "a.db (expected.yaml:1): table.missing was found, but was not expected: It is so.",
        "b.db (expected.yaml:2): page.corrupt was found, but was not expected: It is so.",
        "c.db (expected.yaml:3) could not be checked: could not open c.db: database is locked",
        "c.db (expected.yaml:3): file.missing was found, but was not expected: No such file",
        "gone.db (expected.yaml:4) was expected, but no such store was checked.",
        "new.db was checked, but \(folder.path)/expected.yaml does not name it.",
      ])
  }

  @Test("every error of the file is told with its place")
  func wrong() throws {
    let text = """
      a.db: [page.corupt]
      ./a.db: []
      b.db:
      c.db: { x: 1 }
      d.db: [page.*, "corrupt", [x]]
      e.db: [page.]
      """
    #expect(
      try errors(text) == [
        "1:8: no check finds 'page.corupt'; did you mean 'page.corrupt'?",
        "2:1: the store './a.db' stands twice, first in line 1",
        "3:6: expected a list of text, found nothing",
        "4:7: expected a list of text, found a map",
        "5:27: expected text, found a list",
        "6:8: 'page.' is not a finding code such as index.entry-missing",
      ])
    #expect(
      try errors("d.db: [page.*, 'corrupt']\n") == [
        "1:8: 'page.*' is a pattern; codes are expected exactly, so write each of them",
        "1:16: 'corrupt' is not a finding code such as index.entry-missing",
      ])
    #expect(try errors("- a\n") == ["1:1: expected a map from paths to lists of finding codes, found a list"])
    #expect(try errors("") == ["1:1: the file is empty; it maps each path to the list of its finding codes"])
  }

  @Test("a file that is not there is an error of the configuration")
  func missing() throws {
    let problem = try #require(throws: Problem.self) {
      try ExpectationFile.load(file: Paths.join(folder.path, "none"), registry: ConfigurationStubs.registry)
    }
    #expect(problem.kind == .configuration)
  }
}
