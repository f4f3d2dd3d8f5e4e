#!/usr/bin/env python3
"""What `dbmend repair` gets back of damaged databases: every kind of damage, several seeds, databases of many shapes.

    Benchmarks/salvage.py DBMEND [--recover SQLITE3] [--kinds K,…] [--seeds N,…] [--databases D,…] [--folder DIR] [--jobs N]

Damage is done by `damage.py` and the result is scored by `score.py`, both of the folder `tools` beside the corpus
($DBMEND_CORPUS, or ../shared/corpus). With `--recover`, a sqlite3 shell with `sqlite_dbpage`, each line has beside it what
`.recover` gets back of the same file. A database is a name of those made here, or a path. A line that begins with `!` is one
where dbmend gets back less than `.recover`, leaves a file that is not healthy, invents more, crashes or takes longer than a
minute. Files of such cases stay in the folder.
"""

import argparse
import concurrent.futures
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORPUS = os.environ.get("DBMEND_CORPUS") or os.path.join(ROOT, "..", "shared", "corpus")
TOOLS = os.path.join(CORPUS, "..", "tools")
LIMIT = 60
KINDS = (
    "zero-pages", "garbage-pages", "bitflips", "sectors", "interior", "truncate", "header", "page-one", "swap", "duplicate",
    "index-entries", "freelist", "stale-pages", "null-key",
)


def numbers(count):
    return f"WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "


def shop(rows):
    """Tables with foreign keys, unique and plain indexes, checks and long values."""
    return f"""
        CREATE TABLE customers(id INTEGER PRIMARY KEY, mail TEXT NOT NULL UNIQUE, name TEXT, joined TEXT);
        CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, customer INTEGER NOT NULL REFERENCES customers,
          kind TEXT CHECK(kind IN ('buy', 'rent', 'gift')), amount REAL, note TEXT);
        CREATE TABLE papers(title TEXT PRIMARY KEY, body BLOB, pages INT);
        CREATE INDEX orders_customer ON orders(customer);
        CREATE INDEX orders_kind ON orders(kind, amount) WHERE amount > 100;
        {numbers(rows)} INSERT INTO customers SELECT i, 'mail' || (i * 7919 % 1000003) || '@example.org',
          'name of ' || i, date('2000-01-01', '+' || (i % 9000) || ' days') FROM n;
        {numbers(4 * rows)} INSERT INTO orders(customer, kind, amount, note) SELECT 1 + i * 31 % {rows},
          CASE i % 3 WHEN 0 THEN 'buy' WHEN 1 THEN 'rent' ELSE 'gift' END, i % 1009 / 4.0, 'note ' || i FROM n;
        {numbers(rows // 20)} INSERT INTO papers SELECT 'paper ' || i, zeroblob(i * 89 % 30000) || 'end of ' || i, i FROM n;
        """


def keyed(rows):
    """Tables WITHOUT ROWID, with keys of several columns."""
    return f"""
        CREATE TABLE towns(country TEXT, name TEXT, people INTEGER, PRIMARY KEY(country, name)) WITHOUT ROWID;
        CREATE TABLE settings(name TEXT COLLATE NOCASE PRIMARY KEY, value) WITHOUT ROWID;
        CREATE TABLE edges(a INT NOT NULL, b INT NOT NULL, weight REAL, PRIMARY KEY(a, b DESC)) WITHOUT ROWID;
        CREATE INDEX towns_people ON towns(people);
        {numbers(rows)} INSERT INTO towns SELECT 'country ' || (i % 30), 'town ' || (i * 7919 % 1000003), i * 17 % 9001 FROM n;
        {numbers(rows // 5)} INSERT INTO settings SELECT 'Setting ' || i, hex(zeroblob(i % 300)) FROM n;
        {numbers(2 * rows)} INSERT INTO edges SELECT i / 7, i * 31 % 1009, i / 3.0 FROM n;
        """


def tables(count):
    """Many small tables, each with an index."""
    return "".join(
        f"""
        CREATE TABLE t{k}(id INTEGER PRIMARY KEY, code TEXT UNIQUE, amount REAL, c{k} INT);
        CREATE INDEX i{k} ON t{k}(amount);
        {numbers(5 + k * 37 % 90)} INSERT INTO t{k} SELECT i, 't{k} ' || (i * 7919 % 1009), i / 7.0, {k} FROM n;
        """
        for k in range(count)
    )


