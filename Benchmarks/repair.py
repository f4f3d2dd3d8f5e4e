"""Repair of a large database with 200 pages of garbage, beside `VACUUM INTO` of the healthy one, which reads and writes the same
bytes once.

The files stand in the page cache. The time is that of the whole command, `dbmend repair FILE --output OUTPUT --yes`: its checks,
the copy, the salvage, the indexes, and the checks of the result.

By itself, on other choices of pages: `repair.py DBMEND DATABASE [--seed NUMBER]...`
"""

import argparse
import os
import random
import subprocess
import tempfile

from measure import Table, interleaved, median, run

ROUNDS = 3
PAGES = 200
RATIO = 1.5
MEMORY = 256 << 20


def benchmark(table, dbmend, database, folder, seed=1):
    damaged = os.path.join(folder, "damaged.db")
    output = os.path.join(folder, "output.db")
    subprocess.run(["cp", "--reflink=auto", database, damaged], check=True)
    overwrite_pages(damaged, seed)

    def remove_output():
        if os.path.exists(output):
            os.remove(output)

    def repair():
        outcome = run([dbmend, "repair", damaged, "--output", output, "--yes"], watch_memory=True)
        assert outcome.code == 0, f"dbmend repair ended with {outcome.code}"
        return outcome

    def vacuum():
        outcome = run(["sqlite3", database, f"VACUUM INTO '{output}'"])
        assert outcome.code == 0, f"VACUUM INTO ended with {outcome.code}"
        return outcome

    sides = interleaved(ROUNDS, repair, vacuum, before=remove_output)
    ours, theirs = (median([outcome.seconds for outcome in side]) for side in sides)
    size = os.path.getsize(database)
    name = f"repair {size / 1e6:.0f} MB with {PAGES} garbage pages / VACUUM INTO"
    table.times(name if seed == 1 else f"{name}, seed {seed}", ours, theirs, ratio=RATIO)
    table.bytes("  anonymous memory at most", max(outcome.anonymous for outcome in sides[0]), MEMORY)
    remove_output()
    os.remove(damaged)


def overwrite_pages(path, seed):
    """Writes noise over pages, none of them the first one."""
    noise = random.Random(seed)
    with open(path, "r+b") as file:
        size = int.from_bytes(os.pread(file.fileno(), 2, 16), "big")
        size = 65536 if size == 1 else size
        count = os.path.getsize(path) // size
        for page in noise.sample(range(1, count), min(PAGES, count - 1)):
            file.seek(page * size)
            file.write(noise.randbytes(size))


def main():
    parser = argparse.ArgumentParser(description="Repair of a database with garbage pages beside VACUUM INTO.")
    parser.add_argument("dbmend")
    parser.add_argument("database")
    parser.add_argument("--seed", type=int, action="append", help="which pages are overwritten; more than one may be given")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dbmend-bench-", dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        table = Table()
        for seed in words.seed or [1]:
            benchmark(table, os.path.abspath(words.dbmend), os.path.abspath(words.database), folder, seed)


if __name__ == "__main__":
    main()
