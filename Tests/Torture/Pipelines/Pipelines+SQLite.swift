extension Pipeline {
  static let shop = """
    make_shop() {
      sqlite3 "$1" "
        create table users(id integer primary key autoincrement, name text);
        insert into users(name) values('Ada'), ('Grace'), ('Mary'), ('Joan');
        create table orders(id integer primary key, sku text, note text);
        with recursive c(i) as (select 1 union all select i + 1 from c where i < 300)
          insert into orders(sku, note) select 'sku ' || (i * 7919 % 1000), printf('%.60c', 'x') || i from c;
        create index orders_sku on orders(sku);"
    }
    spoil_index() {
      sqlite3 "$1" "
        drop index orders_sku;
        create index orders_sku on orders(sku) where id < 3;
        pragma writable_schema = on;
        update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';"
    }
    # Overwrites page $2 of 4096 bytes.
    spoil_page() { head -c 4096 /dev/zero | tr '\\0' 'Z' | dd of="$1" bs=4096 seek="$(($2 - 1))" conv=notrunc 2>/dev/null; }
    configure() {
      printf '%s\\n' 'version: 1' 'repository: backups' 'retention: { keep_last: 5 }' \
        'environments: { production: { stores: { data: { path: data.db } } } }' \
        'checks: [file-exists, connects, integrity, primary-keys, sequences]' "$@" > dbmend.yaml
    }
    make_shop data.db
    configure

    """

  private static let store = [Store(path: "data.db", kind: .sqlite)]

  private static func repair(_ rung: String, _ script: String, _ words: String..., exit: Int = 0) -> Pipeline {
    Pipeline(
      name: "sqlite repair " + rung, stores: store, script: shop + script, words: ["repair", "data", "--yes"] + words,
      exit: exit)
  }

  /// Of a SQLite database: every command that changes something, and each rung of repair.
  static let sqlite: [Pipeline] = [
    Pipeline(
      name: "sqlite backup", stores: store,
      script: shop + "$DBMEND backup; sqlite3 data.db \"delete from orders where id = 7\"", words: ["backup"]),
    repair("reindex", "$DBMEND backup; spoil_index data.db"),
    Pipeline(
      name: "sqlite preflight", stores: store, script: shop + "$DBMEND backup",
      words: [
        "preflight", "--", "sh", "-c", "sqlite3 data.db \"begin; delete from orders where id > 50; drop table users; commit\"; exit 3",
      ], exit: 4, command: "sqlite3 data.db \"begin; delete from orders where id > 50; drop table users; commit\""),
    Pipeline(
      name: "sqlite restore", stores: store,
      script: shop + "$DBMEND backup; sqlite3 data.db \"delete from orders\"", words: ["restore", "latest", "data"]),
    Pipeline(
      name: "sqlite prune", stores: store,
      script: shop
        + """
        for i in 1 2 3 4; do
          $DBMEND backup
          sqlite3 data.db "insert into users(name) values('user $i')"
          [ $i != 2 ] || { cp data.db sound.db; spoil_index data.db; $DBMEND backup || true; mv sound.db data.db; }
        done
        configure 'retention: { keep_last: 2 }'
        sed -i '0,/keep_last: 5/{/keep_last: 5/d}' dbmend.yaml
        """, words: ["prune"]),
    repair("salvage", "spoil_page data.db 5"),
    repair("restore-pages", "$DBMEND backup; spoil_page data.db 5"),
    repair("restore-backup", "$DBMEND backup; head -c 40000 /dev/zero | tr '\\0' 'Z' > data.db", "--max-loss", "changes"),
    repair(
      "recreate-schema",
      "sqlite3 data.db .schema | grep -v sqlite_sequence > schema.sql; head -c 40000 /dev/zero | tr '\\0' 'Z' > data.db",
      "--max-loss", "everything", "--schema", "schema.sql"),
    repair("reset-sequences", "sqlite3 data.db 'update sqlite_sequence set seq = 1'"),
    repair(
      "of a log", 
      """
      sqlite3 data.db "pragma journal_mode = wal" > /dev/null
      sqlite3 data.db ".filectrl persist_wal 1" "pragma wal_autocheckpoint = 0" \
        "insert into users(name) values('in the log')" > /dev/null
      spoil_page data.db 5
      """),
    repair("to another file", "spoil_index data.db", "--output", "mended.db"),
  ]
}
