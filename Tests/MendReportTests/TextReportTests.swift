import MendKit
import MendReport
import Testing

@Suite struct TextReportTests {
  private func text(
    _ report: Report, _ purpose: ReportContext.Purpose = .check, detail: ReportContext.Detail = .normal,
    style: TextStyle = .plain
  ) -> String {
    var context = Samples.context(purpose)
    context.detail = detail
    return ReportFormat.text.render(report, context: context, style: style)
  }

  @Test("a healthy store takes one line and asks for nothing")
  func healthy() {
    #expect(
      text(Samples.healthy)
        == "✓ production/data  healthy  data/production.db, 8.2 kB, 2 tables, 99,817 rows, 3 checks in 5.3 ms\n")
  }

  @Test("damage comes first, worst finding first, and the report ends with the command to type")
  func damaged() {
    #expect(
      text(Samples.damaged) == """
        ✗ production/data  damaged  data/production.db, 8.2 kB, 2 tables, 99,817 rows, 3 checks in 5.3 ms
          ✗ error    index.entry-missing   table orders, index orders_sku, row 17, page 4, byte 12345, 3 times
              3 rows of orders are not in the index orders_sku
              row 17 missing from index orders_sku
          ! warning  foreign-key.dangling  table orders, column user_id
              orders.user_id points to no row of users

        ✓ staging/data     healthy  data/staging.db, 8.2 kB, 2 tables, 99,817 rows, 3 checks in 5.3 ms

        2 stores: 1 damaged, 1 healthy (0.12 s)

        Next: see what a repair would do:
          dbmend repair --plan production/data

        """)
  }

  @Test("a repair tells its loss, its reason and every row's fate")
  func repaired() {
    #expect(
      text(Samples.repaired, .repair) == """
        ✓ production/data  repaired  data/production.db, 8.2 kB, 2 tables, 99,817 rows, 3 checks in 5.3 ms
          ! warning  foreign-key.dangling  table orders, column user_id
              orders.user_id points to no row of users
          ✓ mended   index.entry-missing   table orders, index orders_sku, row 17, page 4, byte 12345, 3 times
              3 rows of orders are not in the index orders_sku
              row 17 missing from index orders_sku
          repairs:
            1. reindex: mended, loss none: every row stays
               The index is rebuilt from its table, which is sound.
               for index.entry-missing
          rows      kept  from index  from backup  set aside     lost
          orders  99,812           0          188          0        3
          users        5           0            0          0  unknown
          · the old file was archived before
          archive: backups/production_data_20240115_020000.tar.zst
        ✓ the command succeeded  ./update.sh --to 'v 2'
        · a run that died was cleaned up

        """)
  }

  @Test("what could not be checked names the process in the way and what to do about it")
  func unchecked() {
    let text = text(Samples.unchecked)
    #expect(text.contains("error: could not open the database data/production.db: database is locked\n"))
    #expect(text.contains("    held by app (pid 12)\n    → Stop the program that writes to it.\n"))
    #expect(text.hasSuffix("Next: stop app (pid 12), then:\n  dbmend check production/data\n"))
  }

  @Test("--quiet says nothing of what is well")
  func quiet() {
    #expect(text(Samples.healthy, detail: .quiet) == "")
    #expect(!text(Samples.damaged, detail: .quiet).contains("staging"))
    #expect(text(Samples.damaged, detail: .quiet).contains("index.entry-missing"))
  }

  @Test("--verbose lists every check with its time and every table with its rows")
  func verbose() {
    let text = text(Samples.healthy, detail: .verbose)
    #expect(text.contains("    ✓  integrity           healthy  4.0 ms\n"))
    #expect(text.contains("    users        5 rows\n"))
  }

  @Test("without UTF-8 the report is ASCII", arguments: Samples.all.indices)
  func ascii(_ sample: Int) {
    let text = text(Samples.all[sample], style: TextStyle(isColoured: false, isUnicode: false))
    #expect(text.utf8.allSatisfy { $0 == 0x0A || (0x20...0x7E).contains($0) })
  }

  @Test("names and messages cannot steer the terminal", arguments: [ReportContext.Detail.normal, .verbose, .quiet])
  func hostile(_ detail: ReportContext.Detail) {
    let text = text(Samples.hostile, .repair, detail: detail)
    let forbidden: Set<Unicode.Scalar> = ["\u{1B}", "\u{7}", "\u{0}", "\r", "\t", "\u{202E}", "\u{9B}", "\u{2028}"]
    #expect(!text.unicodeScalars.contains(where: forbidden.contains))
    #expect(text.contains("a\\u{1B}[31mred\\u{7}]]>"))
    #expect(text.contains("é 漢 😀"))
  }

  @Test("colours come only when asked for, and change nothing else")
  func colours() {
    let coloured = text(Samples.damaged, style: TextStyle(isColoured: true, isUnicode: true))
    #expect(coloured.contains("\u{1B}[1;31m✗\u{1B}[0m"))
    var plain = coloured
    for code in ["0", "1", "2", "32", "33", "1;31"] { plain.replace("\u{1B}[\(code)m", with: "") }
    #expect(plain == text(Samples.damaged))
  }

  @Test("a long list of findings is cut and the rest counted")
  func manyFindings() {
    let findings = (1...30).map { Finding("row.bad", .error, at: Finding.Location(row: $0), "a row is bad") }
    let report = Report(verdict: .damaged, stores: [Samples.store(verdict: .damaged, findings: findings)])
    #expect(text(report).contains("… and 10 findings more; --verbose shows them\n"))
    #expect(text(report, detail: .verbose).contains("row 30\n"))
  }

  @Test("an empty run says so")
  func empty() {
    #expect(text(Report()) == "no store was found\n")
  }
}

