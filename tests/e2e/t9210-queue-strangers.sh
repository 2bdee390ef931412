#!/bin/sh
# SPDX-License-Identifier: ISC
# What lies in the queue under a good name and is of another kind stops nobody:
# not the start, not the mail that flows, not what else waits.
. "$(dirname "$0")/lib.sh"
make_home
add_user bob@example.org secret > "$T/out"
Q=$H/queue Z=0000000000000000000
strew() { # strew N
	as touch "$Q/retry1/20250101T000$1" "$Q/retry2/20250101T000$1"
	as ln -s /tmp "$Q/retry1/20250201T000$1"
	as touch "$Q/message/01JDG$1"
	as mkdir "$Q/in/.dir$1"
	as mkdir -p "$Q/message/01JDH$1/01JDH$1$Z"1
	as ln -s /etc/passwd "$Q/message/01JDH$1/01JDH$1$Z"2
	as mkfifo "$Q/in/01JDH$1$Z"3
}
add() {
	printf 'Subject: %s\n\nx\n' "$1" |
	    as queue-add -C "$H" -f ann@example.net bob@example.org
}
has() { grep -q "^Subject: $1" "$H"/mail/example.org/bob/new/*; }

strew 1
add before > "$T/out"
as mkfifo "$Q/trouble"
check "it starts among strangers" start_pneu
wait_for has before; ok $? "what waited is delivered"
strew 2
add during > "$T/out"
wait_for has during; ok $? "what comes is delivered"
check "the queue is listed" as queue -C "$H" list
check "and counted" as queue -C "$H" stats
as pneu -C "$H" status > "$T/status"
like "the status tells of trouble that says nothing" "$(cat "$T/status")" "^! .*trouble"
check "it stops" stop_pneu
check "and is tidied" as queue -C "$H" tidy
is "a link is left where it lies, and what it names too" \
	"$(find "$Q/retry1" "$Q/message" -type l | wc -l), $(as test -r /etc/passwd; echo $?)" "4, 0"

# Contents of other names before all others: what tidying looks up is sorted.
printf 'Subject: two\n\nx\n' | as queue-add -C "$H" -f ann@example.net \
    bob@example.org postmaster@example.org > "$T/out"
two=$(sed 's/^queued as //' "$T/out")
as mkdir "$Q/message/000000"
for n in 1 2 3 4 5 6 7 8 9 A B C D E F G; do as touch "$Q/message/000000/7ZZZZZ$Z$n"; done
check "it is tidied with contents in a shard that is not theirs" as queue -C "$H" tidy
is "a message that waits keeps its content" "$(find "$Q" -name "$two*" | sed "s|$Q/||" | sort | tr '\n' ' ')" \
	"in/$two message/$(printf %.6s "$two")/$two "
is "and they lie where they lay" "$(ls "$Q/message/000000" | wc -l)" 16
done_testing
