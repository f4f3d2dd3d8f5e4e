import MendKit
import Testing

@testable import MendReport

@Suite struct MachineFormatTests {
  private func json(_ report: Report, _ format: ReportFormat = .json) throws -> JSONValue {
    try JSONValue(parsing: Array(format.render(report, context: Samples.context()).utf8))
  }

  @Test("a finding that is accepted is no failure in any format, and each says until when and why")
  func accepted() {
    let words = "accepted until 2027-01-15: ticket 4711"
    let junit = ReportFormat.junit.render(Samples.accepted, context: Samples.context())
    #expect(junit.contains("failures=\"0\"") && junit.contains("skipped=\"2\""), "\(junit)")
    #expect(junit.contains("<skipped message=\"index.entry-missing is \(words)\"/>"), "\(junit)")
    let github = ReportFormat.github.render(Samples.accepted, context: Samples.context())
    #expect(github.contains("::notice file=data/production.db,title=index.entry-missing (accepted)::"), "\(github)")
    #expect(github.contains("::warning file=data/production.db,title=foreign-key.dangling (accepted)::"), "\(github)")
    let sarif = ReportFormat.sarif.render(Samples.accepted, context: Samples.context())
    #expect(sarif.contains("\"justification\": \"\(words)\"") && sarif.contains("\"acceptedUntil\": \"2027-01-15\""))
    let json = ReportFormat.json.render(Samples.accepted, context: Samples.context())
    #expect(json.contains("\"days_left\": 40") && json.contains("\"name\": \"drop\""))
    let text = ReportFormat.text.render(Samples.accepted, context: Samples.context())
    #expect(text.contains(words) && text.contains("(today is the last day)"), "\(text)")
  }

  @Test("the JSON object has the keys of dbmend.report/1, and leaves out what does not apply")
  func jsonKeys() throws {
    let value = try json(Samples.damaged)
    #expect(value["format"] == .string("dbmend.report/1"))
    #expect(value["verdict"] == .string("damaged"))
    #expect(value["seconds"] == .number(0.12))
    #expect(value["command"] == nil)
    let store = try #require(value["stores"]?.array?.last)
    #expect(store["store"] == .string("production/data"))
    #expect(store["tables"]?["users"]?["rows"] == .integer(5))
    #expect(store["checks"]?.array?.first?["check"] == .string("integrity"))
    #expect(store["archive"] == nil && store["plan"] == nil && store["rows"] == nil && store["blocked_by"] == nil)
    let finding = try #require(store["findings"]?.array?.last)
    let expected: KeyValuePairs<String, JSONValue?> = [
      "code": .string("index.entry-missing"), "severity": .string("error"), "table": .string("orders"),
      "index": .string("orders_sku"), "row": .integer(17), "page": .integer(4), "byte": .integer(12345),
      "count": .integer(3), "evidence": .string("row 17 missing from index orders_sku"),
      "message": .string("3 rows of orders are not in the index orders_sku"), "mended": .boolean(false),
    ]
    #expect(finding == .object(expected))
  }

  @Test("the JSON object tells plan, rows, archive, blockers and the command's exit code")
  func jsonRepair() throws {
    let value = try json(Samples.repaired)
    #expect(value["command"]?["exit"] == .integer(0))
    let store = try #require(value["stores"]?.array?.first)
    #expect(store["plan"]?.array?.first?["loss"] == .string("none"))
    #expect(store["plan"]?.array?.first?["because"] == .array([.string("index.entry-missing")]))
    let tally: KeyValuePairs<String, JSONValue?> = [
      "kept": .integer(99812), "from_index": .integer(0), "from_backup": .integer(188), "lost": .integer(3),
      "set_aside": .integer(0),
    ]
    #expect(store["rows"]?["orders"] == .object(tally))
    #expect(store["rows"]?["users"]?["lost"] == .null)
    let blocked = try json(Samples.unchecked)["stores"]?.array?.first?["blocked_by"]?.array?.first
    #expect(blocked?["pid"] == .integer(12) && blocked?["program"] == .string("app"))
  }

