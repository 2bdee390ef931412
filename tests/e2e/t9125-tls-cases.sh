#!/bin/sh
# SPDX-License-Identifier: ISC
# The hostile cases of SMTP and POP3, over TLS: the same answers, and no harm.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd) cases=$(cd "$(dirname "$0")/../cases" && pwd)
make_home local.test
set -- $(free_ports 2)
conf storage "min_free = 0"
conf smtpd "listen = 127.0.0.1:$1 tls
clients_per_address = 0"
conf pop3d "listen = 127.0.0.1:$2 tls"
conf auth "failed_login = 1ms"
conf tls "certificate = own tls/server.pem tls/server.key"
add_user alice@local.test pw > "$T/out"
add_user bob@local.test pw > "$T/out"
as certs -C "$H" init > "$T/out" 2>&1
cp "$H/tls/ca.pem" "$T/ca.pem"; chmod 644 "$T/ca.pem"
check "the system becomes ready" start_pneu || done_testing

REPLAY_CA=$T/ca.pem timeout 180 python3 "$here/replay.py" "$1" "$cases/smtp-server.jsonl" > "$T/tap" 2>&1
like "every case of SMTP ends in time" "$(tail -n 1 "$T/tap")" '^1\.\.[0-9]{3}$'
is "every one gets its replies" "$(grep -A1 '^not ok' "$T/tap")" ""
all_settled() { [ -z "$(ls "$H/queue/in")" ]; }
check "what was accepted is delivered" wait_for all_settled
is "nothing was smuggled to bob" "$(find "$H/mail/local.test/bob" -type f | wc -l)" 0

M=$H/mail/local.test/alice
find "$M" -type f -delete
put() { as sh -c "printf '%b' \"\$2\" > \"\$1\"" - "$M/new/$1" "$2"; }
put 1000000001.a.host 'From: a\r\nSubject: one\r\n\r\nhello\r\n'
put 1000000002.b.host 'Subject: dots\r\n\r\n.\r\n..\r\n..a\r\n.end'
put 1000000003.c.host 'Subject: empty\r\n\r\n'
REPLAY_CA=$T/ca.pem timeout 180 python3 "$here/replay_pop3.py" "$2" alice@local.test pw \
	"$cases/pop3-server.jsonl" > "$T/cases" 2>&1
is "every case of POP3 gets its replies" "$(grep -A1 '^not ok' "$T/cases")" ""
like "all of them are played" "$(tail -n 1 "$T/cases")" '^# played [0-9]+, failed 0$'
is "no message was lost on the way" "$(ls "$M/new" | wc -l)" 3
stop_pneu; is "it stops with 0" $? 0
is "no process died" "$(grep -aE 'died|signal|ERROR: ' "$T/pneu.err")" ""
done_testing
