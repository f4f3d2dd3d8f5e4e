import MendKit
import StandardRepairs
import TestSupport
import Testing

@Suite("Damage by the tool beside the repository")
struct DamageTests {
  private static let script = """
    create table countries(code text primary key, name text, area integer);
    create index countries_name on countries(name);
    with recursive c(i) as (select 1 union all select i + 1 from c where i < 3000)
    insert into countries select 'c' || i, 'name ' || i, 40000 + i from c;
    create table areas(area integer, code text, note text, primary key(area, code));
    with recursive c(i) as (select 1 union all select i + 1 from c where i < 3000)
    insert into areas select 1, 'c' || i, 'note ' || i from c;
    """

  private func damaged(_ kind: String, seed: Int) throws -> ExampleRunner.Store? {
    let folder = try TemporaryFolder()
    let sound = try SQLiteFile.make(folder.file("sound.db"), Self.script)
    guard try DamageTool.damage(kind, sound, to: folder.file("damaged.db"), seed: seed, count: 3) else { return nil }
    return ExampleRunner.Store(folder: folder, path: folder.file("damaged.db"))
  }

  @Test("entries that index pages lost are rebuilt at no cost, and every row stays", arguments: 1...3)
  func indexEntries(_ seed: Int) throws {
    guard let store = try damaged("index-entries", seed: seed) else { return }
    let mending = try ExampleRunner(registry).mend(store, with: ReindexRepair(), Example("", script: ""))
    #expect(Set(mending.before.map(\.code)).contains("index.entry-missing"))
    #expect(mending.offer?.loss == Loss.none)
    #expect(mending.after.isEmpty, "\(mending.after.map(\.message))")
    #expect(try SQLiteFile.value(mending.copy, "select count(*) from countries not indexed") == "3000")
    #expect(try SQLiteFile.value(mending.copy, "pragma integrity_check") == "ok")
  }

  @Test("keys that became NULL are found, and their rows moved aside with what else they hold", arguments: 1...3)
  func nullKeys(_ seed: Int) throws {
    guard let store = try damaged("null-key", seed: seed) else { return }
    let mending = try ExampleRunner(registry).mend(store, with: SetAsideNullKeysRepair(), Example("", script: ""))
    let nulls = try #require(mending.before.first { $0.code == "key.null" })
    #expect(nulls.location.table == "areas")
    #expect(mending.offer?.loss == .rows)
    #expect(!mending.after.contains { $0.code == "key.null" }, "\(mending.after.map(\.message))")
    let kept = try SQLiteFile.value(mending.copy, "select count(*) from areas not indexed").flatMap { Int($0) } ?? 0
    let aside = try SQLiteFile.rows(mending.copy, "select note from dbmend_set_aside_areas")
    #expect(kept + aside.count == 3000)
    #expect(aside.allSatisfy { $0[0]?.hasPrefix("note ") == true })
    #expect(mending.outcome?.rows["areas"] == RowTally(kept: kept, setAside: aside.count))
  }
}
