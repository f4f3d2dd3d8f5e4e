#!/bin/sh
# A repair for dbmend: references to rows that are gone are cleared, and kept in a table of their own. Needs the program sqlite3, which
# reads and writes the JSON, too.
set -u
sql() { sqlite3 -batch -bail -noheader "$@" 2>trouble; }

# A part of the request, by its path.
request() { sql :memory: "select json_extract(cast(readfile('request.json') as text), '$1')"; }

# Replies that it could not be done; with what SQLite said of it, if anything.
fail() {
  said=$(printf '%s: %s' "$1" "$(cat trouble)" | tr '\n' ' ' | sed "s/'/''/g")
  sqlite3 :memory: "select json_object('error', json_object('said', trim('$said', ': ')))"
  exit 0
}

describe() {
  cat <<'END'
{"id": "clear-references", "kind": "repair", "title": "clears references to rows that are gone",
 "discussion": "A foreign key that points to no row becomes NULL, where its column allows that; what stood there is kept in the table cleared_references. Rows stay.",
 "mends": ["foreign-key.violated"], "loss": "rows", "kinds": ["sqlite"], "needs": [],
 "examples": [
  {"title": "an order of a user who is gone", "finds": ["foreign-key.violated"],
   "script": "create table users(id integer primary key); create table orders(id integer primary key, user_id integer references users(id)); insert into users values(1); insert into orders(user_id) values(1), (2);"},
  {"title": "orders of users who are there",
   "script": "create table users(id integer primary key); create table orders(id integer primary key, user_id integer references users(id)); insert into users values(1); insert into orders(user_id) values(1), (null);"}]}
END
}

# Each column that may be NULL and holds references to rows that are gone, with the numbers of its rows.
broken='create temp table broken as
  select c."table" as tbl, l."from" as col, c.rowid as num
  from pragma_foreign_key_check as c, pragma_foreign_key_list(c."table") as l, pragma_table_info(c."table") as i
  where l.id = c.fkid and i.name = l."from" and i."notnull" = 0 and i.pk = 0 and c.rowid is not null;'

repair() {
  copy=$(request '$.copy')
  [ -f "$copy" ] || fail "there is no working copy at '$copy'"
  # SQLite writes the statements, since it knows best how names and texts are quoted in them.
  {
    echo 'begin immediate;'
    echo "$broken"
    echo 'create table if not exists cleared_references("table" text, "row" integer, "column" text, value);'
    sql -safe "$copy" "$broken
      select printf('insert into cleared_references select %Q, rowid, %Q, \"%w\" from \"%w\"
          where rowid in (select num from broken where tbl = %Q and col = %Q);
        update \"%w\" set \"%w\" = null where rowid in (select num from broken where tbl = %Q and col = %Q);',
        tbl, col, col, tbl, tbl, col, tbl, col, tbl, col)
      from (select distinct tbl, col from broken)" || echo 'this is no statement;'
    echo "select json_object('notes', json_group_array(n || ' references in ' || tbl || '.' || col ||
        ' were cleared; cleared_references has them'))
      from (select tbl, col, count(*) as n from broken group by 1, 2);"
    echo 'commit;'
  } >statements.sql
  [ -s trouble ] && fail "the working copy cannot be read"
  sql -safe "$copy" <statements.sql >reply.json || fail "the working copy cannot be mended"
  cat reply.json
}

cat >request.json
: >trouble
version=$(request '$.dbmend') || fail "the request is no JSON"
[ "$version" = 1 ] || fail "this plugin knows version 1 of the message, not '$version'"
method=$(request '$.method')
[ "$method" = describe ] && { describe; exit; }
plugin=$(request '$.plugin')
[ "$plugin $method" = "clear-references repair" ] || fail "this plugin cannot do '$method' for '$plugin'"
repair
