#!/bin/sh
# SPDX-License-Identifier: ISC
# Block lists against a real DNS server: who is listed is refused with the
# list's own words; a list that is broken, silent or gone refuses nobody.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/dns.sh"
dns_begin
V6=0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0
zone bl.example '2.0.0.127 A 127.0.0.2
2.0.0.127 TXT "listed, see http://bl.example/?ip=127.0.0.2" "\010end"
9.0.0.127 A 127.0.0.9
7.'$V6'.8.b.d.0.1.0.0.2 A 127.0.0.2
2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 A 127.0.0.2'
zone refuse.example '2.0.0.127 A 127.0.0.2
5.0.0.127 A 127.255.255.254'
zone odd.example '2.0.0.127 A 127.0.0.2
6.0.0.127 A 127.7.7.7'
zone every.example '* A 127.0.0.2'
zone parked.example '* A 192.0.2.80'
zone empty.example ''
broken_zone broken.example
dns_start
make_home
conf route "resolver = 127.0.0.1@$DNS
timeout = 500ms
self_test = 1s"
lists() { # lists LINE...: the configuration has these
	grep -v '^rbl =' "$H/pneu.conf" > "$T/conf"
	cat "$T/conf" > "$H/pneu.conf"
	for _l; do echo "rbl = $_l" >> "$H/pneu.conf"; done
}
conf connect "rbl_timeout = 2s"
ask() { timeout 20 route -C "$H" 2> "$T/route.err"; }
q() { printf 'block ip=%s zone=%s\n' "$@"; }
up() { q 127.0.0.2 bl.example | ask | grep -q ^listed; }
wait_for up; ok $? "the DNS server answers"

# As a filter.
is "listed, with the reason of the list" "$(q 127.0.0.2 bl.example | ask)" \
	'listed ip=127.0.0.2 zone=bl.example code=127.0.0.2 text=listed,%20see%20http://bl.example/?ip=127.0.0.2?end'
is "IPv6 by its nibbles; codes of one's own; answers in order" \
	"$(q 2001:db8::7 bl.example 127.0.0.9 'bl.example codes=127.0.0.2' 127.0.0.9 bl.example 127.0.0.3 bl.example | ask)" \
	'listed ip=2001:db8::7 zone=bl.example code=127.0.0.2
unlisted ip=127.0.0.9 zone=bl.example
listed ip=127.0.0.9 zone=bl.example code=127.0.0.9
unlisted ip=127.0.0.3 zone=bl.example'
is "a refusal, an unknown code, SERVFAIL" \
	"$(q 127.0.0.5 refuse.example 127.0.0.6 odd.example 127.0.0.2 broken.example | ask)" \
	'broken ip=127.0.0.5 zone=refuse.example why=it%20answered%20127.255.255.254,%20which%20says%20that%20it%20refuses%20the%20question
broken ip=127.0.0.6 zone=odd.example why=it%20answered%20127.7.7.7,%20which%20is%20no%20code%20of%20a%20block%20list
temp ip=127.0.0.2 zone=broken.example code=4.4.3 text=the%20DNS%20has%20no%20answer'
q 1 bl.example | ask > "$T/out"
is "what is no address ends it with 111" "$? $(cat "$T/out" "$T/route.err")" "111 route: block: no address"
lists bl.example every.example parked.example empty.example broken.example
{ q 127.0.0.3 bl.example; echo lists; } | ask | sed 's/ asked.*why/ why/' > "$T/out"
is "lists are tested before anybody is looked for" "$(head -n 2 "$T/out")" \
	'unlisted ip=127.0.0.3 zone=bl.example
list state=good zone=bl.example asked=1 listed=0 broken=0 failed=0 v6=1'

# In a system.
check "the system becomes ready" start_pneu
cat > "$T/greet.py" <<'X'
import socket, sys, time
begin = time.monotonic()
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60, (sys.argv[2], 0))
print(s.recv(512).decode().strip())
print("slow" if time.monotonic() - begin > 10 else "in time", file=sys.stderr)
X
greet() { python3 "$T/greet.py" "$SMTP" "$1" 2> "$T/late"; }
status() { as pneu -C "$H" status; }
soon "status has a good list" '^  block list bl.example: good, ' status
soon "a list that has everybody is off" '^! block list every.example: off: it lists 127.0.0.1' status
soon "so is a parked domain" '^! block list parked.example: off: it lists 127.0.0.2 by no code' status
soon "and an empty one" '^! block list empty.example: off: it does not list 127.0.0.2' status
soon "and one that answers SERVFAIL" '^! block list broken.example: off: its self-test .* was not answered' status
soon "each is an alarm" '^XX .*block%20list%20parked.example%20is%20off' journal_text
is "who is listed is refused, with the reason" "$(greet 127.0.0.2)" \
	"554 5.7.1 127.0.0.2 is listed in bl.example: listed, see http://bl.example/?ip=127.0.0.2?end"
soon "in the journal, too" '^9S .*rule=rbl reply=554 code=5.7.1 ip=127.0.0.2 .*bl.example' journal_text
like "who is not is greeted" "$(greet 127.0.0.3)" '^220 '
like "so is this machine" "$(greet 127.0.0.1)" '^220 '

lists refuse.example "odd.example 127.0.0.2" bl.example
check "a reload takes other lists" reload_pneu
good() { [ "$(status | grep -c '^  block list .*: good')" -eq 3 ]; }
wait_for good; ok $? "they pass their self-test"
like "the first of them that lists is named" "$(greet 127.0.0.2)" '^554 .* in refuse.example'
like "a refusal to answer refuses nobody" "$(greet 127.0.0.5)" '^220 '
soon "it is an alarm" '^XX .*refuse.example%20is%20off:.*127.255.255.254' journal_text
like "a code nobody knows refuses nobody" "$(greet 127.0.0.6)" '^220 '
soon "nor is it kept silent" '^XX .*odd.example%20is%20off:.*127.7.7.7' journal_text
wait_for good; ok $? "both are used again when they pass their test"

dns -STOP
for i in 10 11 12 13 14 15 16; do
	like "a silent DNS lets 127.0.0.$i in" "$(greet 127.0.0.$i)" '^220 '
	is "in time" "$(cat "$T/late")" "in time"
done
soon "and the lists are off" '^! block list bl.example: off: ' status
dns -CONT
wait_for good; ok $? "until it speaks again"
kill -STOP "$(pids_of route)"
like "a route that hangs lets clients in" "$(greet 127.0.0.2)" '^220 '
is "in time, too" "$(cat "$T/late")" "in time"
kill -CONT "$(pids_of route)"
refused() { greet 127.0.0.2 | grep -q ^554; }
wait_for refused; ok $? "then it is asked again"
kill -KILL "$(pids_of route)"
wait_for refused; ok $? "one that died is started anew"

# What is wrong is told where it stands.
conf connect "rbl = 192.0.2.1 x"
conf route "resolver = dns.example"
as pneu -C "$H" config check > "$T/out" 2>&1
like "a wrong code is an error" "$(cat "$T/out")" 'pneu.conf:[0-9]+: \[connect\] rbl = 192.0.2.1 x: x is no code'
like "and a wrong resolver" "$(cat "$T/out")" 'pneu.conf:[0-9]+: \[route\] resolver = dns.example: an address'
stop_pneu; is "it stops with 0" $? 0
done_testing
