#!/bin/sh
# Builds the plugin, and has dbmend run its examples and a battery of bad requests against it.
set -eu
cd "$(dirname "$0")"
cc -std=c11 -O2 -Wall -shared -fPIC -o ledger.so ledger.c $(pkg-config --cflags --libs jansson sqlite3)
"${DBMEND:-dbmend}" plugins test ./ledger.so
