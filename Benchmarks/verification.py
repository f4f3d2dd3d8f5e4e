"""Verification beside SQLite's own checks and beside `cat`, which only reads: one large file, files of other shapes, and how
the cost grows with the file.

The files stand in the page cache: each is read once before it is measured. dbmend runs its integrity check alone, as
SQLite's do. Anonymous memory is the largest RssAnon that /proc/PID/status showed, looked at every 5 ms: the pages of the
file itself, which dbmend maps and the system can take back at any time, are not in it.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess

from measure import interleaved, median, run

ROUNDS = 5
MEMORY = 64 << 20
# integrity_check of the largest file takes minutes.
LONG = 1 << 29
GROWTH = (50, 100, 250, 500, 1000, 2000)


def benchmark(table, dbmend, database, folder):
    """`database` is the large one; None leaves it and all growth beyond 50 MB out."""
    configuration = os.path.join(folder, "integrity.yaml")
    shelf = os.path.dirname(database) if database else folder
    for make in (many_tables, wide_rows):
        store = made(os.path.join(shelf, make.__name__ + ".db"), make)
        one_store(table, dbmend, configuration, store, make.__doc__, largest=False)
    with log_left_behind(folder) as store:
        one_store(table, dbmend, configuration, store, log_left_behind.__doc__.splitlines()[0], largest=False)
    if database:
        one_store(table, dbmend, configuration, database, "5 million rows, 4 indexes", largest=True)
    growth(table, dbmend, configuration, shelf, GROWTH if database else GROWTH[:1])


def one_store(table, dbmend, configuration, store, title, *, largest):
    size = os.path.getsize(store) + (os.path.getsize(store + "-wal") if os.path.exists(store + "-wal") else 0)
    sides = [
        lambda: check(dbmend, configuration, store), lambda: sqlite(store, "quick_check"), lambda: read(store),
    ]
    if size < LONG:
        sides.append(lambda: sqlite(store, "integrity_check"))
    results = interleaved(ROUNDS, *sides)
    if size >= LONG:
        results.append([sqlite(store, "integrity_check")])
    ours, quick, cat, full = (median([outcome.seconds for outcome in side]) for side in results)
    table.times(f"verify {title}, {size / 1e6:.0f} MB / quick_check", ours, quick, ratio=0.4 if largest else None)
    table.times("  / integrity_check", ours, full, ratio=1 / 60 if largest else None)
    # Where SQLite itself is fast, four times the reading or half of quick_check, whichever is more.
    table.times("  / cat", ours, cat, ratio=4 if largest else round(max(4, 0.5 * quick / cat), 1))
    table.bytes("  anonymous memory at most", memory(dbmend, configuration, store), MEMORY)


def growth(table, dbmend, configuration, shelf, sizes):
    for megabytes in sizes:
        store = made(os.path.join(shelf, f"growth-{megabytes}.db"), lambda path: events(path, megabytes * 5630))
        size = os.path.getsize(store)
        sides = interleaved(
            3, lambda: check(dbmend, configuration, store), lambda: sqlite(store, "quick_check"), lambda: read(store)
        )
        ours, quick, cat = (median([outcome.seconds for outcome in side]) for side in sides)
        table.times(f"growth: verify {size / 1e6:.0f} MB / quick_check", ours, quick)
        table.times(f"  {ours / size * 1e12:.0f} ms a GB / cat", ours, cat)
        table.bytes("  anonymous memory at most", memory(dbmend, configuration, store), MEMORY)


def check(dbmend, configuration, store, watch_memory=False):
    with open(configuration, "w") as file:
        file.write(
            "version: 1\nchecks: [integrity]\n"
            f"environments: {{ bench: {{ stores: {{ store: {{ path: {store} }} }} }} }}\n"
        )
    outcome = run([dbmend, "check", "--config", configuration], watch_memory=watch_memory)
    assert outcome.code == 0, f"dbmend check of {store} ended with {outcome.code}"
    return outcome


def memory(dbmend, configuration, store):
    """Measured by itself: who looks at it every few milliseconds takes time from one of two processors."""
    return max(check(dbmend, configuration, store, watch_memory=True).anonymous for _ in range(3))


def sqlite(store, pragma):
    outcome = run(["sqlite3", store, f"PRAGMA {pragma}"])
    assert outcome.code == 0, f"{pragma} of {store} ended with {outcome.code}"
    return outcome


def read(store):
    logs = [store + "-wal"] if os.path.exists(store + "-wal") else []
    return run(["cat", store, *logs])


def made(path, make):
    """Makes a database once and keeps it, as Benchmarks/make-database does."""
    if not os.path.exists(path):
        part = path + ".part"
        if os.path.exists(part):
            os.remove(part)
        make(part)
        os.rename(part, path)
    return path


def script(path, text):
    settings = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;"
    subprocess.run(["sqlite3", path], input=settings + text, text=True, check=True, stdout=subprocess.DEVNULL)


def many_tables(path):
    """2,000 tables with an index each"""
    statements = ["BEGIN;"]
    for number in range(2000):
        statements.append(
            f"""
            CREATE TABLE t{number}(id INTEGER PRIMARY KEY, code TEXT UNIQUE, amount REAL);
            CREATE INDEX i{number} ON t{number}(amount, code);
            WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 40)
            INSERT INTO t{number} SELECT i, 'code ' || (i * 7919 % 1009), i / 7.0 FROM n;
            """
        )
    script(path, "".join(statements) + "COMMIT;")


def wide_rows(path):
    """wide rows with overflow chains"""
    script(
        path,
        """
        BEGIN;
        CREATE TABLE documents(id INTEGER PRIMARY KEY, name TEXT, body TEXT, picture BLOB, changed INTEGER);
        WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
        INSERT INTO documents SELECT i, 'document ' || i, hex(randomblob(500 + i % 7000)), randomblob(i * 31 % 12000), i FROM n;
        CREATE INDEX d_name ON documents(name); CREATE INDEX d_changed ON documents(changed, name);
        COMMIT;
        """,
    )


def events(path, rows):
    script(
        path,
        f"""
        BEGIN;
        CREATE TABLE events(
          id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, kind TEXT NOT NULL, created_at TEXT NOT NULL, amount REAL, note TEXT);
        WITH RECURSIVE n(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM n WHERE i < {rows - 1})
        INSERT INTO events(user_id, kind, created_at, amount, note)
        SELECT abs(random()) % 200000, 'kind' || (i % 50), datetime(1600000000 + i * 7, 'unixepoch'), (i % 10007) / 7.0,
          hex(randomblob(20)) FROM n;
        CREATE INDEX e_user ON events(user_id);
        CREATE INDEX e_kind ON events(kind, created_at);
        CREATE INDEX e_created ON events(created_at);
        CREATE INDEX e_amount ON events(amount, user_id);
        COMMIT;
        """,
    )


@contextlib.contextmanager
def log_left_behind(folder):
    """a log of many frames

    An application has the database open: else the first program to close it would fold the log in.
    """
    place = os.path.join(folder, "log")
    os.mkdir(place)
    store = os.path.join(place, "events.db")
    events(store, 600_000)
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        for part in range(5):
            connection.execute("UPDATE events SET note = 'changed ' || note, amount = amount + 1 WHERE id % 50 = ?", (part,))
        yield store
    shutil.rmtree(place)
