#!/bin/sh
# SPDX-License-Identifier: ISC
# run, ready, status, a second one, stop.
. "$(dirname "$0")/lib.sh"
make_home

as pneu -C "$H" status > "$T/out" 2>&1
is "status of what does not run is 111" $? 111
like "and says so" "$(cat "$T/out")" '^! pneu does not run'
as pneu -C "$H" stop > "$T/out" 2>&1
is "there is nothing to stop" $? 100

check "the system becomes ready" start_pneu
add_user ann@example.org pw > "$T/out"
like "an address that was added since is known to the first who asks" \
	"$(as pneu -C "$H" explain ann@example.org)" 'example.org/ann'
like "SMTP greets" "$(timeout "$LIMIT" python3 "$(dirname "$0")/talk.py" "$SMTP" < /dev/null)" '^220 mx.example.org'
like "POP3 greets" "$(echo QUIT | timeout "$LIMIT" python3 "$(dirname "$0")/talk.py" "$POP")" '^\+OK'
check "status says that all is well" as pneu -C "$H" status
as pneu -C "$H" status --json > "$T/json"
is "each line of --json is one object" "$(python3 -c 'import json, sys
print(sum(isinstance(json.loads(x), dict) for x in open(sys.argv[1])))' "$T/json")" \
    "$(wc -l < "$T/json")"
like "a file system is named" "$(as pneu -C "$H" status)" 'disk of queue +.*free'

as pneu -C "$H" run > "$T/out" 2>&1
is "a second run on this home is refused" $? 100
like "it says who runs it" "$(cat "$T/out")" "another supervisor, pid $PNEU "
mv "$H/run/pneu.pid" "$T/pid"
sed "s/:$SMTP/:0/; s/:$POP/:0/" "$H/pneu.conf" > "$T/other.conf"; chmod 644 "$T/other.conf"
as timeout 10 pneu -C "$H" -c "$T/other.conf" run > "$T/out" 2>&1
is "it is refused when the lock was removed, too" $? 100
like "and it says so" "$(cat "$T/out")" "another supervisor, and its run/pneu.pid was removed"
mv "$T/pid" "$H/run/pneu.pid"
check "the first one took no harm" as pneu -C "$H" status

# Signals that mean nothing to it, each of which would end a process.
sent=$(python3 -c 'import os, signal, sys
for name in "USR2 IO PWR PROF VTALRM XCPU RTMIN RTMAX ALRM XFSZ PIPE".split():
    number = getattr(signal, "SIG" + name); os.kill(int(sys.argv[1]), number)
    if name not in ("XFSZ", "PIPE"): print(int(number))' "$PNEU")
for s in $sent; do
	wait_for grep -q "^pneu run: signal $s .*from pid [0-9]* is ignored: SIGTERM stops, SIGHUP reloads" "$T/pneu.err" || unsaid="$unsaid $s"
done
is "a signal that means nothing is said to be ignored" "$unsaid" ""
check "and changes nothing" as pneu -C "$H" status

for s in journal-write resolve auth queue-add deliver-mailbox pop3-session \
    queue-run smtpd pop3d; do
	_p=$(pids_of "$s" | head -n 1)
	[ -n "$_p" ] || { missing="$missing $s"; continue; }
	tr '\0' '\n' < "/proc/$_p/environ" | grep -Ev \
	    '^(PATH|TZ|LANG|PNEU_[A-Z_]+|[ALU]B?SAN_OPTIONS)=' && dirty="$dirty $s"
	grep -q '^NoNewPrivs:.1' "/proc/$_p/status" || weak="$weak $s"
	all="$all $(pids_of "$s" | tr '\n' ' ')"
done
is "every service has a process" "$missing" ""
is "no environment but ours reaches a service" "$dirty" ""
is "no service can gain privileges" "$weak" ""
# All pools have one: who reads it would keep the others from growing.
is "no worker can read what wakes the supervisor" "$(for p in $(pids_of smtpd) $(pids_of pop3d); do
	fd=$(tr '\0' '\n' < "/proc/$p/environ" | sed -n 's/^PNEU_BOARD_EVENT=//p')
	awk '/^flags:/ { print $2 % 10 }' "/proc/$p/fdinfo/$fd"; done | sort -u)" 1
