#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: it compares texts
# What doc/PROTOCOL.md says that programs print. With WRITE=1 it is put there.
. "$(dirname "$0")/lib.sh"
make_home
conf auth "hash_memory = 64K"
add_user bob@example.org secret > "$T/out" 2>&1
add_user ann@example.org secret > "$T/out" 2>&1
python3 "$(dirname "$0")/docs.py" protocol "$H" ${WRITE:+--write}
