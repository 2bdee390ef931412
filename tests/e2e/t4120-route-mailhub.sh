#!/bin/sh
# SPDX-License-Identifier: ISC
# All mail goes to the mailhub: a domain by its MX, a host or an address in
# brackets, a port behind it. When it is not to be found, mail waits.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/dns.sh"
dns_begin
zone hub.example '@ MX 20 b
@ MX 10 a
@ A 198.51.100.9
a A 198.51.100.1
b A 198.51.100.2
null MX 0 .'
dns_start
make_home
conf route "resolver = 127.0.0.1@$DNS"
hub() { # hub TEXT: what is answered for example.net then
	grep -v '^mailhub' "$H/pneu.conf" > "$T/conf"
	{ cat "$T/conf"; echo "mailhub = $1"; } > "$H/pneu.conf"
	echo route domain=example.net | timeout 30 route -C "$H" 2> "$T/err" | grep -v ^end
}
up() { hub hub.example | grep -q ^host; }
wait_for up; ok $? "the DNS server answers"
is "a domain, by its MX" "$(hub hub.example:587)" \
	'hosts domain=example.net source=mailhub tls=may port=587
host name=a.hub.example ip=198.51.100.1 pref=10
host name=b.hub.example ip=198.51.100.2 pref=20'
is "in brackets that host alone" "$(hub '[hub.example]')" \
	'hosts domain=example.net source=mailhub tls=may port=25
host name=hub.example ip=198.51.100.9'
is "an address, also of this machine at another port" "$(hub '[127.0.0.1]:10025')" \
	'hosts domain=example.net source=mailhub tls=may port=10025
host ip=127.0.0.1'
like "this machine at port 25 would be a loop" "$(hub '[127.0.0.1]')" '^temp domain=example.net code=4.4.3 '
like "one that is not there is no reason to return mail" "$(hub gone.hub.example)" '^temp domain=example.net code=4.4.3 '
like "nor one that takes none" "$(hub null.hub.example)" '^temp domain=example.net code=4.4.3 '
hub 'hub.example:0' > "$T/out"
like "a wrong one ends it" "$(cat "$T/err")" '\[route\] mailhub = hub.example:0: a domain'
as pneu -C "$H" config check > "$T/out" 2>&1
like "and is told before" "$(cat "$T/out")" 'pneu.conf:[0-9]+: \[route\] mailhub = hub.example:0: a domain'
hub gone.hub.example > "$T/out"
start_pneu; ok $? "a system whose mailhub is gone becomes ready"
ask() { printf 'route domain=example.net\nroute domain=example.com\n' | as nc -UN "$H/run/route"; }
soon "it answers temp" '^temp domain=example.com code=4.4.3 ' ask
soon "with an alarm" '^XX .*mailhub%20gone.hub.example' journal_text
is "one, however often it is met" "$(journal_text | grep -c '^XX .*mailhub%20gone')" 1
stop_pneu; is "it stops with 0" $? 0
done_testing
