#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: many reloads; the rules themselves are in the unit tests
# Each relay option, with logins, POP windows and the reject list: what the rules
# say, and what a session hears.
. "$(dirname "$0")/lib.sh"
make_home
mkdir -p "$H/lists"
echo '127.0.1.0/24 # the office' > "$H/lists/accept"
echo '127.0.2.0/24' > "$H/lists/reject"
printf 'near.test\n.sub.test\n' > "$H/lists/near"
echo 'boss@example.org' > "$H/lists/logins"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H/lists"
add_user ann@example.org pw > "$T/out"
add_user bob@example.org pw >> "$T/out"
as pneu -C "$H" explain --client 127.0.2.1 > "$T/explained" 2>&1 &&
    grep -q '=> refused at connect by rule reject-list: 554 5.7.1' "$T/explained" ||
    { diag "$(cat "$T/explained")"; exit 1; }
# What a catch-all takes is nobody's own address; a detail of one's own is.
cp -p "$H/pneu.conf" "$T/base.conf"
conf auth "mode = relay
verify_from = all"
as directory -C "$H" alias add '*@example.org' ann@example.org --catch-all > "$T/out"
from() { as pneu -C "$H" explain --client 127.0.0.1 --user ann@example.org --from "$1" 2>&1 | tail -n 1; }
[ "$(from zed@example.org | cut -c1-47)" = '  => refused at mail by rule verify-from: 550 5' ] &&
    [ "$(from ann+shop@example.org)" = '  => accepted' ] ||
    { diag "catch-all: $(from zed@example.org) detail: $(from ann+shop@example.org)"; exit 1; }
as directory -C "$H" alias remove '*@example.org' > "$T/out"
cat "$T/base.conf" > "$H/pneu.conf"
start_pneu || exit 1
as env PATH="$PATH" python3 "$(dirname "$0")/policy.py" "$H" "$SMTP" "$POP"
