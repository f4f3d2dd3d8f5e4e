"""A PostgreSQL database: a check beside reading every table, a backup beside pg_dump and zstd."""

import contextlib
import glob
import os
import shutil
import subprocess
import tempfile

from measure import interleaved, median, run

SCALE = 20


def benchmark(table, dbmend, folder):
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    if not programs:
        table.note("PostgreSQL is not installed: nothing of it is measured")
        return
    with server(os.path.dirname(programs[-1])) as (place, programs):
        uri = f"postgresql://postgres@/bench?host={place}"
        psql = os.path.join(programs, "psql")
        succeed([psql, "-Xq", uri.replace("/bench", "/postgres"), "-c", "create database bench"])
        succeed([os.path.join(programs, "pgbench"), "-q", "-i", "-s", str(SCALE), uri])
        succeed([psql, "-Xq", uri, "-c", "create extension amcheck; checkpoint"])
        size = subprocess.run(
            [psql, "-XAtc", "select pg_size_pretty(pg_database_size('bench'))", uri], capture_output=True, text=True
        ).stdout.strip()
        tables = ["accounts", "branches", "tellers", "history"]
        reading = "; ".join(f"copy pgbench_{name} to stdout" for name in tables)
        ours, theirs = interleaved(
            5,
            lambda: succeeded([dbmend, "check", uri]),
            lambda: succeeded([psql, "-Xq", "-o", "/dev/null", uri, "-c", reading]),
        )
        table.times(f"check of PostgreSQL, {size} / reading every table with psql", median(ours), median(theirs), ratio=1)
        repository = os.path.join(folder, "postgres")

        def fresh():
            shutil.rmtree(repository, ignore_errors=True)

        dump = f'"{programs}/pg_dump" "$1" | zstd -q -T0 -f -o "$2"'
        ours, theirs = interleaved(
            5,
            lambda: succeeded([dbmend, "backup", "--repository", repository, uri]),
            lambda: succeeded(["sh", "-ec", dump, "sh", uri, os.path.join(folder, "dump.zst")]),
            before=fresh,
        )
        table.times(f"backup of PostgreSQL, {size} / pg_dump | zstd -T0", median(ours), median(theirs), ratio=1)
        table.note("the backup checks the database first, and reads the archive back")


@contextlib.contextmanager
def server(programs):
    """A server of its own on a socket, which is gone afterwards."""
    place = tempfile.mkdtemp(prefix="dbmend-bench-pg-", dir="/tmp")
    user = []
    if os.geteuid() == 0:
        shutil.chown(place, "postgres")
        user = ["runuser", "-u", "postgres", "--"]
    os.chmod(place, 0o755)
    data = os.path.join(place, "data")
    control = user + [os.path.join(programs, "pg_ctl"), "-D", data, "-w", "-l", os.path.join(place, "log")]
    try:
        succeed(user + [os.path.join(programs, "initdb"), "-D", data, "-k", "-N", "-A", "trust", "-U", "postgres"])
        options = f"-c listen_addresses= -c unix_socket_directories={place} -c autovacuum=off"
        succeed(control + ["-o", options, "start"])
        yield place, programs
    finally:
        subprocess.run(control + ["-m", "immediate", "stop"], capture_output=True, check=False)
        shutil.rmtree(place, ignore_errors=True)


def succeed(words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")


def succeeded(words):
    result = run(words)
    if result.code != 0:
        raise SystemExit(f"{' '.join(words)} ended with code {result.code}")
    return result.seconds
