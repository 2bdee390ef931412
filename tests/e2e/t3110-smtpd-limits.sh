#!/bin/sh
# SPDX-License-Identifier: ISC
# [limit]: how much clients may do in a minute and in an hour, over all workers.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
# All counts begin anew when the hour does: not in the midst of this.
is_early() { [ $(($(date +%s) % 3600)) -lt 3570 ]; }
wait_for is_early
make_home
add_user bob@example.org pw > "$T/out"
cp -p "$H/pneu.conf" "$T/base.conf"
conf smtpd "max_errors = 1000
sessions = 3"
conf limit "client = 12 connections/hour, 5 messages/hour, 8 recipients/hour, 2 relayed/hour, 20 failures/hour
v4_bits = 24
delay_pct = 60
delay = 50ms"
conf relay "allow = all"
conf "limit submission" "client = 1 connections/hour"
check "the configuration is right" as pneu -C "$H" config check
check "the system becomes ready" start_pneu

cat > "$T/say.py" <<'END'
import socket, sys
port, address = int(sys.argv[1]), sys.argv[2]
s = socket.create_connection(("127.0.0.1", port), 20, (address, 0))
f = s.makefile("rb")
def reply():
    while True:
        line = f.readline().decode()
        if line[3:4] != "-":
            return line.strip()
print(reply())
for line in sys.argv[3:]:
    s.sendall(line.encode() + b"\r\n")
    print(reply())
END
say() { timeout "$LIMIT" python3 "$T/say.py" "$SMTP" "$@" 2>&1; }
codes() { cut -c1-9 | sort | uniq -c | sed 's/^ *//' | tr '\n' ';'; }
M="MAIL FROM:<a@b.test>" NULL="MAIL FROM:<>" BOB="RCPT TO:<bob@example.org>" X="RCPT TO:<x@far.test>"

# Recipients of this system are no outbound mail; reports are none either.
is "local recipients do not count against relayed" \
    "$(say 127.0.1.1 "EHLO me" "$M" "$BOB" "$BOB" "$BOB" "$X" "$X" "$X" | tail -n 6 | codes)" "5 250 2.1.5;1 450 4.7.1;"
is "nor do those of reports" "$(say 127.0.1.2 "EHLO me" "$NULL" "$X" "$X" | tail -n 2 | codes)" "2 250 2.1.5;"
is "another address of the network is the same client, who may name 8" \
    "$(say 127.0.1.3 "EHLO me" "$M" "$BOB" "$BOB" | tail -n 2 | codes)" "1 250 2.1.5;1 450 4.7.1;"
is "one of another network is another" "$(say 127.0.2.1 "EHLO me" "$M" "$X" | tail -n 1 | codes)" "1 250 2.1.5;"
like "explain shows how near the limit is, and counts nothing" \
    "$(for i in 1 2 3 4 5 6; do as pneu -C "$H" explain --client 127.0.2.1 --from a@b.test --to x@far.test; done | tail -n 3)" \
    'limit-relayed +next +limit.client = .*relayed/hour.* client 1/2 hour'
like "and where it is passed" "$(as pneu -C "$H" explain --client 127.0.1.9 --from a@b.test --to bob@example.org)" \
    '=> refused at count by rule limit-recipients: 450 4.7.1'

is "5 messages are taken, whichever worker has the session" \
    "$(for i in 1 2 3 4 5 6 7; do say 127.0.3.1 "EHLO me" "$M" QUIT; done | grep -E 'sender|messages' | codes)" \
    "5 250 2.1.0;2 451 4.7.1;"
check "a reload does" as pneu -C "$H" reload
like "not make anybody forgotten" "$(say 127.0.3.1 "EHLO me" "$M" | tail -n 1)" '^451 4\.7\.1 too many messages'
is "12 connections are, then none" "$(for i in 1 2 3 4 5; do say 127.0.3.2; done | codes)" \
    "4 220 mx.ex;1 421 4.7.0;"
wrong=$(for i in $(seq 25); do printf 'FOO '; done)
is "after 20 wrong commands the session ends" "$(say 127.0.4.1 $wrong | codes)" "3 ;1 220 mx.ex;1 421 4.7.0;21 500 5.5.2;"
like "and no other begins" "$(say 127.0.4.2)" '^421 4\.7\.0 too many errors in a short time'

like "status tells who is over a limit" "$(as pneu -C "$H" status)" \
    'limit of client 127\.0\.3\.0 .role mx.: 12 of 12 connections/hour: refuse'
like "as JSON, too" "$(as pneu -C "$H" status --json)" \
    '"what":"limit","state":"refuse","who":"client","name":"127.0.4.0","role":"mx","kind":"failures","window":"hour","used":20,"most":20'
soon "a refusal is an entry with the rule's name" 'rule=limit-messages reply=451 code=4.7.1 ip=127.0.3.1' \
    grep -h ^9W "$H"/journal/*
soon "of relayed mail, too" 'rule=limit-relayed reply=450' grep -h ^9V "$H"/journal/*
soon "and of a connection" 'rule=limit-connections reply=421' grep -h ^9S "$H"/journal/*
soon "the state before it is told: delay" 'rule=limit-messages report=delay ip=127.0.3.1' \
    grep -h ^9W "$H"/journal/*

like "status tells of an open relay" "$(as pneu -C "$H" status)" '^! relay.allow = all: an open relay'
soon "the journal does at each start" '^XX .*text=.*an%20open%20relay' journal_text
stop_pneu; is "it stops" $? 0
check "it is started again" start_pneu
like "which makes nobody forgotten" "$(say 127.0.3.2)" '^421 4\.7\.0 too many connections'
stop_pneu

cp -p "$T/base.conf" "$H/pneu.conf"; conf limit "user = 5 mails/day"
like "what is no limit is told with its line" "$(as pneu -C "$H" config check 2>&1)" \
    '^pneu.conf:[0-9]+: \[limit\] user = 5 mails/day: wanted: NUMBER KIND/WINDOW'
cp -p "$T/base.conf" "$H/pneu.conf"; conf submit "trusted = no-such-account"
like "an account that is none is warned of" "$(as pneu -C "$H" config check 2>&1)" \
    '^pneu.conf:[0-9]+: warning: .submit. trusted = no-such-account: no such account'
done_testing
