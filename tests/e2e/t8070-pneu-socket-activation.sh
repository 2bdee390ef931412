#!/bin/sh
# SPDX-License-Identifier: ISC
# Each service started by a connection: under systemd's socket activation
# (fd 3 listens, LISTEN_FDS=1) and under an inetd (fd 0 is the connection).
. "$(dirname "$0")/lib.sh"
make_home
TALK="python3 $(dirname "$0")/talk.py"
Q=01JDA000000000000000000000

# What is asked of each, and what it has to answer.
words() {
	case $1 in
	resolve) echo "resolve to=postmaster@example.org" ;;
	auth) echo "auth user=nobody@example.org password=x" ;;
	queue-add)
		echo "add qid=$2 from=<a@example.net>"
		echo "to path=<postmaster@example.org>"
		printf 'data size=18\nSubject: x\r\n\r\nhi\r\nend\n'
		;;
	deliver-mailbox) echo hello ;;
	pop3-session) ;;
	queue-run) echo "release qid=$Q" ;;
	smtpd) ;; # who talks before the greeting is refused
	pop3d) echo QUIT ;;
	esac
}
wanted() {
	case $1 in
	resolve) echo '^deliver to=postmaster@example.org transport=mailbox nexthop=' ;;
	auth) echo '^perm .*code=5\.7\.8' ;;
	queue-add) echo "^ok qid=$2" ;;
	deliver-mailbox) echo '^ok' ;;
	pop3-session) echo '^<closed>' ;;
	queue-run) echo '^(ok|perm|temp) qid=' ;;
	smtpd) echo '^220 ' ;;
	pop3d) echo '^\+OK' ;;
	esac
}
SERVICES="resolve auth queue-add deliver-mailbox pop3-session queue-run smtpd pop3d"
where() { case $1 in smtpd) echo "$SMTP" ;; pop3d) echo "$POP" ;; *) echo "$H/run/$1" ;; esac; }
try() { # try SERVICE QID HOW: our side stays open until the answer is there
	: > "$T/answer"
	{
		words "$1" "$2"
		[ "$1" = pop3-session ] || wait_for test -s "$T/answer"
	} | as timeout "$LIMIT" $TALK "$(where "$1")" > "$T/answer"
	like "$1 answers under $3" "$(cat "$T/answer")" "$(wanted "$1" "$2")"
}
listens() { # a socket's line in the kernel's table; no connection is made
	case $1 in
	*/*) grep -q " 00010000 .* $1\$" /proc/net/unix ;;
	*) grep -q " 0100007F:$(printf %04X "$1") 00000000:0000 0A " /proc/net/tcp ;;
	esac
}
end() { kill -TERM "$1" 2> /dev/null; wait "$1" 2> /dev/null; }

if command -v systemd-socket-activate > /dev/null; then
	for s in $SERVICES; do
		w=$(where "$s")
		case $w in */*) rm -f "$w"; a=$w ;; *) a=127.0.0.1:$w ;; esac
		_exec_as systemd-socket-activate -l "$a" "$B/$s" -C "$H" \
		    > "$T/activate" 2>&1 &
		p=$!
		wait_for listens "$w" || diag "$(cat "$T/activate")"
		try "$s" "${Q}" systemd-socket-activate
		end "$p"
		rm -f "$H/run/$s"
	done
else
	skip "each service under systemd-socket-activate" "package systemd is missing"
fi

if command -v inetd > /dev/null; then
	me=nobody; [ "$(id -u)" -eq 0 ] || me=$(id -un)
	for s in $SERVICES; do
		w=$(where "$s")
		case $w in
		*/*) rm -f "$w"; echo "$w stream unix nowait $me $B/$s $s -C $H" ;;
		*) echo "127.0.0.1:$w stream tcp nowait $me $B/$s $s -C $H" ;;
		esac
	done > "$T/inetd.conf"
	# -d stays in the foreground
	_exec_as inetd -d "$T/inetd.conf" > "$T/inetd" 2>&1 &
	p=$!
	Q2=01JDA000000000000000000001
	for s in $SERVICES; do
		wait_for listens "$(where "$s")" || diag "$(tail -n 5 "$T/inetd")"
		try "$s" "$Q2" inetd
	done
	end "$p"
	left() { pgrep -f -a -- " -C $H\$"; }
	none_left() { ! left; }
	wait_for none_left; ok $? "each ends with its connection" || diag "$(left)"
else
	skip "each service under inetd" "package openbsd-inetd is missing"
fi

# The whole system on systemd's sockets: taken over by their addresses.
rm -f "$H/run/resolve"
conf smtpd "start = 1
min_idle = 1
max = 1"
if command -v systemd-socket-activate > /dev/null; then
	mkfifo -m 666 "$T/ready"
	exec 9<> "$T/ready" # neither end waits for the other
	_exec_as systemd-socket-activate -l "127.0.0.1:$SMTP" -l "$H/run/resolve" \
	    "$B/pneu" -C "$H" run > "$T/ready" 2> "$T/pneu.err" &
	PNEU=$!
	wait_for listens "$SMTP"
	mkfifo "$T/say"
	exec 7<> "$T/say"
	$TALK "$SMTP" < "$T/say" > "$T/heard" 7>&- &
	is "pneu run takes systemd's sockets, and is ready with all workers busy" "$(timeout "$LIMIT" head -n 1 <&9)" ready
	wait_for grep -q '^220 ' "$T/heard"
	ok $? "the connection that started it is served"
	check "a reload keeps them" as pneu -C "$H" reload
	wait_for grep -q 'configuration 2 is in force' "$T/pneu.err"
	ok $? "and takes the configuration"
	echo QUIT >&7
	exec 7>&-
	stop_pneu; is "it stops with 0" $? 0

	other=$(free_ports 1)
	rm -f "$H/run/resolve"
	_exec_as systemd-socket-activate -l "127.0.0.1:$other" "$B/pneu" -C "$H" run \
	    > "$T/out" 2>&1 &
	p=$!
	wait_for listens "$other"
	echo | timeout "$LIMIT" $TALK "$other" > /dev/null 2>&1
	wait "$p"
	is "a socket that no service wants is refused" $? 100
	like "and named" "$(cat "$T/out")" "127.0.0.1:$other, and no service listens"
fi
done_testing
