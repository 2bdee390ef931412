#!/bin/sh
# SPDX-License-Identifier: ISC
# As many addresses as may be, other ones after a reload, and one too many.
. "$(dirname "$0")/lib.sh"
make_home
cp -p "$H/pneu.conf" "$T/base.conf"
listen_on() { # listen_on N: on so many addresses besides the first two
	cat "$T/base.conf" > "$H/pneu.conf"
	printf '[smtpd]\nstart = 1\nmin_idle = 1\n' >> "$H/pneu.conf"
	printf 'listen = 127.0.0.1:%s\n' $(free_ports "$1") >> "$H/pneu.conf"
}
most=52 # and two, and ten of our own: 64
listen_on $most
check "the system becomes ready on 64 sockets" start_pneu
services() { as pneu -C "$H" status --json | grep -c '"name":"smtpd".*"state":"ready"'; }
is "SMTP is served on each of its own" "$(services)" $((most + 1))
is "the same again are taken" "$(as pneu -C "$H" reload 2>&1)" 'configuration 2 is in force'
settled() { as pneu -C "$H" status > "$T/status" 2>&1 && ! grep -q ' retires ' "$T/status"; }
wait_for settled; ok $? "and served" || diag "$(cat "$T/status")"
listen_on $most
is "as many others are taken" "$(as pneu -C "$H" reload 2>&1)" 'configuration 3 is in force'
wait_for settled; ok $? "and served" || diag "$(cat "$T/status")"
listen_on $((most + 1))
as pneu -C "$H" reload > "$T/out" 2>&1
is "one more is refused" $? 100
like "and named" "$(cat "$T/out")" '^pneu.conf:[0-9]*: .*listen = 127.0.0.1:[0-9]* is one too many: at most 64'
is "what was served is served still" "$(services)" $((most + 1))
stop_pneu; is "it stops with 0" $? 0
done_testing
