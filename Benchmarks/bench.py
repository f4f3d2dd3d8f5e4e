"""Measures dbmend beside what a user would run instead: `bench.py DBMEND [DATABASE]`."""

import os
import subprocess
import sys
import tempfile

import duckdb_store
import files
import h2
import large
import many
import plugins
import postgres
import repair
import small
import verification
from measure import Table


def main():
    dbmend = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="dbmend-bench-", dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        sqlite = subprocess.run(["sqlite3", "--version"], capture_output=True, text=True).stdout.split()[0]
        print(f"{os.cpu_count()} processors; SQLite {sqlite}; medians of runs in turn\n")
        table = Table()
        small.benchmark(table, dbmend, folder)
        many.benchmark(table, dbmend, folder)
        plugins.benchmark(table, dbmend, folder)
        duckdb_store.benchmark(table, dbmend, folder)
        postgres.benchmark(table, dbmend, folder)
        h2.benchmark(table, dbmend, folder)
        files.benchmark(table, dbmend, folder)
        database = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
        verification.benchmark(table, dbmend, database, folder)
        if database:
            repair.benchmark(table, dbmend, database, folder)
            large.benchmark(table, dbmend, database, folder)


main()
