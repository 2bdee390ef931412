#!/bin/sh
# SPDX-License-Identifier: ISC
# Every service that is killed is started again, and the journal knows.
. "$(dirname "$0")/lib.sh"
make_home
conf pneu "restart_min = 20ms"
check "the system becomes ready" start_pneu

is_well() { as pneu -C "$H" status --json | grep -q "\"name\":\"$1\".*\"state\":\"ready\".*\"well\":true"; }
is_other() { _now=$(pids_of "$1" | head -n 1); [ -n "$_now" ] && ! pids_of "$1" | grep -qx "$2"; }
for s in journal-write resolve auth queue-add deliver-mailbox pop3-session \
    queue-run smtpd pop3d; do
	p=$(pids_of "$s" | head -n 1)
	kill -KILL "$p"
	wait_for is_other "$s" "$p"; ok $? "$s is started again after kill -9"
	wait_for is_well "$s"; ok $? "$s is ready again"
	like "$s: its death is told" "$(cat "$T/pneu.err")" "^pneu run: $s \(pid $p\) was killed by signal 9"
done
lines() { [ "$(grep -h '^SD ' "$H"/journal/* | grep -c 'signal=9')" -ge 8 ]; }
wait_for lines; ok $? "the journal has the deaths"

sum() { as pneu -C "$H" status --json | python3 -c 'import json, sys
print(sum(x.get("restarts", 0) for x in map(json.loads, sys.stdin)))'; }
is "restarts are counted" "$(sum)" 9

# The supervisor itself: whatever it started ends.
kids=$(pgrep -P "$PNEU")
kill -KILL "$PNEU"; wait "$PNEU" 2> /dev/null; PNEU=
ended() { for p in $kids; do [ ! -e "/proc/$p" ] || return 1; done; }
wait_for ended; ok $? "a killed supervisor takes its services with it"
# As a change of the directory that was cut short, or an editor, leaves it.
echo 'alias smtp=late@example.org to=postmaster@example.org' >> "$H/directory/entries"
check "and the next one starts over what it left" start_pneu
like "with a directory that is compiled" \
	"$(echo 'resolve to=late@example.org' | as resolve -C "$H")" '^deliver to=late'
stop_pneu; is "it stops with 0" $? 0
done_testing