@Suite struct NextStepTests {
  private func next(_ report: Report, _ context: ReportContext) -> String? {
    let text = ReportFormat.text.render(report, context: context)
    guard let range = text.range(of: "Next: ") else { return nil }
    return String(text[range.lowerBound...])
  }

  private func damagedStore(_ change: (inout StoreReport) -> Void = { _ in }) -> Report {
    var store = Samples.store(verdict: .damaged, findings: [Samples.entryMissing])
    change(&store)
    return Report(verdict: .damaged, stores: [store])
  }

  @Test("the options of the run are said again, quoted for the shell")
  func repeats() {
    var context = Samples.context()
    context.repeatedOptions = ["--config", "my conf/it's.yaml"]
    let report = damagedStore {
      $0.store.environment = "adhoc"
      $0.path = "-odd name\n.db"
    }
    #expect(
      next(report, context)?.hasSuffix(
        "\n  dbmend repair --config 'my conf/it'\\''s.yaml' --plan $'./-odd name\\n.db'\n") == true)
  }

  @Test("a plan leads to the repair, a plan that may not be carried out to the loss it needs")
  func plan() {
    let step = PlannedRepair(repair: "reindex", loss: .none, because: ["index.entry-missing"], reason: "so")
    #expect(
      next(damagedStore { $0.plan = [step] }, Samples.context(.plan))?.hasSuffix("\n  dbmend repair production/data\n")
        == true)
    #expect(
      next(damagedStore { $0.neededLoss = .changes }, Samples.context(.plan))?
        .hasSuffix("\n  dbmend repair --max-loss changes production/data\n") == true)
  }

  @Test("a missing file leads to its newest archive")
  func missing() {
    let report = damagedStore { $0.findings = [Finding("file.missing", .error, "there is no file")] }
    #expect(next(report, Samples.context())?.hasSuffix("\n  dbmend restore latest production/data\n") == true)
  }

  @Test("a failed command is to be mended and run again with the same words")
  func command() {
    let report = Report(
      verdict: .healthy, stores: [Samples.store()],
      command: Report.CommandOutcome(exit: 127, words: ["./up date.sh"]))
    #expect(next(report, Samples.context(.preflight))?.hasSuffix("\n  dbmend preflight -- './up date.sh'\n") == true)
  }

  @Test("a store that could not be put back comes before all else, with its archive")
  func putBack() {
    let report = damagedStore {
      $0.couldNotBePutBack = true
      $0.archive = "backups/production_data_20240115_020000.tar.zst"
    }
    #expect(
      next(report, Samples.context(.preflight))?.hasSuffix(
        "\n  dbmend restore backups/production_data_20240115_020000.tar.zst production/data\n") == true)
  }

  @Test("a healthy or repaired store needs nothing")
  func nothing() {
    #expect(next(Samples.healthy, Samples.context()) == nil)
    #expect(next(Samples.repaired, Samples.context(.repair)) == nil)
  }

  @Test(
    "what keeps a store from being checked decides what to do",
    arguments: [
      (Problem.Kind.denied, "sudo dbmend check production/data"), (.noSpace, "make room"), (.changing, "fewer writes"),
      (.locked, "wait until"), (.unsupported, "see to what is said above"), (.archive, "try again"),
    ])
  func unchecked(_ kind: Problem.Kind, _ words: String) {
    var store = Samples.store(verdict: .unchecked)
    store.problems = [Problem(kind, tried: "read", on: "it", said: "no")]
    #expect(next(Report(verdict: .unchecked, stores: [store]), Samples.context())?.contains(words) == true)
  }

  @Test("a command that succeeded is not to be run again where only the check after it could not be made")
  func uncheckedAfterCommand() throws {
    var store = Samples.store(verdict: .unchecked)
    store.problems = [Problem(.locked, tried: "read", on: "it", said: "no")]
    let report = Report(verdict: .unchecked, stores: [store], command: .init(exit: 0, words: ["./update.sh"]))
    let step = try #require(next(report, Samples.context(.preflight)))
    #expect(step.contains("dbmend check") && !step.contains("update.sh"))
  }
}
