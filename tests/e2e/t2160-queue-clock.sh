#!/bin/sh
# SPDX-License-Identifier: ISC
# A clock that ran ahead, and was put right: no message waits for that year.
. "$(dirname "$0")/lib.sh"
make_home
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
send() { printf 'Subject: x\n\nhello\n' | as queue-add -C "$H" -f "$@" |
    sed 's/^queued as //'; }
M=$H/mail/example.org/bob
R=$H/queue/retry1
waiting() { [ "$(find "$R" -name "$1" | wc -l)" -eq 1 ]; }
arrived() { [ "$(find "$M/new" -name "*$1*" | wc -l)" -eq 1 ]; }
gone() { [ -z "$(find "$H/queue" -name "$1*")" ]; }

as mv "$M" "$M.away"
A=$(send ann@example.org bob@example.org)
B1=$(send ann@example.org bob@example.org)
SOON=$(send ann@example.org bob@example.org)
check "the system becomes ready" start_pneu
for q in "$A" "$B1" "$SOON"; do wait_for waiting "$q" || diag "$q"; done
check "it stops" stop_pneu
# What a queue-run leaves that believed a clock of years from now.
soon=$(date -u -d '+30 minutes' +%Y%m%dT%H%M)
for place in "$A 20991231T2359" "$B1 21000101T0000" "$SOON $soon"; do
	to=$R/${place#* } next=$(echo "${place#* }" | sed 's/\(....\)\(..\)\(..T..\)/\1-\2-\3:/')
	as mkdir "$to"
	as mv "$R"/*/"${place% *}" "$to"
	as sed -i "s/ next=[^ ]*/ next=$next:00.000Z/" "$to/${place% *}"
done
as mv "$M.away" "$M"
check "the clock is right again, and it becomes ready" start_pneu
check "what waits for another century is delivered" wait_for arrived "$A"
check "every minute of it" wait_for arrived "$B1"
check "and let go" wait_for gone "$A"
check "what is due in half an hour waits" test -e "$R/$soon/$SOON"
check "it stops again" stop_pneu
done_testing
