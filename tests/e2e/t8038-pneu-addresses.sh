#!/bin/sh
# SPDX-License-Identifier: ISC
# What config check calls right can be bound; what cannot is refused with its line.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
make_home
cp -p "$H/pneu.conf" "$T/base.conf"
P=$(free_ports 1)
refused() { # refused TITLE TEXT SECTION LISTEN [SECTION LISTEN]
	_title=$1 _text=$2; shift 2
	cp -p "$T/base.conf" "$H/pneu.conf"
	while [ $# -gt 0 ]; do conf "$1" "listen = $2"; shift 2; done
	as pneu -C "$H" config check > "$T/out" 2> "$T/err"; is "$_title" $? 100
	like "with its line" "$(cat "$T/err")" "^pneu.conf:$(wc -l < "$H/pneu.conf"): .*$_text"
	as pneu -C "$H" run > "$T/out" 2>&1; is "a start refuses the same" $? 100
}
refused "one port in two services" "\[smtpd\] listens on 127.0.0.1:$P" smtpd "127.0.0.1:$P" pop3d "127.0.0.1:$P"
refused "in two roles" "\[smtpd\] listens on 127.0.0.1:$P" smtpd "127.0.0.1:$P" smtpd "127.0.0.1:$P submission"
refused "twice in one" "\[smtpd\] listens on 127.0.0.1:$P" smtpd "127.0.0.1:$P" smtpd "127.0.0.1:$P"
refused "the same port with a zero before it" "listen = 127.0.0.1:0$P: \[smtpd\] listens on 127.0.0.1:$P" smtpd "127.0.0.1:$P" smtpd "127.0.0.1:0$P"
refused "every address beside one of them" "\[smtpd\] listens on 127.0.0.1:$P" smtpd "127.0.0.1:$P" pop3d "0.0.0.0:$P"
refused "one beside every address" "\[smtpd submission\] listens on 0.0.0.0:$P" smtpd "0.0.0.0:$P submission" smtpd "127.0.0.1:$P"
refused "an address of another machine" "no interface of this machine" smtpd "192.0.2.77:$P"
if [ -e /proc/net/if_inet6 ]; then
	refused "every IPv6 address beside one of them" "\[smtpd\] listens on \[::1\]:$P" smtpd "[::1]:$P" smtpd "[::]:$P"
	refused "an IPv6 address in two forms" "\[smtpd\] listens on \[::1\]:$P" smtpd "[::1]:$P" smtpd "[0:0::0:1]:$P"
	refused "IPv4 in the clothes of IPv6" "listen = \[::ffff:127.0.0.1\]:$P: an IPv4 address is written without brackets" smtpd "[::ffff:127.0.0.1]:$P"
fi

# Right are those that look alike and do not meet.
cp -p "$T/base.conf" "$H/pneu.conf"
conf smtpd "listen = 0.0.0.0:$P"; [ ! -e /proc/net/if_inet6 ] || conf pop3d "listen = [::]:$P"
check "every IPv4 address beside every IPv6 address is right" as pneu -C "$H" config check
check "and starts" start_pneu
greets() { printf 'QUIT\r\n' | timeout 5 python3 "$D/talk.py" "$P" | grep -q '^220 '; }
check "SMTP answers there" greets
to() { # to TITLE LISTEN: in a reload
	cp -p "$T/base.conf" "$H/pneu.conf"; conf smtpd "listen = $2"
	like "$1" "$(as pneu -C "$H" reload 2>&1)" '^configuration [0-9]* is in force$'
	wait_for greets; ok $? "and SMTP answers there"
}
to "a reload may go from every address to one" "127.0.0.1:$P"
to "and back" "0.0.0.0:$P"
to "an address may be written in another form" "0.0.0.0:0$P"
cp -p "$T/base.conf" "$H/pneu.conf"; conf pop3d "listen = 127.0.0.1:$P"
like "and go to another service" "$(as pneu -C "$H" reload 2>&1)" '^configuration 5 is in force$'
pops() { printf 'QUIT\r\n' | timeout 5 python3 "$D/talk.py" "$P" | grep -q '^+OK'; }
wait_for pops; ok $? "that answers there"

# A port that another process holds: told at a reload, nothing changes.
other=$(free_ports 1)
mkfifo "$T/held"
hold() {
	python3 -c 'import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); print("held", flush=True); sys.stdin.read()' "$1" < "$T/held" > "$T/holds" &
	holder=$!; exec 6> "$T/held"
	wait_for grep -q held "$T/holds"
}
hold "$other"
cp -p "$H/pneu.conf" "$T/good.conf"; conf pop3d "listen = 127.0.0.1:$other"
as pneu -C "$H" reload > "$T/out" 2>&1
is "a port that another process holds is refused by the supervisor" $? 100
like "and why" "$(cat "$T/out")" "configuration 5 stays: \[pop3d\] listen on 127.0.0.1:$other: .*another process listens there"
check "what was served is served still" pops
exec 6>&-; wait "$holder"
cp -p "$T/good.conf" "$H/pneu.conf"
stop_pneu; is "it stops with 0" $? 0

# As processes of a supervisor that was killed do, which still close theirs.
hold "$P"
mkfifo -m 666 "$T/starts"
_exec_as "$B/pneu" -C "$H" run > "$T/starts" 2> "$T/err" 6>&- &
PNEU=$!; exec 9< "$T/starts"
locked() { grep -q "^$PNEU$" "$H/run/pneu.pid"; }
wait_for locked; ok $? "a start finds its port taken for a moment"
exec 6>&-; wait "$holder"
is "waits for it, and becomes ready" "$(timeout "$LIMIT" head -n 1 <&9)" ready || diag "$(cat "$T/err")"
stop_pneu; is "and stops with 0" $? 0
done_testing
