#!/bin/sh
# SPDX-License-Identifier: ISC
# The mail directory is moved while all runs, and another takes its place, by a
# link or a mount: mail goes where readers look, and waits while there is none.
. "$(dirname "$0")/lib.sh"
make_home
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
send() { printf 'Subject: x\n\nhello\n' | as queue-add -C "$H" -f "$@" |
    sed 's/^queued as //'; }
queue() { as "$B/queue" -C "$H" "$@"; }
has() { [ -n "$(find "$1/example.org/bob/new" -name "*.$2R*")" ]; }
flushed() { queue flush "$2" > "$T/out" 2>&1; has "$1" "$2"; }
in_retry() { [ -n "$(find "$H/queue/retry1" -name "$1")" ]; }

check "the system becomes ready" start_pneu
A=$(send ann@example.org bob@example.org)
check "mail is delivered" wait_for has "$H/mail" "$A"
as cp -a "$H/mail" "$H/big"
as mv "$H/mail" "$H/mail.old"
B1=$(send ann@example.org bob@example.org)
check "while there is no mail directory, mail waits" wait_for in_retry "$B1"
as ln -s big "$H/mail"
check "in the new one it is delivered" wait_for flushed "$H/big" "$B1"
C=$(send ann@example.org bob@example.org)
check "so is what comes" wait_for flushed "$H/big" "$C"
is "nothing went to the old one" "$(find "$H/mail.old" -type f | wc -l)" 1
is "nobody is held to have died on it" "$(ls "$H/queue/hold" | wc -l)" 0
like "the journal says why it waited" "$(cat "$H"/journal/*)" \
    "^XX .*program=deliver-mailbox .*moved%20or%20replaced"
if unshare -m true 2> /dev/null; then
	# As a file system that is mounted late, on top of an empty directory.
	rm "$H/mail"; mv "$H/big" "$H/store"; mkdir "$H/mail"
	chown --reference="$H/store" "$H/mail"
	D=$(send ann@example.org bob@example.org)
	check "an empty directory is no mailbox" wait_for in_retry "$D"
	mount --bind "$H/store" "$H/mail"; _mounted=$?
	if [ $_mounted -eq 0 ]; then
		check "what is mounted late is used" wait_for flushed "$H/store" "$D"
		umount -l "$H/mail"
	else
		skip "what is mounted late is used" "mount refuses"
	fi
else
	skip "what is mounted late is used" "needs root"
fi
check "it stops" stop_pneu
done_testing
