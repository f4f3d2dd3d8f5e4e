#!/usr/bin/env python3
"""A check for dbmend: no time lies in the future. Needs nothing but Python 3.8."""
import json
import sqlite3
import sys
import time
import urllib.parse

DESCRIPTION = {
    "id": "future-times",
    "kind": "check",
    "title": "no time in the columns that are named lies in the future",
    "discussion": "A clock that ran wild leaves times behind which sort before all others for years. Reads each named table "
    "once. Times may be text that SQLite reads as one, or numbers: seconds, or milliseconds, since 1970.",
    "kinds": ["sqlite"],
    "needs": ["snapshot"],
    "finds": [{"code": "future-times.ahead", "severity": "warning", "meaning": "times lie in the future"}],
    "options": {
        "columns": {"type": "map", "of": "text", "required": True, "meaning": "from a table to its column of times"},
        "tolerance": {"type": "duration", "default": "1h", "meaning": "how far ahead a time may be"},
    },
    "examples": [
        {
            "title": "times that have been",
            "script": "create table events(id integer primary key, at text);"
            "insert into events(at) values('2024-02-29 12:00:00'), (1700000000), (1700000000000), (null), ('never');",
            "options": {"columns": {"events": "at"}},
        },
        {
            "title": "times that will be",
            "script": "create table events(id integer primary key, at text);"
            "insert into events(at) values('2024-02-29 12:00:00'), ('9024-02-29 12:00:00');",
            "options": {"columns": {"events": "at"}, "tolerance": "1d"},
            "finds": ["future-times.ahead"],
        },
        {
            "title": "names that hold quotes",
            "script": 'create table "it\'s ""so"""("at ""last""" integer); insert into "it\'s ""so""" values(99999999999);',
            "options": {"columns": {'it\'s "so"': 'at "last"'}},
            "finds": ["future-times.ahead"],
        },
    ],
}


def check(request):
    """What the check finds in a copy of the store."""
    options = request["options"]
    limit = time.time() + options["tolerance"]
    path = urllib.parse.quote(request["store"]["snapshot"])
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    findings = []
    for table, column in options["columns"].items():
        at = f"t.{quoted(column)}"
        # Digits alone are a number, whatever the column's type made of them; those beyond the year 5138 are milliseconds.
        number = f"cast({at} as real) / (case when cast({at} as real) > 1e11 then 1000 else 1 end)"
        seconds = f"case when {at} glob '*[^0-9.]*' then cast(strftime('%s', {at}) as real) else {number} end"
        count, latest = database.execute(
            f"select count(*), max({at}) from {quoted(table)} as t where {seconds} > ?", (limit,)
        ).fetchone()
        if count:
            findings.append(
                {
                    "code": "future-times.ahead",
                    "message": f"times in {table}.{column} lie in the future",
                    "table": table,
                    "column": column,
                    "count": count,
                    "evidence": f"the latest is {latest}",
                }
            )
    return {"findings": findings}


def quoted(name):
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def answer(request):
    """The reply to a request."""
    if request["dbmend"] != 1:
        raise ValueError(f"this plugin knows version 1 of the message, not {request['dbmend']}")
    if request["method"] == "describe":
        return DESCRIPTION
    if request["plugin"] != DESCRIPTION["id"] or request["method"] != "check":
        raise ValueError(f"this plugin cannot do '{request['method']}' for '{request['plugin']}'")
    return check(request)


try:
    reply = answer(json.load(sys.stdin))
except Exception as trouble:  # Whatever the request was, the reply says what became of it.
    reply = {"error": {"said": f"{type(trouble).__name__}: {trouble}"}}
print(json.dumps(reply))
