"""Many stores in a folder, and many tables in a store."""

import contextlib
import os
import sqlite3

from measure import interleaved, median, run, words

FILES = 10_000
TABLES = 2_000

SCHEMA = """
    CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL UNIQUE, name TEXT);
    CREATE INDEX users_name ON users(name);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, user INTEGER NOT NULL REFERENCES users(id), sku TEXT, amount REAL);
    CREATE INDEX orders_user ON orders(user);
    CREATE INDEX orders_sku ON orders(sku, amount);
    CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT);
    CREATE INDEX settings_value ON settings(value);
"""


def benchmark(table, dbmend, folder):
    files(table, dbmend, os.path.join(folder, "many"))
    tables(table, dbmend, os.path.join(folder, "tables.db"))


def files(table, dbmend, folder):
    size = make_files(folder)
    # As many at once as there are processors, as an operator would who knows xargs.
    script = 'find "$1" -name "*.db" -print0 | xargs -0 -P"$(nproc)" -I{} sqlite3 {} "pragma integrity_check"'
    ours, theirs = interleaved(
        3, lambda: succeeded([dbmend, "check", folder]), lambda: succeeded(["sh", "-ec", script, "sh", folder])
    )
    table.times(
        f"check of {FILES:,} files of {size / 1000:.0f} kB / xargs -P integrity_check", median(ours), median(theirs),
        ratio=0.2,
    )
    table.note(f"a store takes {words(median(ours) / FILES)}")


def make_files(folder):
    for number in range(FILES):
        place = os.path.join(folder, f"{number // 1000:02}")
        os.makedirs(place, exist_ok=True)
        path = os.path.join(place, f"{number:05}.db")
        with made(path) as connection:
            connection.executescript("BEGIN;" + SCHEMA)
            connection.executemany(
                "INSERT INTO users(email, name) VALUES(?, ?)",
                ((f"user{number}.{i}@example.org", f"User {i * 7919 % 1009}") for i in range(40)),
            )
            connection.executemany(
                "INSERT INTO orders(user, sku, amount) VALUES(?, ?, ?)",
                ((i % 40 + 1, f"sku-{i * 31 % 97}", i * 1.25) for i in range(160)),
            )
            connection.executemany(
                "INSERT INTO settings VALUES(?, ?)", ((f"key{i}", f"value {number} {i}") for i in range(20))
            )
            connection.execute("COMMIT")
    return os.path.getsize(path)


def tables(table, dbmend, path):
    with made(path) as connection:
        connection.execute("BEGIN")
        for number in range(TABLES):
            connection.execute(f"CREATE TABLE t{number}(id INTEGER PRIMARY KEY, name TEXT, value REAL, other INTEGER)")
            connection.execute(f"CREATE INDEX t{number}_name ON t{number}(name)")
            connection.executemany(
                f"INSERT INTO t{number}(name, value, other) VALUES(?, ?, ?)",
                ((f"name {i * 7 % 20}", i * 0.5, i) for i in range(20)),
            )
        connection.execute("COMMIT")
    ours, theirs = interleaved(
        21, lambda: succeeded([dbmend, "check", path]), lambda: succeeded(["sqlite3", path, "pragma quick_check"])
    )
    table.times(f"check of {TABLES:,} small tables / pragma quick_check", median(ours), median(theirs), ratio=0.5)


@contextlib.contextmanager
def made(path):
    """A database to be filled, which need not outlast the machine."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF").fetchone()
    connection.execute("PRAGMA synchronous = OFF")
    yield connection
    connection.close()


def succeeded(command):
    outcome = run(command)
    assert outcome.code == 0, f"{command} ended with {outcome.code}"
    return outcome.seconds
