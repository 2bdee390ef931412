#!/bin/sh
# SPDX-License-Identifier: ISC
# SIGHUP: a checked configuration, no session dropped; a bad one changes nothing.
. "$(dirname "$0")/lib.sh"
make_home
add_user bob@example.org pw > "$T/out"
M=$H/mail/example.org/bob
as sh -c "printf 'A: b\r\n\r\nhi\r\n' > '$M/new/1000000001.a'"
check "the system becomes ready" start_pneu

mkfifo "$T/say"
python3 "$(dirname "$0")/talk.py" "$SMTP" < "$T/say" > "$T/heard" 2>&1 &
exec 7> "$T/say"
wait_for grep -q '^220 ' "$T/heard"; ok $? "a session began before the reload"
mkfifo "$T/pop-say"
python3 "$(dirname "$0")/talk.py" "$POP" < "$T/pop-say" > "$T/pop-heard" 2>&1 &
exec 8> "$T/pop-say"
printf 'USER bob@example.org\r\nPASS pw\r\nDELE 1\r\n' >&8
wait_for grep -q 'will be deleted' "$T/pop-heard"; ok $? "and one that deletes"

old=$(pids_of queue-run)
echo '[smtpd]
bannner = x
[nonsense]' >> "$H/pneu.conf"
kill -HUP "$PNEU"
wait_for grep -q 'the old configuration stays' "$T/pneu.err"; ok $? "a bad configuration is refused"
like "its first error has file and line" "$(cat "$T/pneu.err")" '^pneu.conf:[0-9]+: unknown setting bannner'
like "its second error too" "$(cat "$T/pneu.err")" '^pneu.conf:[0-9]+: unknown section'
is "the services were left alone" "$(pids_of queue-run)" "$old"
as pneu -C "$H" reload > "$T/out" 2>&1
is "pneu reload shows the errors where one asks" $? 100
like "with file and line" "$(cat "$T/out")" '^pneu.conf:[0-9]+: '

sed -i '/^bannner/d; /^\[nonsense\]/d' "$H/pneu.conf"
cp -p "$H/pneu.conf" "$T/good.conf"
conf resolve "program = $T/nowhere"
conf auth "program = $T"
conf smtpd "listen = localhost:25
max_recipients = 200"
conf storage "low_pct = 99"
conf queue "recipients_max = 100"
n=$(wc -l < "$H/pneu.conf")
as pneu -C "$H" config check > "$T/out" 2> "$T/err"
is "config check of five errors that no single line can tell is 100" $? 100
is "each is told, and where it stands" "$(grep '^pneu.conf:' "$T/err" | sort)" \
"pneu.conf:$((n - 9)): [resolve] program = $T/nowhere: No such file or directory
pneu.conf:$((n - 7)): [auth] program = $T: not a file
pneu.conf:$((n - 5)): [smtpd]: listen = localhost:25: not an address and a port like 192.0.2.1:25 or [2001:db8::1]:25
pneu.conf:$((n - 4)): [smtpd] max_recipients is over [queue] recipients_max
pneu.conf:$((n - 2)): [storage] low_pct is over [storage] high_pct"
as pneu -C "$H" reload > "$T/out" 2>&1
is "and is not taken" $? 100
is "--json has them all" "$(as pneu -C "$H" config check --json 2> "$T/out" | python3 -c 'import json, sys
o = json.load(sys.stdin); print(o["file"], o["right"], "\n".join(sorted(o["errors"])))')" \
    "pneu.conf False $(grep '^pneu.conf:' "$T/err" | sort)"
cp -p "$T/good.conf" "$H/pneu.conf"

