#!/bin/sh
# SPDX-License-Identifier: ISC
# Mail for mailboxes is parked while there is no room, and taken up again.
. "$(dirname "$0")/lib.sh"
make_home
printf '#!/bin/sh\ncat > /dev/null\n' > "$T/take"; chmod 755 "$T/take"
conf deliver-program "command = take $T/take"
conf queue 'lifetime = 1s'
conf queue 'retry_min = 1m'
add_user bob@example.org secret > "$T/add" 2>&1 || diag "$(cat "$T/add")"
add_user ann@example.org secret > "$T/add" 2>&1 || diag "$(cat "$T/add")"
as directory -C "$H" add take@example.org --program take > "$T/add" 2>&1 || diag "$(cat "$T/add")"
cp "$H/pneu.conf" "$T/right"
full() { cat "$T/right" > "$H/pneu.conf"; conf storage 'high_pct = 0'; conf storage 'low_pct = 0'; } # whatever the disk has
between() { cat "$T/right" > "$H/pneu.conf"; conf storage 'high_pct = 100'; conf storage 'low_pct = 0'; }
room() { cat "$T/right" > "$H/pneu.conf"; conf storage 'high_pct = 100'; conf storage 'low_pct = 100'; }
send() { printf 'Subject: x\n\nhello\n' | as queue-add -C "$H" -f "$@" | sed 's/^queued as //'; }
queue() { as "$B/queue" -C "$H" "$@"; }
has() { [ "$(ls "$H/mail/example.org/$1/new" | wc -l)" -eq "$2" ]; }
parked() { [ -f "$H/queue/busy/$1" ]; }
gone() { [ -z "$(find "$H/queue" -name "$1")" ]; }

full
check "it runs" start_pneu
A=$(send ann@example.org bob@example.org)
wait_for parked "$A"; ok $? "mail is taken, and parked"
has bob 0; ok $? "and not delivered"
soon "the journal says so of the message" "^7L .*qid=$A to=busy .*text=parked" journal_text
soon "and once of the disk" '^XX .*text=mail%20for%20mailboxes%20is%20parked' journal_text
B2=$(send ann@example.org bob@example.org ann@example.org)
wait_for parked "$B2"; ok $? "for two recipients, too"
is "one alarm is enough" "$(journal_text | grep -c '^XX .*is%20parked')" 1
C=$(send ann@example.org take@example.org)
wait_for gone "$C"; ok $? "what goes to a command goes on"
D=$(send ann@example.org take@example.org bob@example.org)
wait_for parked "$D"; ok $? "of both, the command gets its copy and the mailbox's is parked"
like "which is saved" "$(cat "$H/queue/busy/$D")" '^done .* n=1 .*outcome=ok'
like "list tells why" "$(queue list --state=busy)" "^$A busy .*[(]parked: "
status() { as pneu -C "$H" status "$@"; }
like "status tells how many, and why" "$(status)" '^!   busy +3 .*low_pct'
like "and which disk" "$(status)" '^! disk of mail .*% used .*high_pct'

# ---- an operator
E=$(send ann@example.org bob@example.org); wait_for parked "$E"
check "one that is parked can be held" queue hold "$E"
check "and lies in hold" test -f "$H/queue/hold/$E"
check "released from there" queue release "$E"
wait_for parked "$E"; ok $? "it is parked"
check "released from where it is parked" queue release "$E"
wait_for has bob 1; ok $? "it is delivered, room or not"
soon "the journal says who let it go" "^7M .*qid=$E to=in by=operator" journal_text
F=$(send ann@example.org bob@example.org); wait_for parked "$F"
check "a flush does the same" queue flush "$F"
wait_for has bob 2; ok $? "with one that is parked"
G=$(send ann@example.org bob@example.org); wait_for parked "$G"
check "one that is parked can be deleted" queue delete "$G"
gone "$G"; ok $? "all of it"

# ---- a stop, and both sides of low_pct
check "it stops" stop_pneu
[ "$(ls "$H/queue/busy" | wc -l)" = 3 ]; ok $? "what is parked stays so over a stop"
between
check "it runs below high_pct and above low_pct" start_pneu
soon "what is parked stays so" '^XX .*%20low_pct' sh -c "cat '$H'/journal/* | tail -n 3"
I=$(send ann@example.org bob@example.org)
wait_for parked "$I"; ok $? "and new mail joins it"
room
reload_pneu; ok $? "room again"
wait_for has bob 6; ok $? "all that was parked is delivered"
wait_for has ann 1; ok $? "to each"
has ann 1; ok $? "and though it was older than queue.lifetime, nobody's mail was returned"
soon "the journal says of each that it was taken up" "^7M .*qid=$A" journal_text
wait_for gone "$A"; ok $? "and it is gone"
is "nothing is left in busy" "$(ls "$H/queue/busy")" ""
is "status speaks of it no more" "$(status | grep -c ' busy  \|high_pct$')" 0

# ---- the age of what was parked
full
reload_pneu; ok $? "no room again"
J=$(send bob@example.org bob@example.org); wait_for parked "$J"
as mv "$H/mail/example.org/bob" "$H/mail/example.org/away"
room
older() { [ -n "$(find "$H/queue/busy/$J" -mmin +0.03)" ]; }
wait_for older
reload_pneu; ok $? "room for a message that is older than queue.lifetime, and its mailbox is away"
waits() { [ -n "$(find "$H/queue/retry1" -name "$J")" ]; }
wait_for waits; ok $? "it waits for a retry: its lifetime begins with the first try"
as mv "$H/mail/example.org/away" "$H/mail/example.org/bob"
check "it stops" stop_pneu
done_testing
