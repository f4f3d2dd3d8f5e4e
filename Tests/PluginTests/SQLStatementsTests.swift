import Testing

@testable import StandardRepairs

@Suite("Splitting definitions into statements")
struct SQLStatementsTests {
  private func texts(_ text: String) -> [String] { SQLStatements(text).all.map(\.text) }

  @Test(
    "semicolons in literals, quoted names and comments end nothing",
    arguments: [
      "select 'a;b'", "select 'it''s; fine'", "select \"a;b\"", "select \"a\"\";b\"", "select `a;b`", "select [a;b]",
      "select /* ; */ 1", "select 1 -- ;\n + 2", "select $$ ; $$", "select $tag$ ; $$ ; $tag$",
      "select E'it\\'s; fine'",
    ])
  func quoting(_ statement: String) {
    #expect(texts(statement + ";\n select 2 ;") == [statement, "select 2"])
  }

  @Test("a trigger's body belongs to it, CASE and nested BEGIN too")
  func trigger() {
    let trigger = """
      create trigger t after update of a on users when case new.a when 1 then 1 else 0 end begin
        update users set b = case when new.a > 1 then 'x;' else 'y' end where id = new.id;
        delete from logs;
      end
      """
    #expect(
      texts("create table users(a);" + trigger + ";create table logs(x)") == [
        "create table users(a)", trigger, "create table logs(x)",
      ])
    #expect(SQLStatements(trigger).all.first?.defines == .init(kind: .trigger, name: "t", table: "users"))
    #expect(texts("begin; create table t(x); end; commit").count == 4)
  }

  @Test("text that ends in the middle of something, and text without a statement, are taken as they are")
  func unfinished() {
    for text in [
      "select 'a", "select \"a", "create table t(x", "select /* a", "select $$ a", "create trigger t begin select 1;",
      "select E'\\",
    ] {
      #expect(texts(text).count == 1, "\(text)")
    }
    for text in ["", ";;;", "-- only a comment", "/* ; */", " \n\t"] { #expect(texts(text).isEmpty, "\(text)") }
    #expect(texts("select $1; select a$b$c").count == 2)
  }

  @Test(
    "what a statement creates is understood in the forms of several engines",
    arguments: [
      ("create table users(id)", "users"), ("CREATE TEMP TABLE IF NOT EXISTS \"my users\"(id)", "my users"),
      ("create table main.[users](id)", "users"), ("create virtual table docs using fts5(x)", "docs"),
      ("create unlogged table public . \"a.b\" (id)", "a.b"), ("create table 'quoted'(id)", "quoted"),
      ("create memory table T(id)", "T"),
    ])
  func tables(_ statement: String, _ name: String) {
    #expect(SQLStatements(statement).tables == [name])
  }

  @Test("a table's definition is its own statement, its indexes and its triggers")
  func definition() {
    let statements = SQLStatements(
      """
      PRAGMA foreign_keys=OFF; BEGIN TRANSACTION;
      create table Users(id integer primary key, name); create table logs(users);
      create unique index if not exists users_name on main.users(name); create index logs_users on logs(users);
      create trigger t instead of insert on logs begin select 1 from users; end;
      create trigger u before delete on USERS begin select 1; end;
      create view v as select * from users; insert into users values(1, 'a;b'); select 1; COMMIT;
      """)
    #expect(
      statements.definition(ofTable: "USERS").map(\.text) == [
        "create table Users(id integer primary key, name)",
        "create unique index if not exists users_name on main.users(name)",
        "create trigger u before delete on USERS begin select 1; end",
      ])
    #expect(statements.definition(ofTable: "v").isEmpty)
    #expect(statements.definition(ofTable: "nothing").isEmpty)
    #expect(statements.tables == ["Users", "logs"])
    #expect(statements.building.count == 8)
    #expect(statements.all.filter { $0.mentions("NAME") }.count == 2)
  }

  @Test(
    "statements that create nothing of interest define nothing",
    arguments: [
      "create sequence s", "create", "create table", "create table .", "create index i", "create index i on",
      "create schema a.b",
      "alter table t add c", "create index on t(x)", "create unique",
    ])
  func nothing(_ statement: String) {
    #expect(SQLStatements(statement).tables.isEmpty)
    #expect(SQLStatements(statement).definition(ofTable: "t").isEmpty)
  }

  @Test("any cut and any flipped byte of a schema is read without a crash")
  func hostile() {
    let text = Array(
      """
      create table "a""b"(x check(x > 'it''s'));
      create trigger t after insert on a begin select case 1 when 2 then 3 end; end;
      select $t$ ; $t$, [x], `y` /* z */ -- e
      ;
      """.utf8)
    for cut in 0...text.count {
      _ = SQLStatements(String(decoding: text[..<cut], as: UTF8.self)).building
      guard cut < text.count else { break }
      for bit in 0..<8 {
        var flipped = text
        flipped[cut] ^= 1 << bit
        _ = SQLStatements(String(decoding: flipped, as: UTF8.self)).tables
      }
    }
  }
}
