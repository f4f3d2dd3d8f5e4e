"""What a check costs per call: one of dbmend's own, one in a shared object, and programs in sh and Python."""

import json
import os
import shutil
import sqlite3
import subprocess

from measure import interleaved, median, run, words

STORES = 40
PLUGINS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "examples", "plugins")


def benchmark(table, dbmend, folder):
    folder = os.path.join(folder, "plugins")
    os.makedirs(folder, mode=0o755)
    stores = {}
    for number in range(STORES):
        with sqlite3.connect(os.path.join(folder, f"{number}.db")) as connection:
            connection.executescript("create table t(id integer primary key, name text, at text, amount integer);")
            connection.execute("insert into t values(1, 'Ada', '2024-01-01', 0)")
        stores[f"s{number}"] = {"path": f"{number}.db"}
    sides = {
        # The same question to each: one table, read once.
        "no check but connects": (None, []),
        "a check of dbmend's own (sql)": (
            None, [{"sql": {"name": "names", "query": "select count(*) from t where name = ''", "expect": 0}}]),
        "a shared object (C)": ("ledger.so", [{"ledger": {"table": "t", "transaction": "id"}}]),
        "a program (sh)": ("blank-texts.sh", [{"blank-texts": {"columns": {"t": "name"}}}]),
        "a program (Python)": ("future-times.py", [{"future-times": {"columns": {"t": "at"}}}]),
        "a Monitoring Plugins program (sh)": (None, [{"command": {"name": "true", "run": "sh -c 'echo fine'"}}]),
    }
    if not build(folder):
        table.note("no shared object: libjansson-dev is not installed (scripts/bootstrap --tests)")
        del sides["a shared object (C)"]
    for name, (plugin, checks) in sides.items():
        configuration = {
            "version": 1, "environments": {"all": {"stores": stores}}, "plugins": [plugin] if plugin else [],
            "checks": ["connects"] + checks,
        }
        with open(os.path.join(folder, name + ".yaml"), "w") as file:
            json.dump(configuration, file)  # JSON is YAML, too.
    named = list(sides)
    results = interleaved(5, *(lambda name=name: check(dbmend, folder, name) for name in named))
    base = median(results[0])
    for name, result in list(zip(named, results))[1:]:
        table.times(f"{name}, per call, {STORES} stores side by side", max(0.0, median(result) - base) / STORES, None)
    table.note(f"besides {words(base)} for the run itself; of plugins the question what they are is in it, once a file")


def check(dbmend, folder, name):
    outcome = run([dbmend, "check", "--config", os.path.join(folder, name + ".yaml")])
    if outcome.code != 0:
        raise SystemExit(f"dbmend check with {name} ended with {outcome.code}")
    return outcome.seconds


def build(folder):
    """Puts the plugins into the folder; whether the one in C could be built."""
    for name in ("sh/blank-texts.sh", "python/future-times.py"):
        path = shutil.copy(os.path.join(PLUGINS, name), folder)
        os.chmod(path, 0o755)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "jansson", "sqlite3"], capture_output=True, text=True)
    if flags.returncode != 0:
        return False
    source = os.path.join(PLUGINS, "c", "ledger.c")
    output = os.path.join(folder, "ledger.so")
    subprocess.run(["cc", "-std=c11", "-O2", "-shared", "-fPIC", "-o", output, source, *flags.stdout.split()], check=True)
    return True
