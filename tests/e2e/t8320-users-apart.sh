#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: it asks the kernel
# Each user tries each socket and file: what the table allows, and nothing else.
. "$(dirname "$0")/users.sh"
. "$(dirname "$0")/lib.sh"
make_home
conf passwdd "listen = 127.0.0.1:$(free_ports 1)"
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
start_pneu || exit 99
pneu -C "$H" services --json > "$T/services"
python3 "$(dirname "$0")/apart.py" "$PNEU" "$H" "$T/services"
