import MendKit
import TestSupport
import Testing

/// What the user of the program sees of the verification.
@Suite("Verification, as its user sees it") struct VerificationTrials {
  private static let foreign = """
    pragma writable_schema = on;
    insert into sqlite_schema values('table', 'geo', 'geo', 0, 'CREATE VIRTUAL TABLE geo USING spatial(x)');
    """

  @Test("a check says which way each part was verified, in JSON and in text")
  func account() throws {
    let trial = try Trial("app.db")
    try trial.sql("create table accounts(balance check(printf('%d', balance) >= '0'));" + Self.foreign)
    let outcome = try trial.dbmend("check", "--verbose", "app.db")
    #expect(outcome.exit == 0, "\(outcome.everything)")
    let checks = outcome.store()?["checks"]?.array ?? []
    let integrity = checks.first { $0["check"]?.string == "integrity" }
    #expect(integrity?["verified"]?["native"]?["tables"]?.integer == 3)
    #expect(integrity?["verified"]?["native"]?["indexes"]?.integer == 1)
    #expect(integrity?["verified"]?["sqlite"]?["accounts"]?.string == "CHECK constraints")
    #expect(integrity?["verified"]?["unverified"]?["geo"]?.string == "module spatial has no check of its own")
    #expect(checks.allSatisfy { $0["check"]?.string == "integrity" || $0["verified"] == nil })
    #expect(outcome.codes == ["table.unverified"])
    #expect(
      outcome.errors.contains("verified natively: 3 tables, 1 index; by sqlite: accounts (CHECK constraints); not"))
    let brief = try trial.text("check", "app.db").output
    #expect(brief.contains("  · not verified wholly: geo (module spatial has no check of its own)\n"))
    #expect(!brief.contains("natively"))
  }

  @Test("a backup of a large store holds its indexes against their tables")
  func largeBackup() throws {
    let trial = try Trial("app.db")
    try trial.spoilIndex()
    try trial.sql(
      """
      create table files(content);
      with recursive n(i) as (values(1) union all select i + 1 from n where i < 17)
      insert into files select zeroblob(4000000) from n;
      """)
    #expect(try FileStatus.of(trial.file("app.db")).size > 64_000_000)
    let outcome = try trial.dbmend("backup", "app.db")
    #expect(outcome.exit == 1, "\(outcome.everything)")
    #expect(outcome.codes == ["index.entry-missing", "index.entry-missing"])
    #expect(outcome.archive != nil)
  }
}
