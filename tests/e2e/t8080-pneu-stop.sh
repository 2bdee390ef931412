#!/bin/sh
# SPDX-License-Identifier: ISC
# SIGTERM: each step has its own time, and who is late is killed alone.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
make_home
conf pneu 'drain = 6s' # the others end in far less
add_user bob@example.org pw > "$T/out"
M=$H/mail/example.org/bob
as sh -c "printf 'A: b\r\n\r\nhi\r\n' > '$M/new/1000000001.a'"
cat > "$T/deaf" <<'X'
#!/bin/sh
trap '' TERM
echo deaf
while read -r line; do :; done
X
chmod 755 "$T/deaf"
conf resolve "program = $T/deaf"
check "the system becomes ready" start_pneu

# A session that deletes and is silent; a stage that hears no SIGTERM.
mkfifo "$T/say"
timeout 60 python3 "$D/talk.py" "$POP" < "$T/say" > "$T/heard" 2>&1 &
exec 7> "$T/say"
printf 'USER bob@example.org\r\nPASS pw\r\nDELE 1\r\n' >&7
wait_for grep -q 'will be deleted' "$T/heard"; ok $? "a session waits with a deletion"
python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(5), flush=True); s.recv(1)' \
	"$H/run/resolve" > "$T/held" 2>&1 &
holder=$!
wait_for grep -q deaf "$T/held"; ok $? "a wedged replacement is at work"
session() { for p in $(pgrep -x pop3-session); do [ "$(readlink "/proc/$p/cwd")" != "$M" ] || echo "$p"; done; }
parent() { ps -o ppid= -p "$1" | tr -d ' '; }
is "the session is a child of a worker of the supervisor" "$(parent "$(parent "$(session)")")" "$PNEU"

# While it waits for the stage, what died is neither started again nor waited for.
ticks() { awk '{ print $14 + $15 }' "/proc/$PNEU/stat" 2> "$T/gone"; }
stops() { as pneu -C "$H" status --json | grep -q '"state":"stopping"'; }
writer=$(pids_of journal-write) before=$(ticks)
as pneu -C "$H" stop > "$T/stop" 2>&1 & stop=$!
wait_for stops; ok $? "it stops"
as pneu -C "$H" reload > "$T/out" 2>&1
is "a reload comes too late: 111" $? 111
like "and hears so at once" "$(cat "$T/out")" 'the supervisor is stopping$'
kill -KILL "$writer"
wait_for grep -q 'journal-write .*killed' "$T/pneu.err"
is_late() { _t=$(ticks) && [ -n "$_t" ] && last=$_t; grep -q 'did not end in time' "$T/pneu.err"; }
wait_for is_late
[ "$last" -ge "$before" ] && [ $((last - before)) -lt 30 ]; ok $? "without spinning" || diag "$before to $last"
wait "$PNEU"; is "it stops with 0" $? 0
wait "$stop"; like "pneu stop says that it waits" "$? $(cat "$T/stop")" '^0 pneu stop: waiting for sessions'
PNEU=
wait_for grep -q '^<closed>' "$T/heard"
like "the session is told" "$(cat "$T/heard")" '^-ERR \[SYS/TEMP\] the server is stopping'
is "no session outlives the stop" "$(session)" ""
echo QUIT >&7
exec 7>&-
is "so a late QUIT deletes nothing" "$(ls "$M/new")" 1000000001.a
is "who was late was killed, and nobody else" \
	"$(grep -o '[a-z0-9-]* did not end in time' "$T/pneu.err" | sort -u)" \
	"resolve did not end in time"
kill "$holder" 2> /dev/null
done_testing
