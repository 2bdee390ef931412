#!/bin/sh
# SPDX-License-Identifier: ISC
# Quotas: refused at RCPT, deferred at delivery, counted without a listing.
. "$(dirname "$0")/lib.sh"
command -v python3 > /dev/null || skip_all "no python3"
make_home
directory() { as "$B/directory" -C "$H" "$@"; }
for u in ann bob carol; do add_user $u@example.org secret > "$T/add" 2>&1 || diag "$(cat "$T/add")"; done
check "a quota is a field of an entry" directory change bob@example.org --quota=4K --quota-messages=3
check "octets alone" directory change carol@example.org --quota=1M
directory change ann@example.org --quota=much > "$T/out" 2>&1
like "one that is none is refused" "$? $(cat "$T/out")" '^100 .*quota= is not a number of octets like 64M'
resolve() { echo "resolve to=$1@example.org" | as "$B/resolve" -C "$H"; }
is "resolve answers it" "$(resolve bob)" \
    "deliver to=bob@example.org transport=mailbox nexthop=example.org/bob quota=4096 quota-messages=3"
is "for nobody else" "$(resolve ann)" "deliver to=ann@example.org transport=mailbox nexthop=example.org/ann"
check "it runs" start_pneu
smtp() { # smtp SIZE RECIPIENT OCTETS: its codes; SIZE 0: unsaid
	python3 - "$SMTP" "$@" <<'END'
import smtplib, sys
port, size, to, octets = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
s = smtplib.SMTP("127.0.0.1", port, timeout=60)
s.ehlo("c.test")
said = [s.mail("sue@example.net", ["SIZE=%d" % size] if size else [])[0]]
code, text = s.rcpt(to + "@example.org")
said.append("%d %s" % (code, text.decode()) if code != 250 else code)
if code == 250:
    said.append(s.data("Subject: x\r\n\r\n" + "x" * 70 * 0 + ("y" * 68 + "\r\n") * (octets // 70))[0])
s.quit()
print(*said)
END
}
has() { [ "$(ls "$H/mail/example.org/$1/new" | wc -l)" -eq "$2" ]; }
use() { cat "$H/quota/example.org/$1"; }
is "there is room" "$(smtp 0 bob 1000)" "250 250 250"
wait_for has bob 1; ok $? "and it is delivered"
like "the use is counted once" "$(use bob)" '^count time=[^ ]* octets=0 messages=0 quota=4096 quota-messages=3$'
size=$(ls "$H"/mail/example.org/bob/new/ | sed 's/.*,S=\([0-9]*\).*/\1/')
like "and grows with each message" "$(use bob)" "^more octets=$size messages=1\$"
like "resolve knows what is left" "$(resolve bob)" " room=$((4096 - size))\$"
is "what SIZE says does not fit is refused" "$(smtp 4000 bob 10)" "250 452 4.2.2 mailbox is full, try again later"
like "by a rule that has a name" "$(as "$B/smtpd" -C "$H" --rules)" '^rcpt +quota .*\[mail\] quota = 0'
soon "and the journal has it" '^9W .* rule=quota reply=452 code=4.2.2' journal_text
is "of two that fit alone" "$(smtp 2000 bob 1900)" "250 250 250"
wait_for has bob 2
Q=$(printf 'Subject: x\n\n%s\n' "$(printf '%2000s' x)" | as queue-add -C "$H" -f ann@example.org bob@example.org | sed 's/^queued as //')
waits() { [ -n "$(find "$H/queue/retry1" -name "$1")" ]; }
wait_for waits "$Q"; ok $? "what is too much at its delivery waits"
like "with the reason" "$(as "$B/queue" -C "$H" list)" 'mailbox example.org/bob is full: .*quota=4096'
is "and is no alarm" "$(journal_text | grep -c '^XX')" 0
is "one without a quota has no use kept" "$(smtp 0 ann 1000; ls "$H/quota/example.org")" "250 250 250
bob"

like "show tells its use" "$(directory show bob@example.org)" '^used=37[0-9][0-9]$'
like "and its limit" "$(directory show bob@example.org)" '^limit=4096$'
smtp 0 carol 10 > "$T/out"; wait_for has carol 1
like "list --usage has the fullest first" "$(directory list --usage | head -n 1)" '^ *9[0-9] % bob@example.org: 3[.]. KB of 4.* 2 messages of 3$'
is "both of them" "$(directory list --usage --json | grep -c '"used-percent"')" 2
like "status counts them" "$(as pneu -C "$H" status)" '^  quotas: 2 mailboxes, 0 full'

# ---- a reader removes by POP3
pop() { printf 'USER bob@example.org\r\nPASS secret\r\n%bQUIT\r\n' "$1" | timeout "$LIMIT" python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); f = s.makefile("rwb")
f.readline()
for l in sys.stdin.buffer:
    f.write(l); f.flush(); print(f.readline().decode().split(" ")[0].strip(), end=" ")' "$POP"; }
reload_pneu > "$T/out" 2>&1; ok $? "workers of pop3-session see that there are quotas"
is "a reader removes one" "$(pop 'DELE 1\r\n')" "+OK +OK +OK +OK "
like "it is taken off" "$(use bob)" "^less octets=$size messages=1\$"
is "and there is room again" "$(smtp 1000 bob 500)" "250 250 250"
wait_for has bob 2
check "what waited is tried" as "$B/queue" -C "$H" flush "$Q"
wait_for waits "$Q"

# ---- messages
rm -f "$H"/mail/example.org/bob/new/*
count() { # count MINUTES_AGO OCTETS MESSAGES: as if it was counted then
	as sh -c "echo 'count time=$(date -u -d "$1 minutes ago" +%Y-%m-%dT%H:%M:%S.000Z) octets=$2 messages=$3 quota=4096 quota-messages=3' > '$H/quota/example.org/bob'"
}
count 1 10 3
is "messages are counted, too" "$(smtp 0 bob 10)" "250 452 4.2.2 mailbox is full, try again later"
count 20 10 3
check "another program removed them: a delivery finds out when the count is older" as "$B/queue" -C "$H" flush "$Q"
wait_for has bob 1; ok $? "and what waited is delivered"
count 1000 9999 3
is "at RCPT an old count says nothing" "$(smtp 0 bob 10)" "250 250 250"
wait_for has bob 2
echo 'no count' | as sh -c "cat > '$H/quota/example.org/bob'"
is "nor does a file that is none" "$(smtp 0 bob 10)" "250 250 250"
wait_for has bob 3
like "which is counted anew" "$(use bob)" '^count .* messages=2 '
for i in 1 2 3; do as sh -c "seq 100 | sed 's/.*/more octets=1 messages=0/' >> '$H/quota/example.org/carol'"; done
is "one that is too long is none" "$(smtp 0 carol 10)" "250 250 250"
wait_for has carol 2
as sh -c "seq 100 | sed 's/.*/more octets=1 messages=0/' >> '$H/quota/example.org/carol'"
old=$(resolve carol | sed 's/.*room=//')
is "many lines" "$(smtp 0 carol 10)" "250 250 250"
wait_for has carol 3
is "become one" "$(wc -l < "$H/quota/example.org/carol")" 2
[ "$(resolve carol | sed 's/.*room=//')" -lt "$old" ]; ok $? "that says the same"

# ---- the default
conf mail 'quota = 1'
conf mail 'quota_messages = 5'
reload_pneu > "$T/out" 2>&1; ok $? "a default for all others"
like "is answered for them" "$(resolve ann)" ' quota=1 quota-messages=5$'
like "and in part for those with a part of their own" "$(resolve carol)" ' quota=1048576 quota-messages=5 '
check "0 is none, in spite of it" directory change ann@example.org --quota=0 --quota-messages=0
is "for that one" "$(resolve ann)" "deliver to=ann@example.org transport=mailbox nexthop=example.org/ann"
check "it stops" stop_pneu
done_testing
