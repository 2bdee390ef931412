#!/bin/sh
# SPDX-License-Identifier: ISC
# A delay is told once, and what is too old fails with a report of its own.
. "$(dirname "$0")/lib.sh"
make_home
printf '#!/bin/sh\necho "mailbox is full"; exit 75\n' > "$T/later"; chmod 755 "$T/later"
conf deliver-program "command = later $T/later"
conf queue 'delay_warning = 1s'
conf queue 'lifetime = 1h'
add_user bob@example.org secret > "$T/add" 2>&1 || diag "$(cat "$T/add")"
as directory -C "$H" add later@example.org --program later > "$T/add" 2>&1 || diag "$(cat "$T/add")"
send() { printf 'Subject: x\n\nhello\n' | as queue-add -C "$H" -f "$@" | sed 's/^queued as //'; }
queue() { as "$B/queue" -C "$H" "$@"; }
new() { ls "$H/mail/example.org/bob/new" | wc -l; }
has_new() { [ "$(new)" -eq "$1" ]; }
lies() { [ -n "$(find "$H/queue/$1" -name "$2")" ]; }
flush() { queue flush "$Q" > "$T/flush" 2>&1; }
tried() { # tried N: so often at least, which a flush each time brings nearer
	flush
	[ "$(queue show "$Q" | sed -n 's/.*tries: \([0-9]*\).*/\1/p')" -ge "$1" ]
}
told() { flush; has_new 1; }
failed() { flush; has_new 2; }
mail() { cat "$H/mail/example.org/bob/new/"*; }
check "it runs" start_pneu
Q=$(send bob@example.org later@example.org)
wait_for lies retry1 "$Q"
ok $? "a deferral waits for its retry"
is "and is no alarm" "$(as journal -C "$H" show | grep "$Q" | grep -c alarm)" 0
wait_for told; ok $? "after a while its sender is told"
like "that it is delayed" "$(mail)" '^Action: delayed'
like "until when it is tried" "$(mail)" '^Will-Retry-Until: '
tries=$(queue show "$Q" | sed -n 's/.*tries: \([0-9]*\).*/\1/p')
wait_for tried $((tries + 2))
has_new 1; ok $? "and only once"
check "it stops" stop_pneu
sed -i 's/^lifetime = 1h/lifetime = 1s/' "$H/pneu.conf"
check "it runs with a shorter lifetime" start_pneu
wait_for failed; ok $? "when it is too old there is a report of that, too"
like "that it failed" "$(mail)" '^Action: failed'
like "and why" "$(mail)" 'delivery time expired; last: .*mailbox is full'
gone() { ! lies . "$Q"; }
wait_for gone; ok $? "and it is gone"
check "it stops" stop_pneu
done_testing
