#!/bin/sh
# Builds the plugin, and has dbmend run its examples and a battery of bad requests against it.
set -eu
cd "$(dirname "$0")"
swiftc -O -emit-library -static-stdlib -use-ld=lld -Xlinker -s -module-name plugin -I CSQLite -o clear-references.so clear-references.swift
"${DBMEND:-dbmend}" plugins test ./clear-references.so
