#!/usr/bin/env python3
"""A repair for dbmend: references to rows that are gone are cleared, and kept in a table of their own. Needs Python 3.8."""
import json
import sqlite3
import sys

DESCRIPTION = {
    "id": "clear-references",
    "kind": "repair",
    "title": "clears references to rows that are gone",
    "discussion": "A foreign key that points to no row becomes NULL, where its column allows that; what stood there is kept in "
    "the table cleared_references. Rows stay.",
    "mends": ["foreign-key.violated"],
    "loss": "rows",
    "kinds": ["sqlite"],
    "needs": [],
    "examples": [
        {
            "title": "an order of a user who is gone",
            "script": "create table users(id integer primary key);"
            "create table orders(id integer primary key, user_id integer references users(id));"
            "insert into users values(1); insert into orders(user_id) values(1), (2);",
            "finds": ["foreign-key.violated"],
        },
        {
            "title": "orders of users who are there",
            "script": "create table users(id integer primary key);"
            "create table orders(id integer primary key, user_id integer references users(id));"
            "insert into users values(1); insert into orders(user_id) values(1), (null);",
        },
    ],
}

# Each column that may be NULL and holds references to rows that are gone, with the numbers of its rows.
BROKEN = """
    create temp table broken as
    select c."table" as tbl, l."from" as col, c.rowid as num
    from pragma_foreign_key_check as c, pragma_foreign_key_list(c."table") as l, pragma_table_info(c."table") as i
    where l.id = c.fkid and i.name = l."from" and i."notnull" = 0 and i.pk = 0 and c.rowid is not null
"""


def repair(request):
    """Mends the working copy."""
    database = sqlite3.connect("file:" + request["copy"].replace("%", "%25").replace("?", "%3f") + "?mode=rw", uri=True)
    rows, notes = {}, []
    with database:  # All of it, or nothing.
        database.execute(BROKEN)
        database.execute('create table if not exists cleared_references("table" text, "row" integer, "column" text, value)')
        for table, column in database.execute("select distinct tbl, col from broken order by 1, 2").fetchall():
            these = "rowid in (select num from broken where tbl = ?1 and col = ?2)"
            database.execute(
                f"insert into cleared_references select ?1, rowid, ?2, {quoted(column)} from {quoted(table)} where {these}",
                (table, column),
            )
            done = database.execute(f"update {quoted(table)} set {quoted(column)} = null where {these}", (table, column))
            notes.append(f"{done.rowcount} references in {table}.{column} were cleared; cleared_references has them")
            rows[table] = {"kept": database.execute(f"select count(*) from {quoted(table)}").fetchone()[0]}
    return {"rows": rows, "notes": notes}


def quoted(name):
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def answer(request):
    """The reply to a request."""
    if request["dbmend"] != 1:
        raise ValueError(f"this plugin knows version 1 of the message, not {request['dbmend']}")
    if request["method"] == "describe":
        return DESCRIPTION
    if request["plugin"] != DESCRIPTION["id"] or request["method"] != "repair":
        raise ValueError(f"this plugin cannot do '{request['method']}' for '{request['plugin']}'")
    return repair(request)


try:
    reply = answer(json.load(sys.stdin))
except Exception as trouble:  # Whatever the request was, the reply says what became of it.
    reply = {"error": {"said": f"{type(trouble).__name__}: {trouble}"}}
print(json.dumps(reply))
