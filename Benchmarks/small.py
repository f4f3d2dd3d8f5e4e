"""What every run costs: start-up, a check and a pre-flight of a 100 kB database."""

import os
import shutil
import sqlite3
import subprocess

from measure import interleaved, median, run, sync_time, words

ROUNDS = 101


def benchmark(table, dbmend, folder):
    store = os.path.join(folder, "small.db")
    make(store)
    start_up(table, dbmend)
    check(table, dbmend, store)
    preflight(table, dbmend, store, folder)


def make(path):
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT);
        CREATE TABLE orders(id INTEGER PRIMARY KEY, user INTEGER REFERENCES users(id), sku TEXT, note TEXT);
        CREATE INDEX orders_user ON orders(user);
        WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 250)
        INSERT INTO users SELECT i, 'user' || i || '@example.org', 'User ' || i FROM n;
        WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 1100)
        INSERT INTO orders SELECT i, i % 250 + 1, 'sku-' || i, 'as ordered, number ' || (i * 7919 % 10007) FROM n;
        """
    )
    connection.close()


def seconds(command):
    def once():
        outcome = run(command)
        assert outcome.code == 0, f"{command} ended with {outcome.code}"
        return outcome.seconds

    return once


def start_up(table, dbmend):
    ours, theirs = interleaved(ROUNDS, seconds([dbmend, "--version"]), seconds(["sqlite3", "--version"]))
    table.times("start-up (--version / sqlite3 --version)", median(ours), median(theirs))


def check(table, dbmend, store):
    size = os.path.getsize(store) / 1000
    ours, theirs = interleaved(
        ROUNDS, seconds([dbmend, "check", store]), seconds(["sqlite3", store, "pragma integrity_check"])
    )
    table.times(f"check of {size:.0f} kB / pragma integrity_check", median(ours), median(theirs), ratio=4)


def preflight(table, dbmend, store, folder):
    place = os.path.join(folder, "preflight")

    def fresh():
        # A store that was never archived: unchanged content is not archived twice.
        shutil.rmtree(place, ignore_errors=True)
        os.mkdir(place)
        shutil.copy(store, place)

    copy = os.path.join(place, "small.db")
    ours = [dbmend, "preflight", "--repository", os.path.join(place, "archives"), copy, "--", "true"]
    theirs = [
        "sh", "-ec",
        'sqlite3 "$1" "pragma integrity_check"; sqlite3 "$1" ".backup $1.copy"; zstd -q "$1.copy"; true', "sh", copy,
    ]
    results = interleaved(31, seconds(ours), seconds(theirs), before=fresh)
    table.times(
        "pre-flight with archive / integrity_check, .backup, zstd", *(median(times) for times in results), limit=0.06
    )
    if shutil.which("strace"):
        table.counts("  of these, syncs (the archive is read back, too)", *(syncs(side, fresh) for side in (ours, theirs)))
    table.note(f"one sync of this disk takes {words(sync_time(folder))}")


def syncs(command, before):
    before()
    calls = "fsync,fdatasync,syncfs,sync_file_range,sync"
    traced = subprocess.run(
        ["strace", "-f", "-qq", "-e", "signal=none", "-e", f"trace={calls}", *command], capture_output=True, text=True
    )
    return sum("sync" in line.split("(")[0] for line in traced.stderr.splitlines())
