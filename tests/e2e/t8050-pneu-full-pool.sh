#!/bin/sh
# SPDX-License-Identifier: ISC
# A pool grows to its max, then says 421 where nobody may wait for a worker;
# EMFILE never spins.
. "$(dirname "$0")/lib.sh"
make_home
conf smtpd "start = 1
min_idle = 1
add = 1
max = 3"
conf pneu "waiting = 0"
check "the system becomes ready" start_pneu
TALK="python3 $(dirname "$0")/talk.py"
is "one worker waits at first, beside the leader" "$(pids_of smtpd | wc -l)" 2

mkfifo "$T/say"
$TALK "$SMTP" 3 < "$T/say" > "$T/heard" 2>&1 &
exec 7> "$T/say"
greeted() { [ "$(grep -c '^220 ' "$1")" -eq "$2" ]; }
wait_for greeted "$T/heard" 3; ok $? "it grows to its max"
is "and not above" "$(pids_of smtpd | wc -l)" 4
like "one more is told 421" "$($TALK "$SMTP" < /dev/null)" '^421 4\.3\.2 '
as pneu -C "$H" status > "$T/out" 2>&1
is "a full pool is not well" $? 111
like "status shows the gauge" "$(cat "$T/out")" '^! .*smtpd.*busy 3 idle 0 max 3 .*refused [1-9].*raise max'

# The supervisor gets no descriptor any more: a connection waits, nobody spins.
ticks() { awk '{ print $14 + $15 }' "/proc/$PNEU/stat"; }
said() { [ "$(grep -c 'accept on .*Too many open files' "$T/pneu.err")" -ge "$1" ]; }
if as prlimit --pid "$PNEU" --nofile=8:4096 2> "$T/prlimit"; then
	mkfifo "$T/late"
	$TALK "$SMTP" < "$T/late" > "$T/waits" 2>&1 &
	exec 6> "$T/late"
	wait_for said 1; ok $? "a lack of descriptors is told"
	before=$(ticks)
	wait_for said 2; ok $? "and tried again"
	[ $(($(ticks) - before)) -lt 20 ]; ok $? "without spinning"
	as pneu -C "$H" status > "$T/status" 2>&1 &
	asks=$! before=$(ticks) done=$(grep -c 'accept on ' "$T/pneu.err")
	wait_for said $((done + 2))
	[ $(($(ticks) - before)) -lt 20 ]; ok $? "nor at who asks how it stands"
	as prlimit --pid "$PNEU" --nofile=4096:4096
	wait "$asks"
	like "who is answered then" "$(cat "$T/status")" '^  pneu pid .*: ready'
	wait_for grep -q '^421 ' "$T/waits"; ok $? "then it is answered"
	exec 6>&-
else
	skip "a lack of descriptors is told" "$(cat "$T/prlimit")"
fi

echo QUIT >&7
exec 7>&-
again() { $TALK "$SMTP" < /dev/null | grep -q '^220 '; }
wait_for again; ok $? "when sessions end, the next is served"
well() { as pneu -C "$H" status > /dev/null 2>&1; }
wait_for well; ok $? "and all is well"
stop_pneu; is "it stops with 0" $? 0
done_testing
