#!/bin/sh
# SPDX-License-Identifier: ISC
# queue-add when the disk fails, or it is killed at a system call.
. "$(dirname "$0")/lib.sh"
command -v strace > /dev/null || skip_all "no strace"
strace -o /dev/null true 2> /dev/null || skip_all "strace may not trace here"
H=$T/home; mkdir -p "$H/queue" "$H/run"; : > "$H/pneu.conf"
conf pneu "sandbox = off" # a sanitizer's and strace's calls are not ours
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$T"
A=01M86GNVVYGA7B4C4WREP6F65E C=01M86GNVW3CYKQ4TVE9SRRFD7Y
one() { printf 'add qid=%s from=<a@example.org>\nto path=<b@example.org>\ndata size=3\nx\r\nend\n' "$1"; }
two() { printf 'add qid=%s from=<a@example.org>\nto path=<b@example.org>\nto path=<c@example.org>\ndata size=3\nx\r\nend\n' "$1"; }
inject() { # inject WHAT: queue-add under it, answers on fd 1
	LSAN_OPTIONS=detect_leaks=0 as timeout "$LIMIT" strace -f -o /dev/null -e inject="$1" "$B/queue-add" -C "$H" 2> "$T/err"
}
clean() { find "$H/queue" \( -type f -o -name trouble \) ! -name '*lock' -exec rm -f {} +; rm -rf "$H"/queue/message/*; }
files() { (cd "$H/queue" && find . -type f ! -name '*lock' | sort | tr '\n' ' '); }
as timeout "$LIMIT" "$B/queue-add" -C "$H" < /dev/null # makes the directories

# The first fsync is that of the queue directory, at the start.
got=$( (one $A; one $C) | inject fsync:error=EIO:when=2)
like "a failed sync is temp" "$got" "^temp qid=$A code=4.3.0 "
if one_journal "$H/queue"; then
	like "for all of the round: it was their one sync" "$got" "^temp qid=$C code=4.3.0 "
	is "they lie aside, and there is trouble" "$(files)" "./aside/$A ./aside/$C ./trouble "
else
	like "and for no other of the round" "$got" "^ok qid=$C\$"
	is "it lies aside, and there is trouble" "$(files)" "./aside/$A ./in/$C ./trouble "
fi
clean
got=$(one $A | inject fsync:error=ENOSPC:when=2)
like "a full disk at the sync is temp 4.3.1" "$got" "^temp qid=$A code=4.3.1 "
is "and nothing stays" "$(files)" ""
clean
# 2 is the new shard's parent; without a journal the shard itself comes first.
two $A | as timeout "$LIMIT" strace -f -o "$T/syncs" -e trace=fsync \
    "$B/queue-add" -C "$H" > /dev/null 2>&1
more=$(($(grep -c 'fsync(' "$T/syncs") - 4)); clean
got=$(two $A | inject fsync:error=EIO:when=$((3 + more)))
like "content that cannot be synced is temp" "$got" "^temp qid=$A code=4.3.0 "
is "it lies aside and has no envelope" "$(files)" "./aside/$A.content ./trouble "
clean
got=$(two $A | inject fsync:error=EIO:when=$((4 + more)))
like "an envelope that cannot be synced is temp" "$got" "^temp qid=$A code=4.3.0 "
is "it lies aside, the content stays for tidying" "$(files)" "./aside/$A ./message/01M86G/$A ./trouble "
clean
for e in EIO ENOSPC EDQUOT; do
	got=$(one $A | inject writev:error=$e:when=1)
	like "$e at the write is temp" "$got" "^temp qid=$A code=4.3.[01] "
	is "$e leaves no message" "$(files | sed 's,./trouble ,,')" ""
done
clean
got=$(two $A | inject fsync:error=EIO:when=2)
like "a shard that cannot be synced is temp" "$got" "^temp qid=$A code=4.3.0 "
is "and trouble" "$(files)" "./trouble "
clean
got=$(two $A | inject writev:error=ENOSPC:when=3)
like "a full disk at the envelope is temp 4.3.1" "$got" "^temp qid=$A code=4.3.1 "
is "and the content goes with it" "$(files)" ""
got=$(one $A | inject openat:error=EMFILE:when=200+); is "an acceptance is short" "$got" "ok qid=$A"; clean
got=$(one $A | inject renameat2:error=EINVAL)
is "without RENAME_NOREPLACE a link publishes" "$got" "ok qid=$A"
is "and the dot name goes" "$(files)" "./in/$A "
got=$(one $A | inject renameat2:error=EINVAL); is "and never replaces" "$got" "exists qid=$A"
# 2 is the file that is there, 3 is in/.
for when in 2 3; do
	got=$(one $A | inject fsync:error=EIO:when=$when)
	like "what is there and cannot be synced is temp ($when)" "$got" "^temp qid=$A code=4.3.0 "
	is "and trouble, for the next sync hears that all is well" "$(files)" "./in/$A ./trouble "
	rm -f "$H/queue/trouble"
done
clean

# Killed at each call: what was answered is whole, all else is a dot name.
bad= n=0
for call in openat writev sync_file_range renameat2 fsync close sendto write; do
	for when in 1 2 3; do
		got=$( (one $A; two $C) | inject $call:signal=KILL:when=$when); n=$((n + 1))
		for q in $(echo "$got" | sed -n 's/^ok qid=//p'); do
			[ "$(printf 'add qid=%s from=<a@example.org>\nto path=<b@example.org>\ndata size=3\nx\r\nend\n' $q |
			    as timeout "$LIMIT" "$B/queue-add" -C "$H")" = "exists qid=$q" ] || bad="$bad $call:$when"
		done
		for f in "$H"/queue/in/*; do
			[ ! -e "$f" ] || head -n 1 "$f" | grep -q "^Pneu: one \|^envelope " || bad="$bad torn:$call:$when"
		done
		clean
	done
done
is "killed at $n calls, no answer was a lie" "$bad" ""

# What one journal carries: tmpfs is taken for one, since nothing survives there.
if M=$(mktemp -d /dev/shm/pneu-e2e.XXXXXX 2> /dev/null) && [ "$(stat -f -c %T "$M")" = tmpfs ]; then
	[ "$(id -u)" -ne 0 ] || chown nobody:nogroup "$M"
	conf queue "directory = $M"
	(one $A; two $C) | as timeout "$LIMIT" strace -f -o "$T/calls" -e trace=sync_file_range,renameat2,fsync \
	    "$B/queue-add" -C "$H" > /dev/null 2>&1
	is "data, names, one sync: contents, then all that names a message" \
	    "$(sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$T/calls" | tail -n +3 | tr '\n' ' ')" \
	    "sync_file_range renameat2 fsync sync_file_range sync_file_range renameat2 renameat2 fsync "
	rm -rf "${M:?}"/*
	got=$( (one $A; one $C) | inject sync_file_range:error=EIO:when=1)
	like "data that does not reach the disk is temp" "$got" "^temp qid=$A code=4.3.0 "
	like "for no other of the round" "$got" "^ok qid=$C\$"
	is "it never had a name, and there is trouble" "$(cd "$M" && find . -type f ! -name '*lock' | sort | tr '\n' ' ')" \
	    "./in/$C ./trouble "
	rm -rf "${M:?}"/*
	got=$( (two $A; two $C) | inject sync_file_range:error=ENOSPC:when=3)
	like "an envelope's, on a full disk, is temp 4.3.1" "$got" "^temp qid=$A code=4.3.1 "
	is "its content goes with it, and no other" \
	    "$(cd "$M" && find . -type f ! -name '*lock' | sort | tr '\n' ' ')" "./in/$C ./message/01M86G/$C "
	rm -rf "$M"
else
	skip "one sync a round" "no tmpfs at /dev/shm"
fi
done_testing
