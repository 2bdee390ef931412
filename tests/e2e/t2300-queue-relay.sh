#!/bin/sh
# SPDX-License-Identifier: ISC
# Mail for other domains: its attempts, what is said of them, and what becomes of
# each recipient. The transport is a stand-in.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/transport.sh"
make_home
conf queue 'retry_min = 1m'
conf relay 'allow = all'
add_user bob@example.org secret > "$T/add" 2>&1 || diag "$(cat "$T/add")"
check "it runs" start_pneu

Q=$(send bob@example.org sue@example.net)
wait_for lies retry1 "$Q"; ok $? "without an SMTP client mail waits"
soon "the journal says so" "^CN .*qid=$Q" journal_text
check "it stops" stop_pneu

check "a transport listens" start_transport deliver-smtp
echo 'keep=no' > "$T/smtp/options"
echo 'example.net ok host=mx.example.net tls=TLSv1.3 verified=dane code=2.6.0 text=queued%20as%20X1
refuses.example n=1 perm host=mx.refuses.example code=5.1.1 text=no%20such%20user
refuses.example n=2 temp host=mx.refuses.example code=4.2.1 text=busy
away.example temp code=4.4.1 text=connection%20refused scope=nexthop' > "$T/smtp/answers"
check "it runs again" start_pneu
check "a transport listens" start_transport deliver-smtp
queue flush "$Q" > "$T/flush" 2>&1
wait_for is_gone "$Q"; ok $? "it goes when there is one"
is "as it came, without what final delivery adds" "$(tr -d '\r' < "$T/smtp/$Q.example.net" | sed -n '1s/:.*//p;$p')" "Received
hello"
like "for its next hop" "$(cat "$T/smtp/log")" "^[0-9]+ example.net $Q <bob@example.org> sue@example.net$"
story() { as journal -C "$H" trace "$Q"; }
soon "the journal has the wait" "waits for an attempt at example.net" story
soon "the attempt" "attempt at example.net, recipients: 1" story
soon "and by whom it was taken" "relayed to example.net by mx.example.net over TLSv1.3, verified: dane: queued as X1" story
soon "for whom" "relayed for recipient 1 <sue@example.net>" story

printf 'import smtplib, sys\ns = smtplib.SMTP("127.0.0.1", int(sys.argv[1]))\ns.sendmail("bob@example.org", ["x@example.net", "bob@example.org"], "Subject: two\\r\\n\\r\\nhi\\r\\n")\n' > "$T/send.py"
check "what may be relayed is taken" python3 "$T/send.py" "$SMTP"
soon "and is told apart in the journal" '^95 .*relay=relay-all' journal_text
has_new() { [ "$(ls "$H/mail/example.org/bob/new" | wc -l)" -ge "$1" ]; }
wait_for has_new 1; ok $? "a mailbox has its copy"

Q=$(send bob@example.org a@refuses.example b@refuses.example)
wait_for has_new 2; ok $? "who is refused comes back to the sender"
like "with the words of the host" "$(cat "$H/mail/example.org/bob/new/"*)" 'no such user \(5.1.1\)'
wait_for lies retry1 "$Q"; ok $? "who is put off waits"
like "alone" "$(queue show "$Q")" '^to 1 .*(failed|done)'
soon "the journal has the refusal" "^83 .*qid=$Q n=1 " journal_text
is "which is no alarm" "$(journal_text | grep "$Q" | grep -c '^XX')" 0

A=$(send bob@example.org a@away.example)
wait_for lies retry1 "$A"; ok $? "a next hop that is away keeps its mail waiting"
soon "it is closed" 'smtp%20away.example:%20no%20attempts' journal_text
n=$(wc -l < "$T/smtp/log")
C=$(send bob@example.org c@away.example)
wait_for lies retry1 "$C"; ok $? "and what comes for it waits, too"
is "without an attempt" "$(wc -l < "$T/smtp/log")" "$n"
check "it stops" stop_pneu
done_testing
