"""An H2 database: its check beside reading every table with the engine's own client, its backup beside the engine's own dump."""

import os
import shutil
import subprocess

from measure import interleaved, median, run

ROUNDS = 5
ROWS = 400_000
JAR = os.environ.get("H2_JAR", "/usr/share/java/h2.jar")


def benchmark(table, dbmend, folder):
    if not os.path.exists(JAR) or shutil.which("java") is None:
        table.note("no H2 or no Java here: nothing of H2 databases is measured")
        return
    store = os.path.join(folder, "large.mv.db")
    url = "jdbc:h2:" + store.removesuffix(".mv.db")
    make = (
        "CREATE TABLE events(id INT PRIMARY KEY, at TIMESTAMP, note VARCHAR);"
        f"INSERT INTO events SELECT x, DATEADD(SECOND, x, TIMESTAMP '2024-01-01 00:00:00'), 'event ' || x * 7919 FROM SYSTEM_RANGE(1, {ROWS});"
        "CREATE INDEX events_at ON events(at);"
    )
    subprocess.run(tool("Shell", url) + ["-sql", make], check=True, capture_output=True)
    what = f"an H2 database of {os.path.getsize(store) / 1e6:.0f} MB"
    reading = "CALL CSVWRITE('/dev/null', 'SELECT * FROM events');"
    ours, theirs = interleaved(ROUNDS, seconds([dbmend, "check", store]), seconds(tool("Shell", url) + ["-sql", reading]))
    table.times(f"check of {what} / every table written to /dev/null", median(ours), median(theirs), ratio=1)

    place = os.path.join(folder, "h2-archives")
    dump = os.path.join(folder, "h2-dump.sql")
    words = " ".join(tool("Script", url) + ["-script", dump])
    backup = ["sh", "-c", f"rm -rf {place}; exec {dbmend} backup --repository {place} {store}"]
    instead = ["sh", "-c", f"{words} && zstd -q -T0 -f -o {dump}.zst {dump}"]
    ours, theirs = interleaved(ROUNDS, seconds(backup), seconds(instead))
    table.times(f"backup of {what} / Script and zstd -T0", median(ours), median(theirs), ratio=1)


def tool(name, url):
    return ["java", "-cp", JAR, "org.h2.tools." + name, "-url", url, "-user", "sa"]


def seconds(command):
    def once():
        outcome = run(command)
        assert outcome.code == 0, f"{command} ended with {outcome.code}"
        return outcome.seconds

    return once
