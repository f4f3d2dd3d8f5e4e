"""An application at work: a small transaction about every 20 ms, until its standard input ends.

Prints one line for each commit: when it ended on the monotonic clock, and how long the whole transaction took, in seconds.
Both tables of a transaction get one row each, so that a snapshot is consistent only if they have equally many.
"""

import select
import sqlite3
import sys
import time

PAUSE = 0.02


def main():
    connection = sqlite3.connect(sys.argv[1], timeout=600, isolation_level=None)
    connection.execute("CREATE TABLE IF NOT EXISTS debits(id INTEGER PRIMARY KEY, event INTEGER)")
    connection.execute("CREATE TABLE IF NOT EXISTS credits(id INTEGER PRIMARY KEY, event INTEGER)")
    print("ready", flush=True)
    event = 0
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        event = event * 48271 % 2147483647 + 1
        start = time.monotonic()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE events SET note = ? WHERE id = ?", (f"seen {event}", event % 5_000_000 + 1))
        connection.execute("INSERT INTO debits(event) VALUES(?)", (event,))
        connection.execute("INSERT INTO credits(event) VALUES(?)", (event,))
        connection.execute("COMMIT")
        end = time.monotonic()
        print(f"{end} {end - start}", flush=True)


main()
