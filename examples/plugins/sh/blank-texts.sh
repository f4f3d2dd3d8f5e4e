#!/bin/sh
# A check for dbmend: no text is blank where one should stand. Needs the program sqlite3, which reads and writes the JSON, too.
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
{"id": "blank-texts", "kind": "check", "title": "no text is blank in the columns that are named",
 "discussion": "NULL is no blank text: it says that nothing is known. Reads each named table once.",
 "kinds": ["sqlite"], "needs": ["snapshot"],
 "finds": [{"code": "blank-texts.blank", "severity": "warning", "meaning": "texts are blank where one should stand"}],
 "options": {"columns": {"type": "map", "of": "text", "required": true, "meaning": "from a table to its column of texts"}},
 "examples": [
  {"title": "texts that say something", "options": {"columns": {"users": "name"}},
   "script": "create table users(id integer primary key, name text); insert into users(name) values('Ada'), (null);"},
  {"title": "texts that are blank", "options": {"columns": {"users": "name"}}, "finds": ["blank-texts.blank"],
   "script": "create table users(id integer primary key, name text); insert into users(name) values('Ada'), (''), ('  ');"},
  {"title": "names that hold quotes", "options": {"columns": {"it's \"so\"": "a \"name\""}}, "finds": ["blank-texts.blank"],
   "script": "create table \"it's \"\"so\"\"\"(\"a \"\"name\"\"\" text); insert into \"it's \"\"so\"\"\" values('');"}]}
END
}

check() {
  snapshot=$(request '$.store.snapshot')
  [ -f "$snapshot" ] || fail "there is no copy of the store at '$snapshot'"
  # SQLite writes the query, since it knows best how names and texts are quoted in it.
  sql :memory: "
    select 'select json_object(''findings'', json_group_array(json(finding))) from (select null as finding where 0'
      || coalesce(group_concat(printf('
        union all select json_object(''code'', ''blank-texts.blank'', ''table'', %Q, ''column'', %Q, ''count'', n,
          ''message'', n || %Q) from (select count(*) as n from \"%w\" as t where trim(t.\"%w\") = '''') where n > 0',
        key, value, printf('texts are blank in %s.%s', key, value), key, value), ''), '') || ');'
    from json_each(cast(readfile('request.json') as text), '$.options.columns')" >query.sql || fail "the options"
  sql -safe -readonly "$snapshot" <query.sql >reply.json || fail "the copy of the store cannot be read"
  cat reply.json
}

cat >request.json
: >trouble
version=$(request '$.dbmend') || fail "the request is no JSON"
[ "$version" = 1 ] || fail "this plugin knows version 1 of the message, not '$version'"
method=$(request '$.method')
[ "$method" = describe ] && { describe; exit; }
plugin=$(request '$.plugin')
[ "$plugin $method" = "blank-texts check" ] || fail "this plugin cannot do '$method' for '$plugin'"
check
