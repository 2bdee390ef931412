#!/bin/sh
# SPDX-License-Identifier: ISC
# One message through every stage by hand, no daemon anywhere; then a filter in
# shell that stands before queue-add in the running system.
. "$(dirname "$0")/lib.sh"
make_home
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
box=$H/mail/example.org/bob
in_home() { # in_home PROGRAM [ARGUMENT...]: what it says besides is kept
	_p=$1; shift
	(_exec_as timeout "$LIMIT" "$_p" -C "$H" "$@") 2>> "$T/words"
}

# ---- a session in a file
printf '%s\r\n' 'EHLO pc7' 'MAIL FROM:<ann@example.net>' 'RCPT TO:<bob@example.org>' \
    'RCPT TO:<nobody@example.org>' DATA 'Subject: by hand' '' '..one dot' . QUIT > "$T/session"
in_home smtpd < "$T/session" > "$T/heard"; is "smtpd < session ends with 0" $? 0
is "with its answers" \
    "$(tr -d '\r' < "$T/heard" | grep -v '^250-' | cut -c1-9 | tr '\n' '|')" \
    "220 mx.ex|250 ENHAN|250 2.1.0|250 2.1.5|550 5.1.1|354 end d|250 2.0.0|221 2.0.0|"
q=$(sed -n 's/^250 2.0.0 queued as \([0-9A-Z]*\).*/\1/p' "$T/heard")

