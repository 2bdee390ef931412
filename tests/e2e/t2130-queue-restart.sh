#!/bin/sh
# SPDX-License-Identifier: ISC
# What a start finds: all of it once, nothing that cannot be believed.
. "$(dirname "$0")/lib.sh"
make_home
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
send() { printf 'Subject: x\n\nhello\n' | as queue-add -C "$H" -f "$@" |
    sed 's/^queued as //'; }
M=$H/mail/example.org/bob
count() { find "$M/new" "$M/cur" -name "*$1*" | wc -l; }
is_settled() { [ ! -e "$H/queue/in/$1" ]; }
edit() { python3 - "$1" "$2" "$3" <<'E'
import os, sys
os.chmod(sys.argv[1], 0o600)
d = open(sys.argv[1], "rb").read()
open(sys.argv[1], "wb").write(d.replace(sys.argv[2].encode(), sys.argv[3].encode()))
E
}

PLAIN=$(send ann@example.org bob@example.org)
NEW=$(send ann@example.org bob@example.org)
CUR=$(send ann@example.org bob@example.org)
BAD=$(send ann@example.org bob@example.org)
HEAD=$(send ann@example.org bob@example.org)
NEWER=$(send ann@example.org bob@example.org)
LOST=$(send ann@example.org bob@example.org bob+x@example.org)
DIED=$(send ann@example.org bob@example.org)
TWO=$(send ann@example.org bob@example.org bob+x@example.org)
mkdir -p "$M/new" "$M/cur"
name() { python3 - "$H/queue/in/$1" <<'E'
import os, sys
A = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
q = os.path.basename(sys.argv[1]); n = os.path.getsize(sys.argv[1]); t = 0
for c in q[:10]: t = t * 32 + A.index(c)
print("%d.%sR1,S=%d,W=%d,D=0" % (t // 1000, q, n, n))
E
}
ln "$H/queue/in/$NEW" "$M/new/$(name "$NEW")"
ln "$H/queue/in/$CUR" "$M/cur/$(name "$CUR"):2,S"
edit "$H/queue/in/$BAD" hello jello
edit "$H/queue/in/$HEAD" '<bob@' '<b ob@'
edit "$H/queue/in/$NEWER" version=1 version=9
edit "$H/queue/message/$(echo "$TWO" | cut -c1-6)/$TWO" hello jello
rm "$H/queue/message/$(echo "$LOST" | cut -c1-6)/$LOST"
as touch "$H/queue/in/.$PLAIN"
# What a queue-run leaves that died twice before, and now a third time.
as sh -c "printf '$DIED\\n$DIED 2\\n' > '$H/queue/run.lock'"

check "the system becomes ready" start_pneu
for q in "$PLAIN" "$NEW" "$CUR" "$BAD" "$HEAD" "$LOST" "$TWO"; do
	wait_for is_settled "$q" || diag "$q is still in in/"
done
is "what waited is delivered" "$(count "$PLAIN")" 1
is "what lies in new/ already is not delivered again" "$(count "$NEW")" 1
is "nor what a reader has moved to cur/" "$(count "$CUR")" 1
is "content that is not what was accepted is set aside" \
    "$(count "$BAD")$(ls "$H/queue/aside" | grep -c "$BAD")" 01
is "so is an envelope that is none" "$(ls "$H/queue/aside" | grep -c "$HEAD")" 1
is "and an envelope without content" "$(ls "$H/queue/aside" | grep -c "$LOST")" 1
is "and what queue-run died on three times, unread" "$(ls "$H/queue/aside" | grep -c "$DIED")" 1

# What lies aside says why, and comes back by the checks of any listing.
queue() { as "$B/queue" -C "$H" "$@"; }
like "show tells why one lies aside" "$(queue show "$BAD")" "^reason +corrupt: the content's digest differs"
like "show --content shows what lies aside" "$(queue show --content "$BAD")" '^jello'
like "so does list" "$(queue list --state aside)" "^$LOST aside .*\(envelope without content\)"
like "and that it may come back" "$(queue list --state aside --json)" "\"$DIED\".*sound by now"
like "what is not what was accepted is not released" "$(queue release "$BAD" 2>&1; echo $?)" '^100$'
check "and stays" test -f "$H/queue/aside/$BAD"
edit "$H/queue/aside/$BAD" jello hello
edit "$H/queue/aside/$TWO.content" jello hello
check "mended, it is released" queue release "$BAD"
check "and one of two files" queue release "$TWO"
check "so is what is sound" queue release "$DIED" --reason 'a new version'
arrived() { [ "$(count "$BAD")$(count "$DIED")" = 11 ] && [ "$(count "$TWO")" -ge 1 ]; }
check "they are delivered" wait_for arrived
is "and lie aside no more" "$(ls "$H/queue/aside" | grep -c -e "$BAD" -e "$DIED" -e "$TWO")" 0
soon "the journal tells it" "^7J .*qid=$DIED state=aside by=operator reason=a%20new%20version" journal_text
check "what is not to come back is deleted" queue delete "$HEAD"
check "one of a newer version stays where it is" test -f "$H/queue/in/$NEWER"
soon "with a clear word in the journal" "^XX .*qid=$NEWER .*newer%20version" journal_text
soon "what was found is told as recovered" "^7W .*qid=$PLAIN " journal_text
check "what was being written is gone" test ! -e "$H/queue/in/.$PLAIN"

# kill -9 while messages are on their way: each arrives once.
i=0; sent=
while [ $i -lt 30 ]; do
	sent="$sent $(send ann@example.org bob@example.org)"
	if [ $((i % 10)) -eq 5 ]; then
		wait_for pids_of queue-run
		kill -9 $(pids_of queue-run) || diag "was gone"
	fi
	i=$((i + 1))
done
all_there() { for q in $sent; do [ "$(count "$q")" -eq 1 ] || return 1; done; }
check "queue-run killed three times: every message arrives, once" wait_for all_there
check "it stops" stop_pneu

# Deaths on another message before, and an operator's request in between.
P=$(send ann@example.org bob@example.org)
as sh -c "printf '$PLAIN\n$PLAIN 2\n' > '$H/lock'"
for i in 1 2 3; do
	[ ! -e "$H/queue/aside/$P" ] || diag "aside before its third death"
	as mv "$M" "$M.away"
	as sh -c "cp '$H/lock' '$H/queue/run.lock'; printf $P | dd of='$H/queue/run.lock' conv=notrunc 2> /dev/null"
	as queue -C "$H" hold "$PLAIN" > "$T/hold" 2>&1
	start_pneu
	as cp "$H/queue/run.lock" "$H/lock"; stop_pneu # a clean end forgets it
	as mv "$M.away" "$M"
done
check "a message that is died on is set aside all the same" test -f "$H/queue/aside/$P"

as chmod 0 "$H/queue/in"; : > "$T/pneu.err"
start_pneu
is "an in/ that cannot be read is told once by a start" "$(grep -c 'open in:' "$T/pneu.err")" 1
as chmod 700 "$H/queue/in"
stop_pneu
done_testing
