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
is "a stage that does not exist is an error" "$(as pneu -C "$H" config check 2>&1; echo $?)" \
"pneu config: [resolve] program = $T/nowhere: No such file or directory
100"
as pneu -C "$H" reload > "$T/out" 2>&1
is "and is not taken" $? 100
cp -p "$T/good.conf" "$H/pneu.conf"
conf smtpd "listen = 192.0.2.77:1"
as pneu -C "$H" reload > "$T/out" 2>&1
is "pneu reload says when the supervisor refuses" $? 100
like "and where the reason is" "$(cat "$T/out")" 'configuration 1 stays: .*--code=SR'
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
like "the journal has the good one" "$(grep -h '^SR ' "$H"/journal/*)" 'generation=2 outcome=ok'
like "and the refused one" "$(grep -h '^SR ' "$H"/journal/*)" 'outcome=perm'

# The listen list is one key: take the new address away again.
sed -i "/^listen = 127.0.0.1:$new\$/d" "$H/pneu.conf"
as pneu -C "$H" reload > "$T/out"
refused() { ! python3 -c 'import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2)' "$new" 2> /dev/null; }
wait_for refused; ok $? "an address that is taken away is closed"
stop_pneu; is "it stops with 0" $? 0
done_testing