# ---- resolve tells where, deliver-mailbox links it there under the name that
# the envelope gives: seconds of the qid, sizes of the file
path=$(echo 'resolve to=bob@example.org' | in_home resolve | sed -n 's/^deliver .*nexthop=\([^ ]*\).*/\1/p')
is "resolve says which mailbox" "$path" example.org/bob
size=$(wc -c < "$H/queue/in/$q")
s=$(python3 -c '
import sys
n = 0
for c in sys.argv[1][:10]:
    n = n * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(c)
print(n // 1000)' "$q")
name=$s.${q}R1,S=$size,W=$size
printf '%s\n' "deliver qid=$q n=1 file=in/$q name=$name path=$path" "sync path=$path" |
    in_home deliver-mailbox > "$T/heard"
is "deliver-mailbox links it and syncs" "$(cat "$T/heard")" "ok qid=$q n=1 how=link
ok path=example.org/bob"
is "it is the queue's own file" "$(stat -c %h "$box/new/$name")" 2
as rm "$H/queue/in/$q" # which is all that letting go is

# ---- read it
printf 'LIST\r\nUIDL\r\nRETR 1\r\nQUIT\r\n' | in_home pop3-session --mailbox "$path" | tr -d '\r' > "$T/heard"
like "pop3-session lists it with its size" "$(cat "$T/heard")" "^1 $size\$"
like "and gives it, its dot stuffed" "$(cat "$T/heard")" '^\.\.one dot$'
printf 'USER bob@example.org\r\nPASS secret\r\nDELE 1\r\nQUIT\r\n' | in_home pop3d > "$T/heard"
is "pop3d finds auth and pop3-session by itself" "$(grep -c '^+OK' "$T/heard")" 5
is "and the message is deleted" "$(ls "$box/new" "$box/cur" | grep -c ,S=)" 0

# ---- queue-add, and queue-run for as long as somebody speaks to it
printf 'Subject: hi\n\nthere\n' | in_home queue-add -f ann@example.net bob@example.org > "$T/heard"
q=$(sed -n 's/^queued as //p' "$T/heard")
mkfifo "$T/say"
_exec_as timeout "$LIMIT" queue-run -C "$H" < "$T/say" > "$T/heard" 2>> "$T/words" &
exec 7> "$T/say"
settled() { [ -n "$(ls "$box/new")" ] && [ -z "$(ls "$H/queue/in")" ]; }
wait_for settled; ok $? "queue-run delivers what waits, with stages that it starts"
exec 7>&-
wait $!; is "and ends with its input" $? 0
like "the message is there" "$(cat "$box"/new/*"$q"*)" '^there'
is "its content is the queue's file, now with one name" "$(stat -c %h "$box"/new/*"$q"*)" 1

printf 'Subject: again\n\nthere\n' | in_home queue-add -f ann@example.net bob@example.org > "$T/heard"
in_home queue-run < /dev/null; is "queue-run < /dev/null is one run of the queue" $? 0
is "which leaves nothing" "$(ls "$H/queue/in")" ""
like "and delivers" "$(cat "$box"/new/*)" '^Subject: again'

# ---- the journal is a program that appends lines
printf '%s\n' "94 time=2026-11-24T03:04:05.000000Z program=hand pid=7 qid=$q ip=192.0.2.7" |
    in_home journal-write; is "journal-write takes a line" $? 0
like "journal show has it" "$(in_home journal show --qid="$q")" '192\.0\.2\.7'
echo 'auth user=bob@example.org password=secret service=pop3' | in_home auth > "$T/heard"
like "auth says who that is" "$(cat "$T/heard")" '^ok user=bob@example.org path=example.org/bob ticket=[0-9a-f]{80}$'
is "all the while nobody had a word to say besides" "$(cat "$T/words")" ""
rm "$box"/new/*

# ---- a filter: a script that stands where queue-add stood, in the running system
cat > "$T/filter.sh" <<END
#!/bin/sh
# what passes is content of the same size, so the lines of the wire hold
sed -u 's/^Subject: cheap pills/Subject: [rejected!]/' | exec "$B/queue-add" -C .
END
chmod 755 "$T/filter.sh"
conf queue-add "program = $T/filter.sh"
check "the system becomes ready with it" start_pneu
like "the table says so" "$(as pneu -C "$H" services)" "^queue-add .*filter.sh .*replaced"
send() { python3 -c '
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60)
for subject in sys.argv[2:]:
    s.sendmail("ann@example.net", ["bob@example.org"],
        "Subject: %s\r\n\r\ncheap pills\r\n" % subject)
s.quit()' "$SMTP" "$@"; }
check "mail is accepted through it" send 'cheap pills' 'lunch'
has() { [ "$(ls "$box/new" | wc -l)" -eq "$1" ]; }
wait_for has 2; ok $? "and delivered"
is "what it alters is altered, the rest is not" \
    "$(cat "$box"/new/* | tr -d '\r' | grep -E '^(Subject: |cheap)' | sort | tr '\n' '|')" \
    "Subject: [rejected!]|Subject: lunch|cheap pills|cheap pills|"
# Content over 64 KiB passes by descriptor, which a pipe cannot carry: it waits
# until somebody mends the filter, nobody's mail is returned for it.
like "what cannot pass it is put off, not refused" \
    "$(send "long
$(head -c 90000 /dev/zero | tr '\0' x | fold)" 2>&1 | tail -n 1)" "451, b'4\.3\."
told() { as pneu -C "$H" status | grep -q '^! *refused for local errors 1; .* use data chunked=1$'; }
wait_for told; ok $? "status says so, and what to do" || diag "$(as pneu -C "$H" status)"
stop_pneu; is "it stops with 0" $? 0
is "nobody complained" "$(cat "$T/pneu.err")" ""
# A restart reads back what it finds, so digests of what was altered must hold.
printf '%s\n' 'add qid=01JDG8T0ZZ0000000000000001 from=<ann@example.net>' \
    'to path=<bob@example.org>' 'data size=22' "$(printf 'Subject: cheap pills\r')" end |
    (cd "$H" && in_home "$T/filter.sh") > "$T/heard"
is "the filter alone passes a message on" "$(cat "$T/heard")" "ok qid=01JDG8T0ZZ0000000000000001"
check "a restart becomes ready" start_pneu
wait_for has 3; ok $? "and delivers what waited"
let_go() { [ -z "$(ls "$H/queue/in")" ]; }
wait_for let_go; ok $? "the queue lets go of all"
is "and found nothing that it could not believe" "$(ls "$H/queue/aside")" ""
stop_pneu
done_testing
