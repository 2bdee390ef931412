#!/bin/sh
# SPDX-License-Identifier: ISC
# The whole pipeline with the sandbox required: mail in, mail out, its story.
. "$(dirname "$0")/lib.sh"
make_home
conf pneu "sandbox = required"
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
if ! start_pneu 2> "$T/out" > "$T/out"; then
	grep -q 'sandbox' "$T/pneu.err" && skip_all "this kernel cannot confine: $(tail -n 1 "$T/pneu.err")"
	diag "$(tail -n 20 "$T/pneu.err")"
	ok 1 "the system runs with sandbox = required"; done_testing
fi
ok 0 "the system runs with sandbox = required"

cat > "$T/mail.py" <<'END'
import poplib, smtplib, sys
smtp, pop, n = (int(x) for x in sys.argv[1:4])
body = ("Subject: number %d\r\n\r\n.\r\n..dots\r\n" + "x" * 998 + "\r\nend\r\n")
s = smtplib.SMTP("127.0.0.1", smtp, timeout=60)
for i in range(n):
    s.sendmail("ann@example.net", ["bob@example.org", ], body % i)
s.quit()
END
cat > "$T/read.py" <<'END'
import poplib, sys
p = poplib.POP3("127.0.0.1", int(sys.argv[1]), timeout=60)
p.user("bob@example.org"); p.pass_("secret")
n = p.stat()[0]
for i in range(1, n + 1):
    text = b"\n".join(p.retr(i)[1])
    assert b"\n.\n..dots\n" + b"x" * 998 + b"\nend" in text, text
    p.dele(i)
p.quit()
print(n)
END
check "20 messages are accepted" python3 "$T/mail.py" "$SMTP" "$POP" 20
in_box() { [ "$(ls "$H/mail/example.org/bob/new" | wc -l)" -eq "$1" ]; }
wait_for in_box 20; ok $? "and delivered"
empty() { [ "$(ls "$H/queue/in" | wc -l)" -eq 0 ]; }
wait_for empty; ok $? "and let go"
check "all is well" as pneu -C "$H" status
soon "they came by link" 'by link 20, by copy 0' as pneu -C "$H" status
q=$(ls "$H/mail/example.org/bob/new" | head -n 1 | sed 's/^[0-9]*\.\(.\{26\}\).*/\1/')
soon "the story of one is told" 'bob' as pneu -C "$H" journal trace "$q"
is "POP3 gives them back, whole" "$(python3 "$T/read.py" "$POP")" 20
is "and deletes them" "$(ls "$H/mail/example.org/bob/new" "$H/mail/example.org/bob/cur" | grep -c ,S=)" 0

# What an idle system costs. Sanitizers and the like cost much more.
# ---- who is added while all runs is there at once: a refusal would be final
for n in 1 2 3; do
	add_user "new$n@example.org" secret > "$T/out" 2>&1
	curl -sS "smtp://127.0.0.1:$SMTP" --mail-from you@example.net \
	    --mail-rcpt "new$n@example.org" --crlf -T "$0" 2>> "$T/late" || break
	curl -sS "pop3://127.0.0.1:$POP/" -u "new$n@example.org:secret" \
	    > "$T/out" 2>> "$T/late" || break
done
is "a new user gets mail and may log in at once" "$(cat "$T/late")" ""

pss() { # of the supervisor and all below it, in KiB
	_all=$PNEU
	for p in $(pgrep -P "$PNEU"); do _all="$_all $p $(pgrep -P "$p")"; done
	for p in $_all; do cat "/proc/$p/smaps_rollup" 2> /dev/null; done |
	    awk '/^Pss:/ { sum += $2 } END { print sum }'
}
if nm "$B/pneu" 2> /dev/null | grep -q __asan_init || [ ! -e /proc/self/smaps_rollup ]; then
	skip "memory" "a sanitizer's build, or no smaps_rollup"
else
	idle=$(pss)
	diag "PSS of the idle system: $idle KiB"
	[ "$idle" -lt 30720 ]; ok $? "the idle system takes less than 30 MB"
	mkfifo "$T/say"
	python3 "$(dirname "$0")/talk.py" "$SMTP" 15 < "$T/say" > "$T/heard" 2>&1 &
	exec 7> "$T/say"
	greeted() { [ "$(grep -c '^220 ' "$T/heard")" -eq 15 ]; }
	wait_for greeted
	each=$((($(pss) - idle) / 15))
	diag "PSS of each further connection: $each KiB"
	[ "$each" -lt 614 ]; ok $? "an idle SMTP connection takes less than 0.6 MB"
	exec 7>&-
fi
stop_pneu; is "it stops with 0" $? 0
is "no process died" "$(grep -ha '^SD ' "$H"/journal/*)" ""
like "the journal says what confined it" "$(cat "$H"/journal/*)" '^SB .* sandbox=seccomp%20landlock-[0-9]'
done_testing
