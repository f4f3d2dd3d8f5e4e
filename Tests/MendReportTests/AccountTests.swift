import MendKit
import MendReport
import Testing

@Suite("What a report says of the way a store was verified") struct AccountTests {
  private func report(_ account: VerificationAccount?, verdict: Verdict = .healthy) -> Report {
    var store = Samples.store(verdict: verdict)
    store.checks[0].verified = account
    return Report(verdict: verdict, stores: [store])
  }

  private func text(_ account: VerificationAccount, _ detail: ReportContext.Detail, verdict: Verdict = .healthy)
    -> [String]
  {
    var context = Samples.context()
    context.detail = detail
    let text = ReportFormat.text.render(report(account, verdict: verdict), context: context, style: .plain)
    return text.split(separator: "\n").map(String.init).filter { $0.contains("verified") }
  }

  private func json(_ account: VerificationAccount?) throws -> JSONValue? {
    let text = ReportFormat.json.render(report(account), context: Samples.context())
    return try JSONValue(parsing: Array(text.utf8))["stores"]?.array?.first?["checks"]?.array?.first?["verified"]
  }

  private let whole = VerificationAccount(
    engine: "sqlite", tables: 97, indexes: 12, byEngine: ["accounts": "CHECK constraints"],
    unverified: ["geo": "module x has no check of its own"])

  @Test("JSON has the counts, and what the engine was asked about and what nobody could verify, each with its reason")
  func machine() throws {
    #expect(
      try json(whole)
        == JSONValue.object([
          "native": .object(["tables": .integer(97), "indexes": .integer(12)]),
          "sqlite": .object(["accounts": .string("CHECK constraints")]),
          "unverified": .object(["geo": .string("module x has no check of its own")]),
        ]))
  }

  @Test("keys that do not apply are left out of JSON, and an empty account wholly")
  func leftOut() throws {
    #expect(
      try json(VerificationAccount(engine: "sqlite", tables: 1))
        == JSONValue.object(["native": .object(["tables": .integer(1)])]))
    #expect(try json(VerificationAccount(engine: "sqlite")) == nil)
    #expect(try json(nil) == nil)
  }

  @Test("with --verbose a line tells all of it")
  func verbose() {
    #expect(
      text(whole, .verbose) == [
        "  · verified natively: 97 tables, 12 indexes; by sqlite: accounts (CHECK constraints); "
          + "not verified wholly: geo (module x has no check of its own)"
      ])
  }

  @Test("without --verbose only what nobody could verify is told, and nothing where there is no such thing")
  func normal() {
    #expect(text(whole, .normal) == ["  · not verified wholly: geo (module x has no check of its own)"])
    #expect(text(VerificationAccount(engine: "sqlite", tables: 3, byEngine: ["a": "b"]), .normal) == [])
  }

  @Test("--quiet tells it of stores that are not well only")
  func quiet() {
    #expect(text(whole, .quiet) == [])
    #expect(text(whole, .quiet, verdict: .damaged).count == 1)
  }

  @Test("names of one reason stand together, and a long list is cut unless all is asked for")
  func grouped() {
    var account = VerificationAccount(engine: "sqlite")
    for number in 1...9 { account.unverified["t\(number)"] = "a reason" }
    #expect(text(account, .normal) == ["  · not verified wholly: t1, t2, t3, t4 (a reason) and 5 more"])
    #expect(text(account, .verbose).first?.hasSuffix("t8, t9 (a reason)") == true)
  }

  @Test("names from the store cannot steer the terminal")
  func hostile() {
    let account = VerificationAccount(engine: "sqlite", unverified: ["a\u{1B}[31m": "no\nmodule"])
    #expect(text(account, .normal) == ["  · not verified wholly: a\\u{1B}[31m (no\\nmodule)"])
  }
}
