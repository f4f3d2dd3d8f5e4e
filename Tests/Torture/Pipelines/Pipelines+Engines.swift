import MendKit
import TestSupport

extension Pipeline {
  private static let duckdb = """
    configure() {
      printf '%s\\n' 'version: 1' 'repository: backups' 'environments: { production: { stores: { shop: { path: shop.duckdb } } } }' \
        > dbmend.yaml
    }
    ask() { "$DUCKDB" -init /dev/null -batch -bail shop.duckdb "$1" > /dev/null; }
    ask "
      create table users(id integer primary key, name varchar); insert into users values (1, 'Ada'), (2, 'Grace');
      create table orders(id integer primary key, sku varchar, note varchar);
      insert into orders select i, 'sku ' || i, repeat('x', 200) || i from range(4000) t(i); checkpoint"
    configure

    """

  private static let h2 = """
    ask() {
      java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "${H2_JAR:-/usr/share/java/h2.jar}" org.h2.tools.Shell \
        -url "jdbc:h2:$PWD/shop" -user sa -password '' -sql "$1" > /dev/null
    }
    ask "
      create table users(id int primary key, name varchar); insert into users values (1, 'Ada'), (2, 'Grace');
      create table orders(id int primary key, sku varchar);
      insert into orders select x, 'sku ' || x from system_range(1, 300);"
    printf '%s\\n' 'version: 1' 'repository: backups' 'environments: { production: { stores: { shop: { path: shop.mv.db } } } }' \
      > dbmend.yaml

    """

  /// Of databases whose engine is a program of its own.
  static let engines: [Pipeline] = [
    Pipeline(
      name: "duckdb restore", stores: [Store(path: "shop.duckdb", kind: .file)],
      script: duckdb + "$DBMEND backup; ask 'delete from orders; checkpoint'", words: ["restore", "latest", "shop"]),
    Pipeline(
      name: "duckdb repair", stores: [Store(path: "shop.duckdb", kind: .file)],
      script: duckdb
        + "$DBMEND backup; printf ZZZZ | dd of=shop.duckdb bs=1 seek=300000 conv=notrunc 2>/dev/null",
      words: ["repair", "shop", "--yes"]),
    Pipeline(
      name: "h2 restore", stores: [Store(path: "shop.mv.db", kind: .file)],
      script: h2 + "$DBMEND backup; ask 'delete from orders'", words: ["restore", "latest", "shop"]),
  ]
}
