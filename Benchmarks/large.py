"""A backup of a large database while an application writes to it."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile

from measure import median, run, words

ROUNDS = 3
# `.backup` starts over at each commit of another process, so under a writer it may never come to an end.
LIMIT = 90
MEMORY = 64 << 20


def benchmark(table, dbmend, database, folder):
    for mode in ("delete", "wal"):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            one_mode(table, dbmend, database, place, mode)


def one_mode(table, dbmend, database, place, mode):
    store = os.path.join(place, "events.db")
    subprocess.run(["cp", "--reflink=auto", database, store], check=True)
    with contextlib.closing(sqlite3.connect(store)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}").fetchone()
    os.sync()
    title = "rollback journal" if mode == "delete" else "WAL"
    ours, theirs, alone = [], [], []
    for number in range(ROUNDS):
        ours.append(under_writer(store, lambda: dbmend_backup(dbmend, store, place)))
        if number == 0:
            is_sound(table, store, place, title)
        # What did not come to an end once is not waited for again.
        if not theirs or theirs[0].run.code is not None:
            theirs.append(under_writer(store, lambda: sqlite_backup(store, place, LIMIT)))
        alone.append(sqlite_backup(store, place, None).seconds)
    finished = [side.run.seconds for side in theirs if side.run.code == 0]
    times = [side.run.seconds for side in ours]
    table.times(
        f"backup under a writer, {title} / .backup, zstd -3 -T0", median(times), median(finished or alone), ratio=1
    )
    if not finished:
        table.note(f"under the writer .backup came to no end in {LIMIT} s; the time above is without a writer")
    failures = sum(side.run.failures for side in theirs)
    if failures:
        table.note(f".backup gave up {failures} times because the database was locked, and was begun again")
    if finished:
        table.times("  the same, .backup without a writer", median(times), median(alone))
    table.bytes("  anonymous memory at most", max(side.run.anonymous for side in ours), MEMORY)
    table.times(
        "  longest commit of the writer meanwhile", median([side.longest for side in ours]),
        median([side.longest for side in theirs]),
        # In WAL mode no lock stands in a writer's way: what it waits for is the disk, which both sides keep busy.
        ratio=1 if mode == "delete" else None,
    )
    quiet = under_writer(store, lambda: run(["sleep", "10"]))
    table.note(f"longest commit of the writer by itself in 10 s: {words(quiet.longest)}")


class UnderWriter:
    """A run, and the longest commit in seconds of the application that wrote meanwhile."""

    def __init__(self, outcome, commits):
        self.run = outcome
        # A commit that ended after the run may have waited for it.
        meanwhile = [length for end, length in commits if end >= outcome.start and end - length <= outcome.end]
        self.longest = max(meanwhile, default=outcome.seconds)


def under_writer(store, body):
    writer = subprocess.Popen(
        ["python3", os.path.join(os.path.dirname(__file__), "writer.py"), store],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    assert writer.stdout.readline() == "ready\n"
    try:
        outcome = body()
    finally:
        output, _ = writer.communicate()
    assert writer.returncode == 0, "the writer failed"
    return UnderWriter(outcome, [tuple(map(float, line.split())) for line in output.splitlines()])


def dbmend_backup(dbmend, store, place):
    repository = os.path.join(place, "archives")
    shutil.rmtree(repository, ignore_errors=True)
    # The other side checks nothing, so nothing but the file itself is checked here.
    configuration = os.path.join(place, "dbmend.yaml")
    with open(configuration, "w") as file:
        file.write(
            "version: 1\nrepository: archives\nchecks: [file-exists, connects]\n"
            "environments: { bench: { stores: { events: { path: events.db } } } }\n"
        )
    # What the run before left to be written is not part of this one.
    os.sync()
    outcome = run([dbmend, "backup", "--config", configuration], watch_memory=True)
    assert outcome.code == 0, f"dbmend backup ended with {outcome.code}"
    return outcome


def sqlite_backup(store, place, limit):
    copy = os.path.join(place, "copy.db")
    for leftover in (copy, copy + ".zst", copy + "-journal", copy + ".failed"):
        if os.path.exists(leftover):
            os.remove(leftover)
    # Where the writer comes between, `.backup` ends with "database is locked"; a script would try again.
    script = """
        until sqlite3 "$1" ".timeout 10000" ".backup $2"; do echo failed >>"$2.failed"; sleep 0.1; done
        zstd -q -3 -T0 "$2"
    """
    os.sync()
    outcome = run(["sh", "-ec", script, "sh", store, copy], limit=limit)
    outcome.failures = 0
    if os.path.exists(copy + ".failed"):
        with open(copy + ".failed") as file:
            outcome.failures = len(file.readlines())
    return outcome


def is_sound(table, store, place, title):
    """Holds the archive against what the application promises, with standard tools alone."""
    archive = next(n for n in os.listdir(os.path.join(place, "archives")) if n.endswith(".tar.zst"))
    with tempfile.TemporaryDirectory(dir=place) as folder:
        subprocess.run(["tar", "-xf", os.path.join(place, "archives", archive), "-C", folder], check=True)
        with contextlib.closing(sqlite3.connect(os.path.join(folder, "events.db"))) as connection:
            sound = connection.execute("PRAGMA quick_check").fetchone()[0]
            debits = connection.execute("SELECT count(*) FROM debits").fetchone()[0]
            credits = connection.execute("SELECT count(*) FROM credits").fetchone()[0]
    assert sound == "ok" and debits == credits > 0, f"the archive is not consistent: {sound}, {debits}, {credits}"
