#!/bin/sh
# SPDX-License-Identifier: ISC
# The second transport: a command gets mail beside mailboxes, and keeps none of
# theirs back; each recipient has an end of its own.
. "$(dirname "$0")/lib.sh"
make_home
mkdir "$T/out"; chmod 777 "$T/out"
sh_command() { { echo '#!/bin/sh'; cat; } > "$T/$1"; chmod 755 "$T/$1"; conf deliver-program "command = $1 $T/$1"; }
sh_command keep <<END
cat > $T/out/\$QUEUE_ID.\$\$; printf '%s\n' "\$RECIPIENT" >> $T/out/to
END
sh_command slow <<END
[ -e $T/out/go ] || touch $T/out/asked
while [ ! -e $T/out/go ]; do sleep 0.1; done; echo \$QUEUE_ID >> $T/out/slow
END
sh_command dying <<END
kill -SEGV \$\$
END
sh_command refusing <<END
echo 'no such pager' >&2; exit 67
END
conf queue 'retry_min = 1m'
conf queue 'nexthop_attempts = 3'
add_user bob@example.org secret > "$T/add" 2>&1 || diag "$(cat "$T/add")"
for p in keep slow dying refusing absent; do
	as directory -C "$H" add "$p@example.org" --program "$p" > "$T/add" 2>&1 || diag "$(cat "$T/add")"
done
send() { printf 'Subject: %s\n\nhello\n' "$1" | as queue-add -C "$H" -f "$@" | sed 's/^queued as //'; }
queue() { as "$B/queue" -C "$H" "$@"; }
new() { ls "$H/mail/example.org/bob/new" | wc -l; }
has_new() { [ "$(new)" -ge "$1" ]; }
lies() { [ -n "$(find "$H/queue/$1" -name "$2")" ]; }
is_gone() { ! lies . "$1"; }
check "it runs" start_pneu

Q=$(send ann@example.org keep@example.org)
wait_for is_gone "$Q"; ok $? "a command gets a message, and the queue lets go"
like "with what it is" "$(cat "$T/out/$Q".*)" 'Subject: ann@example.org'
is "its content goes too" "$(find "$H/queue/message" -type f | wc -l)" 0
soon "the journal tells by what" 'resolved to program keep' as journal -C "$H" trace "$Q"

Q=$(send ann@example.org slow@example.org bob@example.org)
wait_for test -e "$T/out/asked"
wait_for has_new 1; ok $? "the mailbox has its copy while a command runs"
saved() { queue show "$Q" | grep -q '^to 2 .*bob@example.org> done'; }
wait_for saved; ok $? "which is settled, and saved as such"
like "it waits for the other alone" "$(queue show "$Q")" 'slow@example.org> waits'
queue hold "$Q" > "$T/hold" 2>&1
like "what is being delivered is not held" "$? $(cat "$T/hold")" '^111 .*being delivered'
touch "$T/out/go"
wait_for is_gone "$Q"; ok $? "and goes when the command has ended"
is "which had it once" "$(cat "$T/out/slow")" "$Q"
is "as the mailbox" "$(new)" 1
rm "$T/out/go" "$T/out/slow"

Q=$(send bob@example.org refusing@example.org)
wait_for has_new 2; ok $? "a refusal comes back to the sender"
like "with the command's words" "$(cat "$H/mail/example.org/bob/new/"*)" 'no such pager'
Q=$(send bob@example.org dying@example.org)
wait_for lies retry1 "$Q"; ok $? "a command that dies is tried again"
like "with the reason" "$(queue list)" "^$Q retry1 .*signal"
Q2=$(send bob@example.org absent@example.org)
wait_for lies retry1 "$Q2"; ok $? "one that is not set waits, too"
closed() { as journal -C "$H" show | tail -30 | grep -q 'absent: no attempts for'; }
wait_for closed; ok $? "and closes its next hop"

# Local mail flows past all of them.
for p in slow dying refusing; do
	for _ in 1 2 3 4 5 6 7 8; do send bob@example.org "$p@example.org" > /dev/null; done
done
wait_for test -e "$T/out/asked"
before=$(new)
for _ in $(seq 100); do send ann@example.org bob@example.org > /dev/null; done
wait_for has_new $((before + 100)); ok $? "a hundred messages pass a slow command"
check "it stops while commands run" stop_pneu
touch "$T/out/go"
sh_command absent <<END
echo \$QUEUE_ID >> $T/out/absent
END
check "it runs again" start_pneu
delivered() { queue flush "$Q2" > "$T/flush" 2>&1; is_gone "$Q2"; }
wait_for delivered; ok $? "what was deferred before is flushed after a restart"
is "and its command has it" "$(cat "$T/out/absent")" "$Q2"
all() { [ "$(sort -u "$T/out/slow" | wc -l)" -ge 8 ]; }
wait_for all; ok $? "what waited for the slow command gets there"
check "it stops" stop_pneu
done_testing