is "no service has a core limit above 0" "$(for p in $all; do
	grep 'core file' "/proc/$p/limits"; done | awk '{print $5}' | sort -u)" 0

as pneu -C "$H" stop > "$T/out" 2>&1
is "stop waits and ends well" $? 0
wait "$PNEU"; is "SIGTERM ends run with 0" $? 0
PNEU=
left=; for p in $all; do [ ! -e "/proc/$p" ] || left="$left $p"; done
is "nothing is left behind" "$left" ""
is "no socket is left behind" "$(find "$H/run" -type s)" ""
grep -h '^S[BE] ' "$H"/journal/* > "$T/out"
like "the journal has the start" "$(cat "$T/out")" '^SB .*service=pneu'
like "the journal has the stop" "$(cat "$T/out")" '^SE .*service=pneu'
check "it starts again" start_pneu
cp "$H/pneu.conf" "$T/right" && conf pneu "no such = thing"
check "and is stopped while its file has errors" as pneu -C "$H" stop
wait "$PNEU"; is "which ends with 0 as well" $? 0
PNEU=; cat "$T/right" > "$H/pneu.conf"

# Of a starter that ignores all it can, does not want to hear of its children, and blocks SIGTERM.
deaf="env --ignore-signal=CHLD,TERM,INT,HUP,QUIT,USR1,PIPE --block-signal=TERM,USR2"
if $deaf true 2> "$T/out"; then
	rm -f "$T/ready"; mkfifo -m 666 "$T/ready"
	# shellcheck disable=SC2086
	_exec_as $deaf "$B/pneu" -C "$H" run > "$T/ready" 2>> "$T/pneu.err" &
	PNEU=$!; exec 9< "$T/ready"
	is "what its starter ignored is no matter" "$(timeout "$LIMIT" head -n 1 <&9)" ready
	old=$(pids_of queue-run)
	as pneu -C "$H" reload > "$T/out" 2>&1
	anew() { _p=$(pids_of queue-run); [ -n "$_p" ] && [ "$_p" != "$old" ]; }
	wait_for anew; ok $? "it hears that a child has ended"
	# TERM, INT, HUP, QUIT or USR1; of USR2 and TERM a mask.
	is "no child ignores or blocks what its starter did" "$(for p in $(pgrep -P "$PNEU"); do
		python3 -c 'import re, sys
for name, bits in re.findall(r"^Sig(Ign|Blk):\t(\w+)", open("/proc/%s/status" % sys.argv[1]).read(), re.M):
    if int(bits, 16) & sum(1 << n - 1 for n in (1, 2, 3, 10, 12, 15)): print(sys.argv[1], name, bits)' "$p"
	    done)" ""
	as pneu -C "$H" reload > "$T/out" 2>&1
	as timeout "$LIMIT" pneu -C "$H" stop > "$T/out" 2>&1
	s=$?; [ $s -eq 0 ] || kill -KILL "$PNEU"
	is "and is stopped, right after a reload" $s 0
	is "for which nobody is killed" "$(grep 'did not end in time' "$T/pneu.err")" ""
	wait "$PNEU"; is "which ends with 0 as well" $? 0
	PNEU=
else
	skip "what its starter ignored is no matter" "$(cat "$T/out")"
fi

if [ "$(id -u)" -eq 0 ]; then
	AS_ROOT=1
	# Who gave up root cannot be traced, so the leak checker cannot look.
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
	check "root can start it" start_pneu
	is "no service is root" "$(ps -o user= --ppid "$PNEU" | sort -u)" nobody
	is "no service can be root again" "$(for p in $(pgrep -P "$PNEU"); do
		awk '/^[UG]id:/ { for (i = 2; i <= 5; i++) if ($i == 0) print }' \
		    "/proc/$p/status"
	    done)" ""
	check "root can ask for its status" pneu -C "$H" status
	check "root can stop it" pneu -C "$H" stop
	wait "$PNEU"; is "and it ends with 0" $? 0
	PNEU= AS_ROOT=
	is "nothing in the home belongs to root" "$(find "$H" -user root)" ""
else
	skip "root can start it" "not root"
fi
done_testing
