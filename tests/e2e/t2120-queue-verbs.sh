#!/bin/sh
# SPDX-License-Identifier: ISC
# list show hold release delete flush stats tidy, with and without queue-run.
. "$(dirname "$0")/lib.sh"
make_home
conf queue "retry_min = 30m" # nothing is tried again but what is asked for
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
send() { printf 'Subject: x\n\nhello\n' | as queue-add -C "$H" -f "$@" |
    sed 's/^queued as //'; }
queue() { as "$B/queue" -C "$H" "$@"; }
has() { [ "$(ls "$H/mail/example.org/bob/new" | wc -l)" -eq "$1" ]; }
in_retry() { [ -n "$(find "$H/queue/retry1" -name "$1")" ]; }

verbs() { # the same, whoever does it
	A=$(send ann@example.org bob@example.org)
	[ "$1" = running ] && wait_for in_retry "$A"
	like "$1: list shows a message" "$(queue list)" \
	    "^$A (in|retry1) .* <ann@example.org> -> <bob@example.org>"
	queue hold "$A" --reason "$(printf '%256s' x)" > "$T/out" 2>&1
	is "$1: a reason too long to keep is 100" $? 100
	check "$1: hold" queue hold "$A" --reason 'not now'
	check "$1: it lies in hold" test -f "$H/queue/hold/$A"
	check "$1: its content lies apart" test -f "$H/queue/message/$(echo "$A" | cut -c1-6)/$A"
	like "$1: list tells why" "$(queue list --state hold)" '\(not now\)'
	like "$1: show tells the history" "$(queue show "$A")" '^history +held .*text=not%20now'
	like "$1: show --content is the message" "$(queue show --content "$A")" '^hello'
	is "$1: --json is one object" "$(queue list --json --state hold | python3 -c '
import json, sys
for l in sys.stdin:
    o = json.loads(l)
    print(o["qid"], o["state"], o["from"], o["recipients"][0]["address"], o["reason"])')" \
	    "$A hold ann@example.org bob@example.org not now"
	is "$1: filters by address" "$(queue list --address @example.com)" "no such message in the queue"
	check "$1: another reason" queue hold "$A" --reason second
	like "$1: is the one that is told" "$(queue list --state hold)" '\(second\)'
	[ "$1" = alone ] || soon "$1: and in the journal" "^7I .*qid=$A to=hold by=operator .*reason=second" journal_text
	like "$1: stats counts" "$(queue stats)" '^hold +1 '
	queue release 01ARZ3NDEKTSV4RRFFQ69G5FAV > "$T/out" 2>&1
	is "$1: what is not there is 100" $? 100
	like "$1: an id in lower case is the same" "$(queue show "$(echo "$A" | tr A-Z a-z)")" "^message +$A"
	queue hold nonsense > "$T/out" 2>&1
	is "$1: what is no queue id is 100" $? 100
	queue delete --address bob@example.org < /dev/null > "$T/out" 2>&1
	is "$1: deleting by a filter wants --yes" $? 100
	check "$1: nothing was deleted" test -f "$H/queue/hold/$A"
	check "$1: delete" queue delete "$A" < /dev/null
	check "$1: envelope and content are gone" test -z "$(find "$H/queue" -name "$A")"
}
verbs alone
E=$(send ann@example.org bob@example.org)
check "held for a reason" queue hold "$E" --reason 'not now'
check "and released" queue release "$E"
is "it is the reason no more" "$(queue list | grep -c "^$E in .*<bob@example.org>$")" 1
queue expire "$E" > "$T/out" 2>&1
like "expire wants a queue-run" "$? $(cat "$T/out")" '^111 .*start the system first'
check "and changes nothing without one" queue delete "$E"
queue show $(seq 1001) > "$T/out" 2>&1
like "show takes any number of them" "$(cat "$T/out")" '1: a queue id has 26 letters and digits'
check "tidy, when nothing runs" queue tidy
mkfifo -m 666 "$T/hold"
as flock -s "$H/queue/lock" sh -c "echo > '$H/held'; cat '$T/hold'" > "$T/out" & holder=$!
exec 8> "$T/hold"
wait_for test -e "$H/held"
(exec 8>&-; queue tidy --wait) > "$T/tidy" 2>&1 & tidy=$!
wait_for grep -q 'waiting for programs that still use the queue' "$T/tidy"; ok $? "a start that waits for others says so"
exec 8>&-; wait "$holder" "$tidy"; is "and goes on when they have ended" $? 0
as sh -c "echo trouble text=EIO > '$H/queue/trouble'"
queue tidy > "$T/out" 2>&1
like "trouble is told" "$? $(cat "$T/out")" '^0 .*--clear-trouble: trouble text=EIO$'
check "and stands" test -f "$H/queue/trouble"
like "stats tells it" "$(queue stats)" 'failed: trouble text=EIO$'
like "in JSON, too" "$(queue stats --json)" '^\{"trouble":"trouble text=EIO"\}$'
check "tidy --clear-trouble" queue tidy --clear-trouble
check "removes it" test ! -e "$H/queue/trouble"
as sh -c "echo trouble text=EIO > '$H/queue/trouble'"