def modern(rows):
    """STRICT tables, generated columns, views, triggers, expression indexes, columns that were added later."""
    return f"""
        CREATE TABLE events(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, size REAL, raw BLOB) STRICT;
        CREATE TABLE parts(a INT, b INT, s INT GENERATED ALWAYS AS (a + b) STORED, v INT AS (a * b), t TEXT);
        CREATE VIEW sums AS SELECT kind, count(*) AS c FROM events GROUP BY kind;
        CREATE TABLE log(what TEXT, at INT);
        {numbers(3 * rows)} INSERT INTO events SELECT i, i * 60, 'kind ' || (i % 20), i / 3.0, zeroblob(i % 40) FROM n;
        {numbers(rows)} INSERT INTO parts(a, b, t) SELECT i, i * 31 % 101, 'part ' || i FROM n;
        ALTER TABLE parts ADD COLUMN extra TEXT DEFAULT 'none';
        {numbers(rows)} INSERT INTO parts(a, b, t, extra) SELECT i + {rows}, i % 7, 'part ' || i, 'x' FROM n;
        {numbers(rows)} INSERT INTO log SELECT 'what ' || i, i FROM n;
        CREATE INDEX parts_sum ON parts(s, a);
        CREATE INDEX parts_words ON parts(lower(t));
        CREATE INDEX events_kind ON events(kind, at DESC);
        CREATE TRIGGER noted AFTER INSERT ON events BEGIN INSERT INTO log VALUES(new.kind, new.at); END;
        """


def virtual(rows):
    """FTS5 and R-Tree beside an ordinary table."""
    return f"""
        CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT);
        CREATE VIRTUAL TABLE words USING fts5(text);
        CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1);
        {numbers(rows)} INSERT INTO notes SELECT i, 'note ' || i || ' on subject ' || (i % 97) FROM n;
        INSERT INTO words(rowid, text) SELECT id, text FROM notes;
        {numbers(rows)} INSERT INTO boxes SELECT i, i % 100, i % 100 + 1, i % 77, i % 77 + 2 FROM n;
        """


DATABASES = {
    "shop-512": ("PRAGMA page_size = 512", lambda: shop(1500)),
    "shop-1024-full": ("PRAGMA page_size = 1024; PRAGMA auto_vacuum = FULL", lambda: shop(2500)),
    "shop-4096-utf16": ("PRAGMA page_size = 4096; PRAGMA encoding = 'UTF-16le'", lambda: shop(4000)),
    "shop-65536": ("PRAGMA page_size = 65536", lambda: shop(20000)),
    "keyed-1024": ("PRAGMA page_size = 1024", lambda: keyed(5000)),
    "keyed-8192-be": ("PRAGMA page_size = 8192; PRAGMA encoding = 'UTF-16be'; PRAGMA auto_vacuum = INCREMENTAL", lambda: keyed(20000)),
    "tables-4096": ("PRAGMA page_size = 4096", lambda: tables(150)),
    "tables-512": ("PRAGMA page_size = 512", lambda: tables(120)),
    "modern-2048": ("PRAGMA page_size = 2048; PRAGMA journal_mode = WAL", lambda: modern(3000)),
    "virtual-4096": ("PRAGMA page_size = 4096", lambda: virtual(4000)),
}


def database(name, folder):
    """The path of a database, which is made where it is not there."""
    if name not in DATABASES:
        return name
    path = os.path.join(folder, name + ".db")
    if not os.path.exists(path):
        settings, content = DATABASES[name]
        part = path + ".part"
        connection = sqlite3.connect(part, isolation_level=None)
        connection.executescript("PRAGMA synchronous = OFF; " + settings + ";")
        connection.executescript("BEGIN;" + content() + "COMMIT;")
        connection.close()
        os.rename(part, path)
    return path


