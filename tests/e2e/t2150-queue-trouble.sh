#!/bin/sh
# SPDX-License-Identifier: ISC
# While queue/trouble stands, what lies in a mailbox already is not let go.
. "$(dirname "$0")/lib.sh"
make_home
conf queue "retry_min = 30m" # nothing is tried again but what is asked for
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
send() { printf 'Subject: x\n\nhello\n' | as queue-add -C "$H" -f "$@" |
    sed 's/^queued as //'; }
queue() { as "$B/queue" -C "$H" "$@"; }
has() { [ "$(ls "$H/mail/example.org/bob/new" | wc -l)" -eq "$1" ]; }
gone() { [ -z "$(find "$H/queue" -name "$1*")" ]; }
in_retry() { [ -n "$(find "$H/queue/retry1" -name "$1")" ]; }

A=$(send ann@example.org bob@example.org)
as ln "$H/queue/in/$A" "$H/kept"
check "the system becomes ready" start_pneu
check "it is delivered" wait_for has 1
check "and let go" wait_for gone "$A"
check "the system stops" stop_pneu

# As a kill before letting go leaves it, and a write has failed since.
as mv "$H/kept" "$H/queue/in/$A"
as sh -c "echo trouble text=EIO > '$H/queue/trouble'"
check "it becomes ready in trouble" start_pneu
check "what a listing of in/ found in a mailbox is put off" wait_for in_retry "$A"
like "and why" "$(queue list)" "^$A retry1 .*see trouble in the queue"
B2=$(send ann@example.org bob@example.org)
check "what comes now is delivered" wait_for has 2
check "and let go" wait_for gone "$B2"
check "an operator asks for it" queue flush "$A"
check "a person has looked" rm "$H/queue/trouble"
flushed() { queue flush "$A" > "$T/out" 2>&1; gone "$A"; }
check "then it is let go" wait_for flushed
check "and lies in the mailbox once" has 2
check "it stops" stop_pneu

# An error of a sync is told once: whoever hears it leaves the trouble. A verb
# without a queue-run syncs before it believes what it sees, as a start does.
if command -v strace > /dev/null && strace -o /dev/null true 2> /dev/null; then
	conf pneu "sandbox = off" # strace's calls are not ours
	inject() { LSAN_OPTIONS=detect_leaks=0 as timeout "$LIMIT" strace -f -o /dev/null \
	    -e inject=syncfs:error=EIO:when="$1" "$B/queue" -C "$H" "$2" $3 > "$T/out" 2>&1; }
	D=$(send ann@example.org bob@example.org) E=$(send ann@example.org bob@example.org)
	check "one is held" queue hold "$D"
	as ln "$H/queue/hold/$D" "$H/queue/in/$D" # killed while it was released
	inject 1 hold "$E"
	is "a verb that cannot sync what it sees is 111" $? 111
	check "and takes no name away" test -e "$H/queue/hold/$D" -a -e "$H/queue/in/$D"
	check "and leaves trouble" rm "$H/queue/trouble"
	check "one that can goes on" queue hold "$E"
	check "and one name is left" test -e "$H/queue/hold/$D" -a ! -e "$H/queue/in/$D"
	inject 1 tidy ""
	is "tidy that cannot sync is 111" $? 111
	check "and leaves trouble" rm "$H/queue/trouble"
	cat > "$T/deliver" <<-'END'
	#!/bin/sh
	while read -r word rest; do
		case $word in hello) echo ok ;; *) echo temp code=4.3.0 text=EIO ;; esac
	done
	END
	chmod 755 "$T/deliver"
	conf deliver-mailbox "program = $T/deliver"
	LSAN_OPTIONS=detect_leaks=0 as timeout "$LIMIT" strace -o "$H/syncs" -e trace=syncfs,unlinkat \
	    "$B/queue-run" -C "$H" < /dev/null > "$T/out" 2>&1
	like "mailboxes that cannot be synced: the queue is, before a name goes" \
	    "$(grep -E "^(syncfs|unlinkat)" "$H/syncs" | head -n 1)" '^syncfs\('
fi
done_testing
