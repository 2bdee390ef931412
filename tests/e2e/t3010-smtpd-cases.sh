#!/bin/sh
# SPDX-License-Identifier: ISC
# Hostile input at the SMTP port gets its reply and nothing else happens.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd) cases=$(cd "$(dirname "$0")/../cases" && pwd)
command -v python3 > /dev/null || skip_all "no python3"
make_home local.test
conf storage "min_free = 0"
# A session whose client is gone still counts for a moment.
conf smtpd "clients_per_address = 0"
add_user alice@local.test pw > "$T/out" || diag "$(cat "$T/out")"
add_user bob@local.test pw > "$T/out" || diag "$(cat "$T/out")"
start_pneu || { ok 1 "the system starts"; done_testing; }

count() { find "$H/mail/local.test/$1" -type f | wc -l; }
queued() { ls "$H/queue/in" | grep -c .; }
all_settled() { [ "$(queued)" -eq 0 ]; }

timeout 180 python3 "$here/replay.py" "$SMTP" "$cases/smtp-server.jsonl" > "$T/tap"
is "every case ends in time" "$(tail -n 1 "$T/tap" | cut -c1-3)" "1.."
is "every case gets its replies" "$(grep -A1 '^not ok' "$T/tap")" ""
check "what was accepted is delivered" wait_for all_settled
is "nothing was smuggled to bob" "$(count bob)" 0
is "no file is left half-written" "$(ls -A "$H/queue/in" | grep '^\.')" ""
is "nothing went aside" "$(ls "$H/queue/aside")" ""
for pid in $(pids_of smtpd); do
	[ "$(ls "/proc/$pid/fd" | wc -l)" -lt 20 ] || fat="$fat $pid"
done
is "no worker keeps descriptors" "$fat" ""
check "the system stops" stop_pneu
is "no process died" "$(grep -aE 'died|signal|ERROR: ' "$T/pneu.err")" ""
# After the stop the journal has all.
is "alice has each message that was queued, once" "$(count alice)" \
    "$(cat "$H"/journal/* | grep -c '^97 .*program=smtpd')"
is "no raw control octet is in the journal" \
    "$(cat "$H"/journal/* | tr -d '\n' | LC_ALL=C grep -c '[[:cntrl:]]')" 0
like "a refusal stands in the journal with its rule" \
    "$(cat "$H"/journal/*)" '^9W .*rule=bare-lf reply=550 code=5.6.0'
like "one that we do not relay for too" "$(cat "$H"/journal/*)" \
    '^9V .*rule=relay .*to=a@evil.test'
done_testing
