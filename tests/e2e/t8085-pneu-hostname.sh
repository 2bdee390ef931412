#!/bin/sh
# SPDX-License-Identifier: ISC
# A machine whose name is no host name: said, and never passed on.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
named() { # named NAME COMMAND...: on a machine of this name, as who we are
	_name=$1; shift
	as unshare --user --map-root-user --uts python3 -c 'import os, socket, sys
socket.sethostname(sys.argv[1])
os.execvp("unshare", ["unshare", "--user", "--map-user=" + sys.argv[2], "--map-group=" + sys.argv[3], *sys.argv[4:]])' \
	    "$_name" "$(as id -u)" "$(as id -g)" "$@"
}
[ "$(named 'a b' uname -n 2>&1)" = 'a b' ] || skip_all "no namespace of machine names for us here"
make_home
sed -i '/^hostname/d' "$H/pneu.conf"
said="^pneu.conf: warning: this machine's name is no host name: '(\(none\)|a b|my_host)'; localhost.example.org is used in its place: set \[pneu\] hostname$"
for name in '(none)' 'a b' my_host; do
	like "config check says that '$name' is none" "$(named "$name" pneu -C "$H" config check 2>&1)" "$said"
	like "smtpd does not pass it on" "$(printf 'EHLO x\r\nQUIT\r\n' | named "$name" smtpd -C "$H" 2>&1)" '^220 localhost.example.org ESMTP'
done
like "a good one stands as it is" "$(printf 'QUIT\r\n' | named pc.example.net smtpd -C "$H" 2>&1)" '^220 pc.example.net ESMTP'
is "of which nothing is said" "$(named pc.example.net pneu -C "$H" config check 2>&1)" "pneu.conf: OK"

# A start says it too, and serves.
rm -f "$T/ready"; mkfifo -m 666 "$T/ready"
named my_host pneu -C "$H" run > "$T/ready" 2> "$T/err" &
starter=$!
exec 9< "$T/ready"
is "a start goes on" "$(timeout "$LIMIT" head -n 1 <&9)" ready
like "and says it" "$(cat "$T/err")" "$said"
as pneu -C "$H" stop > "$T/out" 2>&1
wait "$starter"; is "it stops with 0" $? 0

printf '[pneu]\nhostname = my_host\n' >> "$H/pneu.conf"
printf 'QUIT\r\n' | as smtpd -C "$H" > "$T/out" 2>&1
is "what is set is refused by every program" $? 100
like "with its line" "$(cat "$T/out")" "^pneu.conf:$(wc -l < "$H/pneu.conf"): \[pneu\] hostname = my_host: not a host name"
done_testing
