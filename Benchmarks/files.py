"""JSON files and folders, beside the programs that a user would take instead."""

import json
import os
import random
import shutil
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
    dump = ["sh", "-c", f"jq . {path} | zstd -q -T0 -f -o {folder}/copy.zst"]
    backup(table, what, dbmend, folder, [path], dump, "jq | zstd -T0")
    # Without a look at what it is: nothing that a backup with its checks could be as fast as.
    copy = ["sh", "-c", f"zstd -q -T0 -f -o {folder}/copy.zst {path}"]
    backup(table, what, dbmend, folder, [path], copy, "zstd -T0", ratio=None)


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
    backup(table, what, dbmend, folder, ["--config", configuration], dump, "tar | zstd -T0")
    # What the tools take for all that a backup does: written, synced, read back and compared.
    proven = ["sh", "-c", f"{dump[2]} && sync {folder}/copy.zst && zstd -dc {folder}/copy.zst | tar -df - -C /"]
    backup(table, what, dbmend, folder, ["--config", configuration], proven, "the same, synced, zstd -dc | tar -d", ratio=None)


def backup(table, what, dbmend, folder, words, other, title, ratio=1):
    """A backup checks the store, and writes, syncs and reads back; each time into a repository of its own."""
    repository = os.path.join(folder, "repository")
    ours = [dbmend, "backup", "--repository", repository, *words]
    remove = lambda: shutil.rmtree(repository, ignore_errors=True)
    beside(table, f"backup of {what} / {title}", ours, other, ratio, before=remove)


def beside(table, name, ours, other, ratio=1, before=lambda: None):
    mine, theirs = interleaved(ROUNDS, seconds(ours), seconds(other), before=before)
    table.times(name, median(mine), median(theirs), ratio=ratio)


def seconds(command):
    def once():
        outcome = run(command)
        assert outcome.code == 0, f"{command} ended with {outcome.code}"
        return outcome.seconds

    return once
