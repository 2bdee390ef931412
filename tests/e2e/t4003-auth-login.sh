#!/bin/sh
# SPDX-License-Identifier: ISC
# auth: names, passwords, tickets, and what a login costs.
. "$(dirname "$0")/lib.sh"

H=$T/home
mkdir -p "$H/directory" "$H/secrets" "$H/mail" "$H/run"
printf '[resolve]\ndomain = example.org\n' > "$H/pneu.conf"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H"
printf 'open sesame\n' | as directory -C "$H" add Bob@example.org --password-stdin --alias=info > "$T/out"
as directory -C "$H" add mute@example.org > "$T/out"
ask() { printf '%s\n' "$@" | as auth -C "$H" 2> "$T/err"; }
ticketless() { sed 's/ticket=[0-9a-f]\{80\}$/ticket/'; }

is "the right password is answered with identity, mailbox and ticket" \
	"$(ask 'auth user=bob@example.org password=open%20sesame ip=192.0.2.7 service=pop3' | ticketless)" \
	'ok user=Bob@example.org path=example.org/bob ticket'
is "the name counts in any case, and without the first domain" \
	"$(ask 'auth user=BOB@Example.ORG password=open%20sesame service=pop3' 'auth user=bob password=open%20sesame service=pop3' | ticketless | sort -u)" \
	'ok user=Bob@example.org path=example.org/bob ticket'
is "who does not ask for a mailbox gets none" "$(ask 'auth user=bob password=open%20sesame service=smtp')" 'ok user=Bob@example.org'
is "all else is refused in the same words" \
	"$(ask 'auth user=bob password=open' 'auth user=ann password=open%20sesame' \
	'auth user=mute password=open%20sesame' 'auth user=info password=open%20sesame' \
	'auth user=bob@example.net password=open%20sesame' \
	'auth user= password=open%20sesame' | sort | uniq -c | tr -s ' ')" \
	' 6 perm code=5.7.8 text=user%20name%20or%20password%20is%20wrong'
is "a password that cannot be one is told as that, of whomever" \
	"$(ask 'auth user=bob password=' 'auth user=ann password=' 'auth user=bob password=a%09b' \
	"auth user=bob password=$(printf '%0249d' 7)" | cut -d' ' -f3 | uniq -c | tr -s ' ')" \
	' 2 text=the%20password%20is%20empty
 1 text=the%20password%20has%20a%20control%20character%20(as%20TAB%20is),%20which%20no%20POP3%20client%20can%20send
 1 text=the%20password%20is%20over%20248%20octets,%20which%20no%20POP3%20client%20can%20send'
printf 'gone\n' | as directory -C "$H" add gone@example.org --password-stdin > "$T/out"
: > "$H/mail/example.org/gone/new/1.x"
as directory -C "$H" remove gone@example.org > "$T/out"
like "a removed user may fetch, and send nothing" \
	"$(ask 'auth user=gone password=gone service=pop3' 'auth user=gone password=gone service=smtp' | cut -d' ' -f1 | tr '\n' ' ')" \
	'^ok perm $'
is "and no salt says so" "$(ask 'scram user=gone service=pop3' 'scram user=gone service=smtp' | uniq -c | awk '{ print $1, $2 }')" '2 ok'

cost() { # LINE N: microseconds of CPU that an answer takes, the first one left out
	python3 - "$1" "$2" "$B/auth" -C "$H" <<'X'
import subprocess, sys, time
line, n = sys.argv[1].encode() + b"\n", int(sys.argv[2])
p = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
p.stdin.write(line); p.stdin.flush(); p.stdout.readline()
used = lambda: time.clock_gettime(~p.pid << 3 | 2) # its CPU clock: clock_getcpuclockid(3)
a = used()
for _ in range(n):
    p.stdin.write(line); p.stdin.flush(); p.stdout.readline()
print(int((used() - a) * 1000000 / n))
p.stdin.close(); p.wait()
X
}
wrong=$(cost 'auth user=bob password=x' 5)
unknown=$(cost 'auth user=nobody password=x' 5)
again=$(cost 'auth user=bob password=open%20sesame' 50)
diag "wrong password $wrong us, unknown user $unknown us, repeated login $again us"
[ "$unknown" -gt $((wrong / 3)) ] && [ "$unknown" -lt $((wrong * 3)) ]
ok $? "an unknown user costs what a wrong password costs"
[ "$again" -lt $((wrong / 10)) ]
ok $? "a repeated login costs a hash"

printf 'other\n' | as directory -C "$H" passwd bob@example.org --password-stdin > "$T/out"
is "a new password counts, the old one does not" \
	"$(ask 'auth user=bob password=open%20sesame' 'auth user=bob password=other' | cut -d' ' -f1 | tr '\n' ' ')" \
	'perm ok '

# Two processes with one key agree on a ticket; alone each has its own.
printf '%032d' 7 > "$T/key"; chmod 644 "$T/key"
for _ in 1 2; do
	echo 'auth user=bob password=other service=pop3' | PNEU_TICKET_KEY=5 \
		as auth -C "$H" 5< "$T/key" 2> "$T/err" | sed 's/.*ticket=//'
done > "$T/tickets"
is "a key on a descriptor makes the tickets of all processes alike" \
	"$(python3 - "$T/key" "$T/tickets" <<'X'
import hashlib, sys
key = open(sys.argv[1], "rb").read()
for line in open(sys.argv[2]):
    ticket = bytes.fromhex(line) # an expiry, and what the key makes of it
    print(ticket[8:] == hashlib.blake2b(b"Bob@example.org\0example.org/bob\0" + ticket[:8],
        key=key, digest_size=32).digest())
X
)" "True
True"
is "without it each draws its own" "$(for _ in 1 2; do
	ask 'auth user=bob password=other service=pop3' | sed 's/.*ticket=.\{16\}//'; done |
	sort -u | wc -l)" 2
echo 'auth user=bob password=other' | PNEU_TICKET_KEY=77 as auth -C "$H" > "$T/out" 2>&1
is "a descriptor that is not open is a failure, not a key" "$?" 111
! grep -q 'other\|sesame' "$H/secrets/secrets" "$H/secrets/secrets.cdb" "$T/err"
ok $? "no password is on disk or in a message"
done_testing
