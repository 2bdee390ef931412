#!/bin/sh
# SPDX-License-Identifier: ISC
# pneu trace: what sessions say, live, without secrets, and bounded.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
make_home
add_user bob@example.org hidden-word > "$T/out"
as pneu -C "$H" trace smtpd > "$T/out" 2>&1; is "without a supervisor there is nothing to see" $? 100
check "the system becomes ready" start_pneu
talk() { timeout 20 python3 "$D/talk.py" "$@" > "$T/talk" 2>&1; }
begin() { # begin OPTION...: a trace that is there
	: > "$T/trace"; : > "$T/said"
	_exec_as "$B/pneu" -C "$H" trace "$@" > "$T/trace" 2> "$T/said" & tracer=$!
	wait_for grep -q 'begin from now on' "$T/said"
}
end() { kill "$tracer" 2> /dev/null; wait "$tracer" 2> /dev/null; }
seen() { grep -q "$1" "$T/trace"; }
smtp() { printf 'EHLO me\r\nAUTH PLAIN AGJvYgBoaWRkZW4td29yZA==\r\nAGJvYgBoaWRkZW4td29yZA==\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<%s>\r\nBDAT 27 LAST\r\nSubject: x\r\n\r\nthe content\r\nQUIT\r\n' "$1" | talk "$SMTP"; }
pop() { printf 'USER bob\r\nPASS hidden-word\r\nSTAT\r\nRETR 1\r\nQUIT\r\n' | talk "$POP"; }

begin smtpd; smtp bob@example.org
wait_for seen 'C: QUIT'; end
got=$(cat "$T/trace")
like "what the client says" "$got" '^[0-9:.]+ +[0-9]+ +127\.0\.0\.1 +C: MAIL FROM:<a@b\.test>$'
like "what it hears" "$got" 'S: 250 2\.1\.5 '
like "of AUTH the mechanism" "$got" 'C: AUTH PLAIN \[\.\.\.\]$'
grep -q 'AGJv\|hidden' "$T/trace"; is "and no password" $? 1
grep -q 'the content' "$T/trace"; is "no content" $? 1

begin pop3d; pop
wait_for seen 'C: QUIT'; end
got=$(cat "$T/trace")
like "POP3: the name" "$got" 'C: USER bob$'
like "the session after the login" "$got" 'C: STAT$'
grep -q 'hidden\|the content' "$T/trace"; is "no password, no content" $? 1

begin pop3d; printf 'AUTH PLAIN\r\nAGJvYgBoaWRkZW4td29yZA==\r\nQUIT\r\n' | talk "$POP"
wait_for seen 'C: QUIT'; end
is "AUTH over POP3: that there is a challenge and an answer" "$(sed -n 's/^.* \([CS]\): \(AUTH.*\|\[.*\)$/\1 \2/p' "$T/trace")" 'C AUTH PLAIN
S [challenge]
C [24 octets]'

begin smtpd --recipient sue@example.org; smtp bob@example.org; smtp sue@example.org
wait_for seen 'C: QUIT'; end
like "a recipient: his session" "$(cat "$T/trace")" 'RCPT TO:<sue@example\.org>'
like "from its begin on" "$(cat "$T/trace")" 'C: EHLO me'
grep -q bob@ "$T/trace"; is "and no other" $? 1
begin smtpd --ip 192.0.2.0/24; smtp bob@example.org; end
is "another network: nothing" "$(cat "$T/trace")" ''
begin smtpd --port 1; smtp bob@example.org; end
is "another port: nothing" "$(cat "$T/trace")" ''
begin pop3d --json --user bob; pop; wait_for seen QUIT
as pneu -C "$H" trace pop3d > "$T/out" 2>&1; s=$?; end
is "two at once would have half each" $s 111
is "objects" "$(python3 -c 'import json, sys
print(sum(json.loads(l)["by"] == "C" for l in open(sys.argv[1])) >= 4)' "$T/trace")" True
is "one port of the client, before the login and after it" "$(python3 -c 'import json, sys
ports = {json.loads(l)["port"] for l in open(sys.argv[1])}
print(len(ports), 0 in ports)' "$T/trace")" "1 False"
check "it ends by itself" as timeout 20 "$B/pneu" -C "$H" trace smtpd --for 1s
for bad in '--for 2h' '--ip x' '--port 0'; do
	# shellcheck disable=SC2086
	as pneu -C "$H" trace smtpd $bad > "$T/out" 2>&1; is "$bad is refused" $? 100
done
smtp bob@example.org
like "sessions go on without a reader" "$(cat "$T/talk")" '^221 '
check "the supervisor stops well" stop_pneu
done_testing
