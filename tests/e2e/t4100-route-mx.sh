#!/bin/sh
# SPDX-License-Identifier: ISC
# Where mail for a domain goes, by a real DNS server: MX records in their order,
# a domain without, one that takes no mail, hosts that are this machine or
# nobody's; and what the DNS cannot say is never a reason to return mail.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/dns.sh"
dns_begin
zone mx.example '@ MX 20 b
@ MX 10 a
@ MX 30 c
@ A 198.51.100.100
a A 198.51.100.1
b A 198.51.100.2
c CNAME b2
b2 A 198.51.100.3
plain A 198.51.100.4
plain AAAA 2001:db8::4
empty TXT "nothing else"
bare MX 10 gone
alias CNAME mx.example.
round CNAME round2
round2 CNAME round
one MX 10 gone
one MX 20 a
part MX 10 host.broken.example.
part MX 20 gone
half MX 10 host.broken.example.
half MX 20 a
literal MX 10 198.51.100.9.'
zone null.example '@ MX 0 .
@ A 198.51.100.100'
zone dotted.example '@ MX 0 .
@ MX 10 a.mx.example.'
zone loop.example '@ MX 10 a.mx.example.
@ MX 20 MX.example.org.
@ MX 20 b.mx.example.
@ MX 30 c.mx.example.
self MX 5 mx.example.org.
self MX 10 a.mx.example.
outside MX 10 a.mx.example.
outside MX 20 nat
outside MX 30 b.mx.example.
natted MX 5 other.example.org.
nat A 198.51.100.77
here A 127.0.0.1
never MX 10 host.never
host.never A 127.0.0.9
host.never AAAA fe80::1
mapped AAAA ::ffff:127.0.0.9'
zone equal.example '@ MX 10 a.mx.example.
@ MX 10 b.mx.example.
@ MX 10 c.mx.example.'
broken_zone broken.example
dns_start
make_home
conf route "resolver = 127.0.0.1@$DNS
mail_timeout = 5s
own = 198.51.100.77
own = other.example.org"
ask() { timeout 30 route -C "$H" 2> "$T/route.err"; }
route_of() { printf 'route domain=%s\n' "$@" | ask; }
hosts_of() { route_of "$1" | sed -n 's/^host name=\([^ ]*\) ip=\([^ ]*\).*/\1 \2/p'; }
up() { route_of mx.example | grep -q '^end'; }
wait_for up; ok $? "the DNS server answers"

is "MX: the lowest preference first; an alias counts by its addresses" "$(route_of mx.example)" \
	'hosts domain=mx.example source=mx tls=may port=25
host name=a.mx.example ip=198.51.100.1 pref=10
host name=b.mx.example ip=198.51.100.2 pref=20
host name=c.mx.example ip=198.51.100.3 pref=30
end domain=mx.example'
is "a domain that is an alias: the MX of what it stands for" "$(hosts_of alias.mx.example | head -n 1)" \
	'a.mx.example 198.51.100.1'
is "no MX: the domain's own addresses, IPv4 and IPv6" "$(route_of plain.mx.example | sort)" \
	'end domain=plain.mx.example
host name=plain.mx.example ip=198.51.100.4
host name=plain.mx.example ip=2001:db8::4
hosts domain=plain.mx.example source=implicit tls=may port=25'
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	hosts_of equal.example | head -n 1
done | sort -u > "$T/first"
[ "$(wc -l < "$T/first")" -gt 1 ]; ok $? "among equals another one is the first at times"
is "a host without address is left out" "$(hosts_of one.mx.example)" 'a.mx.example 198.51.100.1'
is "and so is one whose name server fails, when there is another" "$(hosts_of half.mx.example)" 'a.mx.example 198.51.100.1'
is "null MX beside another is no null MX" "$(hosts_of dotted.example)" 'a.mx.example 198.51.100.1'

answers() { # answers TITLE DOMAIN ERE
	like "$1" "$(route_of "$2")" "^$3"
}
answers "null MX: it takes no mail" null.example 'perm domain=null.example code=5.1.10 '
answers "no such domain" gone.mx.example 'perm domain=gone.mx.example code=5.1.2 '
answers "a domain with neither MX nor address" empty.mx.example 'perm .* code=5.4.4 '
answers "MX without one address" bare.mx.example 'perm .* code=5.4.4 '
answers "MX that is an address" literal.mx.example 'perm .* code=5.4.4 '
answers "aliases in a circle" round.mx.example 'temp .* code=4.4.3 '
answers "SERVFAIL" broken.example 'temp domain=broken.example code=4.4.3 '
answers "SERVFAIL of the only host that there may be" part.mx.example 'temp .* code=4.4.3 '
answers "a zone that the server does not have (REFUSED)" unknown.test 'temp .* code=4.4.3 '

is "a loop: this machine and all behind it are left out" "$(hosts_of loop.example)" 'a.mx.example 198.51.100.1'
answers "this machine is the first: a loop" self.loop.example 'perm .* code=5.4.6 '
answers "by another of its names" natted.loop.example 'perm .* code=5.4.6 '
answers "by an address of its interfaces" here.loop.example 'perm .* code=5.4.6 '
is "by its address outside of a NAT" "$(hosts_of outside.loop.example)" 'a.mx.example 198.51.100.1'
answers "nobody's addresses: loopback, link-local" never.loop.example 'perm .* code=5.4.4 '
answers "not even as IPv4 in IPv6" mapped.loop.example 'perm .* code=5.4.4 '

is "an address in place of a domain" "$(route_of '[198.51.100.7]' '[IPv6:2001:db8::7]' | grep -v ^end)" \
	'hosts domain=[198.51.100.7] source=literal tls=may port=25
host ip=198.51.100.7
hosts domain=[IPv6:2001:db8::7] source=literal tls=may port=25
host ip=2001:db8::7'
answers "none that mail is never sent to" '[127.0.0.9]' 'perm .* code=5.4.4 '
answers "what is in brackets and no address" '[198.51.100]' 'perm .* code=5.1.2 '
answers "a name that is none of the DNS" 'a..b' 'perm .* code=5.1.2 '
is "many at once are answered in order" \
	"$(route_of null.example mx.example broken.example '[198.51.100.7]' | sed -n 's/^\(perm\|temp\|hosts\) domain=\([^ ]*\).*/\1 \2/p')" \
	'perm null.example
hosts mx.example
temp broken.example
hosts [198.51.100.7]'
like "explain says what each host is" "$(echo 'explain domain=loop.example' | ask)" \
	'^step rule=mx text=20%20mx.example.org:%20this%20machine$'

dns -STOP
answers "a DNS server that is silent" silent.mx.example 'temp domain=silent.mx.example code=4.4.3 '
dns -CONT
again() { route_of mx.example | grep -q '^end'; }
wait_for again; ok $? "until it speaks again"
done_testing
