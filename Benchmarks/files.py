"""JSON files and folders, beside the programs that a user would take instead."""

import json
import os
import random
import subprocess

from measure import interleaved, median, run

ROUNDS = 5


def benchmark(table, dbmend, folder):
    document(table, dbmend, folder)
    documents(table, dbmend, folder)


def document(table, dbmend, folder):
    """One large JSON file: `check` beside jq reading it, `backup` beside zstd."""
    path = os.path.join(folder, "large.json")
    numbers = random.Random(5)
    rows = [{"id": i, "name": f"user {i}", "score": numbers.random(), "tags": ["a", "b"]} for i in range(400_000)]
    with open(path, "w") as file:
        json.dump({"users": rows}, file)
    what = f"JSON, {os.path.getsize(path) >> 20} MiB"
    beside(table, f"check of {what} / jq empty", [dbmend, "check", path], ["jq", "empty", path])
    backup(table, what, dbmend, folder, path, ["sh", "-c", f"zstd -q -T0 -f -o {folder}/copy.zst {path}"], "zstd -T0")


def documents(table, dbmend, folder):
    """A folder of many small files: `check` beside reading all of them, `backup` beside tar and zstd."""
    place = os.path.join(folder, "files")
    numbers = random.Random(6)
    for number in range(20_000):
        above = os.path.join(place, f"{number % 100:02}")
        os.makedirs(above, exist_ok=True)
        with open(os.path.join(above, f"{number}.txt"), "wb") as file:
            file.write(numbers.randbytes(numbers.randrange(200, 9000)))
    what = "20,000 files"
    configuration = os.path.join(folder, "dbmend.yaml")
    with open(configuration, "w") as file:
        file.write(f"version: 1\nenvironments: {{ test: {{ stores: {{ files: {{ path: {place}, kind: folder }} }} }} }}\n")
    tar = ["sh", "-c", f"tar -cf - {place} | cat"]
    # With an archive, each file is held against it.
    subprocess.run([dbmend, "backup", "--config", configuration, "-q"], check=True)
    beside(table, f"check of {what} / tar | cat", [dbmend, "check", "--config", configuration], tar)
    dump = ["sh", "-c", f"tar -cf - {place} | zstd -q -T0 -f -o {folder}/copy.zst"]
    backup(table, what, dbmend, folder, place, dump, "tar | zstd -T0")


def backup(table, what, dbmend, folder, path, other, title):
    """A backup checks the store, and writes, syncs and reads back; each time into a repository of its own."""
    repository = os.path.join(folder, "repository")
    ours = ["sh", "-c", f"rm -rf {repository}; exec {dbmend} backup --repository {repository} {path}"]
    beside(table, f"backup of {what} / {title}", ours, other)


def beside(table, name, ours, other):
    mine, theirs = interleaved(ROUNDS, seconds(ours), seconds(other))
    table.times(name, median(mine), median(theirs), ratio=1)


def seconds(command):
    def once():
        outcome = run(command)
        assert outcome.code == 0, f"{command} ended with {outcome.code}"
        return outcome.seconds

    return once