# What a program would end with, when the configuration is in force already.
conf resolve "domain = exa mple.org"
sed -i 's/^hostname = .*/hostname = mx example/' "$H/pneu.conf"
conf queue "directory = $T/nowhere"
conf mail "directory = elsewhere"
n=$(wc -l < "$H/pneu.conf")
as pneu -C "$H" reload > "$T/out" 2>&1
is "a domain, a host name and a queue that are none are refused" $? 100
is "by file and line" "$(grep -v '^pneu reload' "$T/out" | sort)" "$(sort <<TEXT
pneu.conf:$(grep -n '^hostname' "$H/pneu.conf" | cut -d: -f1): [pneu] hostname = mx example: not a host name
pneu.conf:$((n - 4)): [resolve] domain = exa mple.org: not a domain name
pneu.conf:$((n - 2)): [queue] directory = $T/nowhere: No such file or directory; \`pneu init\` makes it
TEXT
)"
cp -p "$T/good.conf" "$H/pneu.conf"
conf mail "directory = elsewhere"
sed -i '/^domain = /d' "$H/pneu.conf"
is "what would run, but take no mail or deliver none, is a warning" "$(as pneu -C "$H" config check 2>&1 > "$T/out"; echo $?)" \
"pneu.conf: warning: [resolve] has no domain: no mail is taken
pneu.conf:$(wc -l < "$H/pneu.conf"): warning: [mail] directory = elsewhere: No such file or directory; mail waits in the queue
0"
like "--json has it too" "$(as pneu -C "$H" config check --json)" '"right":true.*"warnings":\["pneu.conf: warning: \[resolve\] has no domain'
cp -p "$T/good.conf" "$H/pneu.conf"
conf smtpd "clients_per_address = 21"
conf pop3d "clients_per_address = 20"
like "a limit that is none is one too" "$(as pneu -C "$H" config check 2>&1 > "$T/out")" \
	"^pneu.conf:$(grep -n 'address = 21' "$H/pneu.conf" | cut -d: -f1): warning: \\[smtpd\\] clients_per_address is over max: it limits nothing$"
is "and no other" "$(as pneu -C "$H" config check 2>&1 | grep -c 'limits nothing')" 1
cp -p "$T/good.conf" "$H/pneu.conf"
like "and says what is right" "$(as pneu -C "$H" config check --json)" '"right":true,"errors":\[\],"warnings":\[\]'
conf smtpd "listen = 192.0.2.77:1"
as pneu -C "$H" reload > "$T/out" 2>&1
is "pneu reload refuses an address of another machine" $? 100
like "and why" "$(cat "$T/out")" '^pneu.conf:[0-9]*: .*192.0.2.77:1: no interface'
cp -p "$T/good.conf" "$H/pneu.conf"

# The board of each new pool takes a descriptor, the room of one that has a port
# two, and a new address one.
conf smtpd "listen = 127.0.0.1:$(free_ports 1)"
room_for() { as prlimit --pid "$PNEU" --nofile="$(python3 -c 'import os, sys
used = set(map(int, os.listdir("/proc/%s/fd" % sys.argv[1])))
print([n for n in range(4096) if n not in used][int(sys.argv[2])])' "$PNEU" "$1")":4096; }
if room_for 3 2> "$T/prlimit"; then
	as pneu -C "$H" reload > "$T/out" 2>&1
	is "a reload that lacks descriptors may be tried again: 111" $? 111
	like "it says what stays" "$(cat "$T/out")" 'configuration 1 stays: pool of '
	room_for 12
	as pneu -C "$H" reload > "$T/out" 2>&1
	is "one that lacks the last of them, too" $? 111
	like "it says what stays" "$(cat "$T/out")" 'configuration 1 stays: \[smtpd\] listen on .*Too many open files'
	as prlimit --pid "$PNEU" --nofile=4096:4096
	is "the services were left alone" "$(pids_of queue-run)" "$old"
	like "status has the old one, all of it" "$(as pneu -C "$H" status)" '^  pneu .* configuration 1: ready'
	is "with no pool twice" "$(as pneu -C "$H" status | grep -c ' smtpd ')" 1
	check "and all is well" as pneu -C "$H" status
else
	skip "a reload that lacks descriptors" "$(cat "$T/prlimit")"
fi
cp -p "$T/good.conf" "$H/pneu.conf"
new=$(free_ports 1)
conf smtpd "banner = ESMTP second
listen = 127.0.0.1:$new"
is "pneu reload takes a right one" "$(as pneu -C "$H" reload 2>&1)" 'configuration 2 is in force'
is_second() { timeout 5 python3 "$D/talk.py" "$1" < /dev/null | grep -q '^220 .*second'; }
D=$(dirname "$0")
wait_for is_second "$SMTP"; ok $? "a new session has the new configuration"
wait_for is_second "$new"; ok $? "the new address is listened on"
echo 'EHLO test' >&7
wait_for grep -q '^250[ -]' "$T/heard"; ok $? "the old session goes on"
echo QUIT >&7
wait_for grep -q '^221 ' "$T/heard"; ok $? "and ends when its client wants"
exec 7>&-
printf 'NOOP\r\nQUIT\r\n' >&8
wait_for grep -q '^+OK bye' "$T/pop-heard"; ok $? "the other too" || diag "$(cat "$T/pop-heard")"
exec 8>&-
is "and what it deleted is gone" "$(ls "$M/new")" ""
well() { as pneu -C "$H" status --json | grep -q '"verdict".*true'; }
wait_for well; ok $? "all is well with the new configuration"
[ "$(pids_of queue-run)" != "$old" ]; ok $? "queue-run was started anew"
gone() { as pneu -C "$H" status | grep retires >> "$T/retires"; [ "$(ls "$H/run" | grep -c '^pneu.conf')" -eq 1 ]; }
wait_for gone; ok $? "snapshots that nobody reads are gone" || diag "$(tail -n 3 "$T/retires")"
soon "the journal has the good one" '^SR .*generation=2 outcome=ok' journal_text
soon "and the refused one" '^SR .*outcome=perm' journal_text

# The listen list is one key: take the new address away again.
sed -i "/^listen = 127.0.0.1:$new\$/d" "$H/pneu.conf"
as pneu -C "$H" reload > "$T/out"
refused() { ! python3 -c 'import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2)' "$new" 2> /dev/null; }
wait_for refused; ok $? "an address that is taken away is closed"
kill -STOP "$PNEU"; kill -HUP "$PNEU"; kill -TERM "$PNEU"; kill -CONT "$PNEU"
wait "$PNEU"; is "it reloads and stops with 0" $? 0
PNEU=
is "and leaves no copy of a configuration behind" "$(ls "$H/run" | grep '^pneu.conf')" ""

# SIGHUP while the queue's lock is held, so that tidying waits.
cp -p "$T/good.conf" "$H/pneu.conf"
mkfifo -m 666 "$T/hold" "$T/held"
as flock -s "$H/queue/lock" sh -c "echo > '$T/held'; cat '$T/hold'" > "$T/out" &
holder=$!
timeout "$LIMIT" cat "$T/held" > "$T/out"
rm -f "$T/ready"; mkfifo -m 666 "$T/ready"
_exec_as "$B/pneu" -C "$H" run > "$T/ready" 2>> "$T/pneu.err" &
PNEU=$!; exec 9< "$T/ready"
is_up() { as pneu -C "$H" status | grep -q ': starting'; }
wait_for is_up
like "a reload while the queue is tidied is taken" "$(as pneu -C "$H" reload 2>&1)" 'configuration 2 is in force'
is "and starts nothing that comes after the tidying" "$(pids_of resolve; pids_of smtpd)" ""
: > "$T/hold"; wait "$holder"
is "then all becomes ready" "$(timeout "$LIMIT" head -n 1 <&9)" ready
check "and well" as pneu -C "$H" status
stop_pneu; is "it stops with 0" $? 0

# SIGHUP before the tidying has read the copy that it was started with.
mkdir "$T/bin"
for p in "$B"/*; do [ -d "$p" ] || ln -s "$p" "$T/bin/"; done
rm "$T/bin/pneu" "$T/bin/queue" && cp "$B/pneu" "$T/bin/pneu"
mkfifo -m 666 "$T/begins" "$T/begin"
cat > "$T/bin/queue" <<X
#!/bin/sh
echo > "$T/begins"
cat "$T/begin"
exec "$B/queue" "\$@"
X
chmod 755 "$T/bin/queue" "$T/bin"
: > "$T/pneu.err"
_exec_as "$T/bin/pneu" -C "$H" run > "$T/ready" 2>> "$T/pneu.err" &
PNEU=$!; exec 9< "$T/ready"
timeout "$LIMIT" cat "$T/begins" > "$T/out"
is "a reload while the tidying begins is taken" "$(as pneu -C "$H" reload 2>&1)" 'configuration 2 is in force'
: > "$T/begin"
is "then all becomes ready" "$(timeout "$LIMIT" head -n 1 <&9)" ready
is "and the queue has been tidied" "$(grep 'going on without' "$T/pneu.err")" ""
wait_for gone; ok $? "the copy that it had is gone"
stop_pneu; is "it stops with 0" $? 0
done_testing