  @Test("the JSON object tells between which keys rows were lost, and leaves open what nothing bounds")
  func jsonRanges() throws {
    var report = Samples.repaired
    report.stores[0].rows = [
      "orders": RowTally(lost: 3, lostRanges: [.rows(first: 7, last: 9), .rows(first: 12, last: nil)]),
      "towns": RowTally(
        lost: nil, lostRanges: [.keys(above: nil, below: [.text("de"), .integer(4), .blob([1, 0xAB]), .null])]),
    ]
    let rows = try #require(try json(report)["stores"]?.array?.first?["rows"])
    #expect(
      rows["orders"]?["lost_ranges"]
        == .array([
          .object(["first": .integer(7), "last": .integer(9)]), .object(["first": .integer(12)]),
        ]))
    #expect(
      rows["towns"]?["lost_ranges"]
        == .array([
          .object(["below": .array([.string("de"), .integer(4), .string("x'01ab'"), .null])])
        ]))
  }

  @Test("JSON keeps hostile text exactly")
  func jsonHostile() throws {
    let store = try #require(try json(Samples.hostile)["stores"]?.array?.first)
    #expect(store["findings"]?.array?.first?["message"] == .string(Samples.poison))
    #expect(store["tables"]?[Samples.poison]?["rows"] == .integer(Int.max))
  }

  @Test("JUnit puts each finding to the check that found it and counts what failed")
  func junit() {
    let text = ReportFormat.junit.render(Samples.damaged, context: Samples.context())
    #expect(text.contains("<testsuites name=\"dbmend\" tests=\"6\" failures=\"1\" errors=\"0\" time=\"0.120\">"))
    #expect(
      text.contains(
        """
            <testcase name="integrity" classname="production/data" time="0.004">
              <failure type="index.entry-missing" message="3 rows of orders are not in the index orders_sku">table orders
        """))
    #expect(text.contains("<system-out>warning foreign-key.dangling: orders.user_id points to no row of users"))
  }

  @Test("JUnit tells what could not be checked as an error, and a failed command as a failure")
  func junitErrors() {
    let unchecked = ReportFormat.junit.render(Samples.unchecked, context: Samples.context())
    #expect(unchecked.contains("tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"1\""))
    #expect(unchecked.contains("<error type=\"locked\" message=\"could not open the database"))
    var report = Samples.healthy
    report.command = Report.CommandOutcome(exit: 3, words: ["./update.sh"])
    #expect(
      ReportFormat.junit.render(report, context: Samples.context())
        .contains("<failure type=\"command.failed\" message=\"exit code 3\"/>"))
  }

  @Test("JUnit goes by the check that a finding names, before its code")
  func junitNamedCheck() {
    var finding = Finding("sql.unexpected", .error, "2 rows")
    finding.check = "sql: orphan orders"
    var store = Samples.store(verdict: .damaged, findings: [finding])
    store.checks.insert(CheckOutcome(check: "sql: other", verdict: .healthy, seconds: 0), at: 0)
    let text = ReportFormat.junit.render(Report(verdict: .damaged, stores: [store]), context: Samples.context())
    #expect(text.contains("name=\"sql: orphan orders\" classname=\"production/data\" time=\"0.000\">\n      <failure"))
    #expect(text.contains("name=\"sql: other\" classname=\"production/data\" time=\"0.000\"/>"))
  }

  @Test("SARIF rules carry what the checks say of themselves, results say where")
  func sarif() throws {
    let run = try #require(try json(Samples.damaged, .sarif)["runs"]?.array?.first)
    let rules = try #require(run["tool"]?["driver"]?["rules"]?.array)
    #expect(
      rules.map { $0["id"]?.string } == [
        "index.entry-missing", "page.corrupt", "foreign-key.dangling", "sql.unexpected",
      ])
    #expect(rules[0]["shortDescription"]?["text"] == .string("a row is not in an index"))
    let result = try #require(run["results"]?.array?.last)
    #expect(result["ruleIndex"] == .integer(0) && result["level"] == .string("error"))
    let location = try #require(result["locations"]?.array?.first)
    #expect(location["physicalLocation"]?["artifactLocation"]?["uri"] == .string("data/production.db"))
    #expect(location["physicalLocation"]?["region"]?["byteOffset"] == .integer(12345))
    #expect(
      location["logicalLocations"]?.array?.map { $0["fullyQualifiedName"]?.string }
        == ["orders", "orders.orders_sku", "orders[17]"])
  }

  @Test(
    "SARIF paths are relative references below the folder and file URIs elsewhere",
    arguments: [
      ("/srv/app/data/a b.db", "data/a%20b.db"), ("./x.db", "x.db"), ("/var/lib/ü#.db", "file:///var/lib/%C3%BC%23.db"),
      ("c:d.db", "./c:d.db"), ("100%.db", "100%25.db"),
    ])
  func uris(_ path: String, _ uri: String) throws {
    let report = Report(
      verdict: .damaged, stores: [Samples.store(path: path, verdict: .damaged, findings: [Samples.entryMissing])])
    let result = try json(report, .sarif)["runs"]?.array?.first?["results"]?.array?.first
    let location = result?["locations"]?.array?.first?["physicalLocation"]?["artifactLocation"]
    #expect(location?["uri"] == .string(uri))
  }

  @Test("GitHub gets one command a line, by severity")
  func github() {
    #expect(
      ReportFormat.github.render(Samples.damaged, context: Samples.context()) == """
        ::warning file=data/production.db,title=foreign-key.dangling::orders.user_id points to no row of users%0Aproduction/data, table orders, column user_id
        ::error file=data/production.db,title=index.entry-missing::3 rows of orders are not in the index orders_sku%0Aproduction/data, table orders, index orders_sku, row 17, page 4, byte 12345, 3 times%0Arow 17 missing from index orders_sku

        """)
    #expect(ReportFormat.github.render(Samples.healthy, context: Samples.context()) == "")
  }

  @Test("no text breaks out of a GitHub command")
  func githubHostile() {
    let text = ReportFormat.github.render(Samples.hostile, context: Samples.context())
    let lines = text.split(separator: "\n")
    #expect(lines.count == 4)
    for line in lines {
      #expect(line.hasPrefix("::error "))
      let properties = line.dropFirst("::error ".count).split(separator: "::", maxSplits: 1).first ?? ""
      #expect(properties.split(separator: ",").allSatisfy { $0.hasPrefix("file=") || $0.hasPrefix("title=") })
    }
    #expect(!text.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\r" })
    #expect(text.contains("%250A"))
  }

  @Test("XML holds what steers a terminal as references, which read as the same text")
  func steeringXML() {
    #expect(XMLText.attribute("a\u{9B}2J\u{202E}b\tc") == "a&#155;2J&#8238;b&#9;c")
    #expect(XMLText.content("a\u{7F}b\n\tc\u{1B}") == "a&#127;b\n\tc\\u{1B}")
  }
}