# The mailbox is not there: all mail waits for a retry.
as mv "$H/mail/example.org/bob" "$H/mail/example.org/away"
check "the system becomes ready" start_pneu
check "a start does not clear trouble" test -f "$H/queue/trouble"
like "and names it" "$(cat "$T/pneu.err")" 'trouble text=EIO'
rm "$H/queue/trouble"
verbs running
queue tidy > "$T/out" 2>&1
is "tidy, when something runs, is 111" $? 111
A=$(send ann@example.org bob@example.org); B2=$(send ann@example.org bob@example.org)
check "a missing mailbox is no failure: it is put off" wait_for in_retry "$A"
check "all of it" wait_for in_retry "$B2"
like "with the reason" "$(queue list)" "^$A retry1 .*\(.*mailbox.*\)"
like "and when it is tried next" "$(queue list)" "^$A retry1 +[0-9]+[sm] +[0-9]+[sm] +[0-9]+ <"
like "show tells the reason, too" "$(queue show "$A")" '^reason .*mailbox'
check "held while it waits" queue hold "$B2"
is "the last failure is not why" "$(queue list | grep -c "^$B2 hold .*<bob@example.org>$")" 1
C=$(send postmaster@example.org bob@example.org); D=$(send postmaster@example.org bob@example.org)
check "another is put off" wait_for in_retry "$D"
check "and held" queue hold "$C"
queue expire --address bob@example.org < /dev/null > "$T/out" 2>&1
is "giving up by a filter wants --yes" $? 100
check "expire, of one that is held" queue expire "$C" --reason 'he has moved'
check "and of one that waits for a retry" queue expire "$D"
is "they are gone" "$(find "$H/queue" -name "$C" -o -name "$D")" ""
told() { [ "$(ls "$H/mail/example.org/postmaster/new" | wc -l)" = 2 ]; }
check "each sender is told" wait_for told
like "and why" "$(cat "$H"/mail/example.org/postmaster/new/*)" 'given up by the operator: he has moved'
failed_twice() { [ "$(cat "$H"/journal/* | grep -c "^73 .*code=5.4.7")" = 2 ]; }
check "the journal tells how each failed" wait_for failed_twice
queue expire "$C" > "$T/out" 2>&1
is "what is gone is not given up" $? 100
as mv "$H/mail/example.org/away" "$H/mail/example.org/bob"
is "flush of a domain that nothing waits for" "$(queue flush example.com)" "no deferred message matches"
check "flush of a domain" queue flush example.org
check "delivers what waited" wait_for has 1
soon "the journal says who had it tried" "^7C .*qid=$A to=.* by=operator" journal_text
check "release" queue release "$B2"
check "delivers what was held" wait_for has 2
check "it stops" stop_pneu
F=$(send ann@example.org bob@example.org)
check "held again" queue hold "$F"
cp "$H/pneu.conf" "$T/conf"; conf storage "min_free = 1000G"
check "no report can be entered" start_pneu
queue expire "$F" > "$T/out" 2>&1
like "so it is not given up" "$? $(cat "$T/out")" '^111 .*report not entered'
check "and lies where it lay" test -f "$H/queue/hold/$F"
old=$(pids_of queue-run)
cp "$T/conf" "$H/pneu.conf"; kill -HUP "$PNEU"
is_new() { [ "$(pids_of queue-run | wc -l)" -eq 1 ] && [ "$(pids_of queue-run)" != "$old" ]; }
wait_for is_new
check "when one can, it is" wait_for queue expire "$F"
is_empty() { queue list | grep -q 'queue is empty'; }
check "nothing is left" wait_for is_empty
check "it stops" stop_pneu
done_testing
