import MendKit
import TestSupport

/// The store that writers transfer in, and what must hold in every consistent state of it.
struct Bank {
  /// Accounts; each begins with `opening`.
  static let accounts = 200
  static let opening = 1_000
  /// The newest transfers of each writer that stay in the store.
  static let ring = 500

  /// What makes a bank of so many megabytes, with an index that writers do not touch.
  static func script(journal: String, pageSize: Int, megabytes: Int, writers: Int) -> String {
    """
    pragma page_size = \(pageSize);
    pragma journal_mode = \(journal);
    create table accounts(id integer primary key, balance integer not null);
    create table writers(id integer primary key, serial integer not null);
    create table transfers(slot integer primary key, writer integer, serial integer, amount integer);
    create index transfers_serial on transfers(writer, serial);
    create table filler(id integer primary key, code text, text text);
    begin;
    with recursive n(i) as (select 1 union all select i + 1 from n where i < \(accounts))
      insert into accounts select i, \(opening) from n;
    with recursive n(i) as (select 1 union all select i + 1 from n where i < \(writers))
      insert into writers select i, 0 from n;
    with recursive n(i) as (select 1 union all select i + 1 from n where i < \(max(20, megabytes * 1_000)))
      insert into filler select i, hex(randomblob(6)) || i, hex(randomblob(480)) from n;
    create index filler_code on filler(code);
    commit;
    """
  }

  /// Makes the index that writers do not touch lack most of its rows.
  static let damage = """
    drop index filler_code;
    create index filler_code on filler(code) where id < 10;
    pragma writable_schema = on;
    update sqlite_schema set sql = 'create index filler_code on filler(code)' where name = 'filler_code';
    """

  /// What is wrong with a state of the bank in a file of its own; nil when it is one consistent state.
  static func trouble(_ file: String, isDamaged: Bool = false) throws -> String? {
    do {
      let sum = try SQLiteFile.value(file, "select sum(balance) from accounts")
      guard sum == "\(accounts * opening)" else {
        return "the sum of the accounts is \(sum ?? "nothing"), not \(accounts * opening)"
      }
      let ring = try SQLiteFile.rows(
        file,
        """
        select w.id, w.serial, count(t.serial), min(t.serial), max(t.serial) from writers w
        left join transfers t not indexed on t.writer = w.id group by w.id
          having count(t.serial) <> min(w.serial, \(ring))
            or (w.serial > 0 and (max(t.serial) <> w.serial or min(t.serial) <> max(1, w.serial - \(ring - 1))))
        """)
      if let row = ring.first {
        return
          "of writer, serial, transfers, oldest, newest it has \(row.map { $0 ?? "nothing" }.joined(separator: ", "))"
      }
      let said = try SQLiteFile.rows(file, "pragma integrity_check(3)").compactMap { $0.first ?? nil }
      if !isDamaged, said != ["ok"] { return "integrity_check: \(said.joined(separator: "; "))" }
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// How far each writer is in a state.
  static func serials(_ file: String) throws -> [Int] {
    try SQLiteFile.rows(file, "select serial from writers order by id").map {
      $0.first.flatMap { $0 }.flatMap(Int.init) ?? -1
    }
  }
}