def count(kind, path):
    """How much is damaged: in a small file less."""
    if kind == "truncate":
        return 30
    if kind == "interior":
        return 3
    with open(path, "rb") as file:
        head = file.read(100)
    size = int.from_bytes(head[16:18], "big")
    return max(1, min(10, os.path.getsize(path) // (65536 if size == 1 else size) // 60))


def clear(*paths):
    for path in paths:
        for suffix in ("", "-wal", "-shm", "-journal"):
            if os.path.exists(path + suffix):
                os.remove(path + suffix)


def tool(name, *words):
    run = subprocess.run([sys.executable, os.path.join(TOOLS, name), *words], capture_output=True, text=True)
    return json.loads(run.stdout or "{}")


def modules_own(path):
    """Tables in which modules keep what follows from others: two that differ may hold the same."""
    con = sqlite3.connect(path)
    ends = {"fts": ("_data", "_idx", "_docsize", "_segments", "_segdir", "_stat"), "rtree": ("_node", "_parent", "_rowid")}
    own = []
    for name, sql in con.execute("SELECT name, lower(sql) FROM sqlite_schema WHERE sql LIKE 'create virtual%'"):
        own += [name + end for module, parts in ends.items() if f"using {module}" in sql for end in parts]
    con.close()
    return [word for name in own for word in ("--ignore-table", name)]


def virtual_rows(path):
    """How many rows each R-Tree and full-text index shows, and how many are the original's."""
    con = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = {}
    for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE sql LIKE 'create virtual%'").fetchall():
        try:
            rows[name] = set(con.execute(f'SELECT rowid, * FROM "{name}"'))
        except sqlite3.DatabaseError:
            rows[name] = set()
    con.close()
    return rows


def repair(dbmend, damaged, result):
    """Score, exit code, seconds and the repairs of dbmend."""
    start = time.monotonic()
    try:
        run = subprocess.run(
            [dbmend, "repair", damaged, "--output", result, "--yes", "--format", "json"],
            capture_output=True, text=True, timeout=LIMIT,
        )
        code = run.returncode
        plan = [step["repair"] for step in json.loads(run.stdout)["stores"][0].get("plan", [])]
    except subprocess.TimeoutExpired:
        code, plan = "late", []
    except (ValueError, LookupError):
        plan = ["?"]
    return code, time.monotonic() - start, plan


def recover(shell, damaged, result):
    """`.recover` into a new file."""
    start = time.monotonic()
    with subprocess.Popen([shell, damaged, ".recover"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:
        try:
            subprocess.run(
                [shell, result], stdin=source.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=LIMIT
            )
        except subprocess.TimeoutExpired:
            source.kill()
    return time.monotonic() - start


def score(source, result, own):
    """What score.py says, with the rows that virtual tables show in place of those of their modules' own tables."""
    scored = tool("score.py", source, result, *own)
    if own and scored:
        before = virtual_rows(source)
        try:
            after = virtual_rows(result)
        except sqlite3.DatabaseError:
            after = {}
        for name, rows in before.items():
            scored["original"] += len(rows)
            scored["exact"] += len(rows & after.get(name, set()))
            scored["invented"] += len(after.get(name, set()) - rows)
        scored["recall"] = round(scored["exact"] / scored["original"], 6)
    return scored


def case(options, folder, name, kind, seed):
    source = database(name, folder)
    damaged = os.path.join(folder, f"{os.path.basename(source)}.{kind}.{seed}.db")
    result, other = damaged + ".mended.db", damaged + ".recovered.db"
    clear(damaged, result, other)
    tool("damage.py", kind, source, damaged, "--seed", str(seed), "--count", str(count(kind, source)))
    code, seconds, plan = repair(options.dbmend, damaged, result)
    # What is healthy as it is was not written again.
    written = result if os.path.exists(result) else damaged if code == 0 else None
    own = modules_own(source)
    ours = score(source, written, own) if written else {}
    theirs, later = {}, 0
    if options.recover:
        later = recover(options.recover, damaged, other)
        theirs = score(source, other, own) if os.path.exists(other) else {}
    isBad = (
        ours.get("recall", 0) < theirs.get("recall", 0)
        or ours.get("invented", 0) > theirs.get("invented", ours.get("invented", 0))
        or code not in (0, 1)
        or code == 1 and written is not None
        or code == 0 and not ours.get("healthy")
        or seconds > LIMIT
    )
    if not isBad and not options.keep:
        clear(damaged, result, other)
    line = (
        f"{'!' if isBad else ' '} {os.path.basename(source):20} {kind:14} {seed:4}  exit {code:<4} {seconds:6.2f} s  "
        f"recall {ours.get('recall', 0):.6f}  exact {ours.get('exact', 0):7}  invented {ours.get('invented', 0):4}  "
        f"unplaced {ours.get('unplaced', 0):5}  {'healthy' if ours.get('healthy') else 'NOT HEALTHY' if written else 'nothing'}"
    )
    if options.recover:
        line += (
            f"  | .recover {theirs.get('recall', 0):.6f}  invented {theirs.get('invented', 0):4}  "
            f"unplaced {theirs.get('unplaced', 0):5} {later:6.2f} s"
        )
    return isBad, code, line + "  " + " ".join(plan)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dbmend")
    parser.add_argument("--recover")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seeds", default="1,2,3,11")
    parser.add_argument("--databases", default=",".join(DATABASES))
    parser.add_argument("--folder")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the files of every case")
    options = parser.parse_args()
    folder = options.folder or tempfile.mkdtemp(prefix="dbmend-salvage-")
    os.makedirs(folder, exist_ok=True)
    cases = [
        (name, kind, int(seed))
        for name in options.databases.split(",")
        for kind in options.kinds.split(",")
        for seed in options.seeds.split(",")
    ]
    for name in options.databases.split(","):
        database(name, folder)
    bad = damaged = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for isBad, code, line in pool.map(lambda c: case(options, folder, *c), cases):
            bad += isBad
            damaged += code != 0
            print(line, flush=True)
    print(f"{len(cases)} cases, {bad} to look at, {damaged} did not end with 0; files in {folder}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
