#!/bin/sh
# Has dbmend run its examples and a battery of bad requests against it.
set -eu
cd "$(dirname "$0")"
"${DBMEND:-dbmend}" plugins test ./clear-references.sh
