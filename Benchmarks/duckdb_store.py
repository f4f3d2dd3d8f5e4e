"""A DuckDB database: its check beside reading every table with the engine's own client, its backup beside the engine's own dump."""

import glob
import os
import shutil
import subprocess

from measure import interleaved, median, run

ROUNDS = 5
ROWS = 4_000_000


def benchmark(table, dbmend, folder):
    client = find()
    if client is None:
        table.note("no duckdb client here: nothing of DuckDB databases is measured")
        return
    store = os.path.join(folder, "large.duckdb")
    make(client, store)
    size = os.path.getsize(store) / 1e6
    environment = os.path.dirname(client) + os.pathsep + os.environ["PATH"]
    os.environ["PATH"] = environment

    read = "COPY (FROM events) TO '/dev/null' (FORMAT csv); COPY (FROM people) TO '/dev/null' (FORMAT csv);"
    hashed = "SELECT bit_xor(hash(e)) FROM events e; SELECT bit_xor(hash(p)) FROM people p;"
    check = [dbmend, "check", store]
    for name, sql in (("every table written to /dev/null", read), ("every table hashed", hashed)):
        ours, theirs = interleaved(
            ROUNDS, seconds(check), seconds([client, "-init", "/dev/null", "-readonly", store, "-c", sql])
        )
        table.times(f"check of a DuckDB database of {size:.0f} MB / {name}", median(ours), median(theirs), ratio=1)

    place = os.path.join(folder, "duckdb-archives")
    dump = os.path.join(folder, "duckdb-dump")

    def fresh():
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(dump, ignore_errors=True)

    backup = [dbmend, "backup", "--repository", place, store]
    export = (
        f"\"$1\" -init /dev/null -readonly \"$2\" -c \"EXPORT DATABASE '{dump}' (FORMAT csv)\" && "
        f"tar -cf - -C '{dump}' . | zstd -q -3 -T0 -o '{dump}/all.tar.zst'"
    )
    ours, theirs = interleaved(
        ROUNDS, seconds(backup), seconds(["sh", "-ec", export, "sh", client, store]), before=fresh
    )
    table.times("  backup, checked and read back / EXPORT DATABASE, zstd -3 -T0", median(ours), median(theirs), ratio=1)
    fresh()


def find():
    """The client itself rather than pip's script, which takes longer to start than the client does."""
    try:
        import duckdb_cli

        for path in glob.glob(os.path.join(os.path.dirname(duckdb_cli.__file__), "duckdb")):
            return path
    except ImportError:
        pass
    return shutil.which("duckdb")


def make(client, path):
    sql = f"""
        CREATE TABLE events AS SELECT i AS id, i % 1000 AS kind, hash(i)::VARCHAR AS token, i * 0.37 AS amount,
          TIMESTAMP '2024-01-01' + INTERVAL (i) SECOND AS at, 'event number ' || i % 5000 AS title FROM range({ROWS}) r(i);
        CREATE TABLE people AS SELECT i AS id, md5(i::VARCHAR) AS name, [i, i + 1] AS friends FROM range({ROWS // 8}) r(i);
        CHECKPOINT;
    """
    subprocess.run([client, "-init", "/dev/null", path], input=sql, text=True, check=True, stdout=subprocess.DEVNULL)


def seconds(command):
    def once():
        outcome = run(command)
        assert outcome.code == 0, f"{command} ended with {outcome.code}"
        return outcome.seconds

    return once
