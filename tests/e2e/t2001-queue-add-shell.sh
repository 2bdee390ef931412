#!/bin/sh
# SPDX-License-Identifier: ISC
# queue-add from a shell: one message, and the protocol on a pipe; no daemon.
. "$(dirname "$0")/lib.sh"
H=$T/home; mkdir -p "$H/queue" "$H/run"; : > "$H/pneu.conf"
conf pneu "hostname = mx.example.org"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H"
qa() { timeout "$LIMIT" "$B/queue-add" -C "$H" "$@"; }
crs() { tr -cd '\r' < "$1" | wc -c; }
lfs() { tr -cd '\n' < "$1" | wc -c; }

got=$(printf 'Subject: hi\n\nhello\r\n.dot' | qa -f ann@example.org bob@example.org); s=$?
like "a message from a shell is queued" "$got" '^queued as [0-7][0-9A-Z]{25}$'
is "and the exit status is 0" $s 0
q=${got#queued as }; f=$H/queue/in/$q
is "its line ends are CRLF, the last one too" "$(crs "$f")" "$(lfs "$f")"
head=$(tr -d '\r' < "$f")
like "its first line is the envelope" "$(echo "$head" | head -n 1)" \
    "^Pneu: one version=1 qid=$q .*from=<ann@example.org> to=<bob@example.org>\$"
like "Return-Path comes second" "$(echo "$head" | sed -n 2p)" '^Return-Path: <ann@example.org>$'
like "Delivered-To third" "$(echo "$head" | sed -n 3p)" '^Delivered-To: bob@example.org$'
like "a trace field is added" "$head" '^Received: by mx.example.org \(Pneu, uid '
for n in Date Message-ID From; do like "a missing $n is added" "$head" "^$n: "; done
like "the body is as it was" "$head" '^\.dot$'
size=$(sed -n '1s/.* size=\([0-9]*\) .*/\1/p' "$f"); first=$(head -n 1 "$f" | wc -c)
is "size counts all after the first line" "$((first + size))" "$(wc -c < "$f")"
is "content may be read by its owner only" "$(stat -c %a "$f")" 400

got=$(printf 'Date: x\nFROM: y@example.org\nmessage-id: <z@example.org>\nSubject: hi\n there\n\nFrom: body\n' |
    qa -f '' bob@example.org sue@example.org)
q=${got#queued as }; m=$(echo "$H"/queue/message/*/"$q")
is "fields that are there are not added, in any case" \
    "$(grep -ci '^\(date\|from\|message-id\):' "$m")" 4
like "the null sender is <>" "$(tr -d '\r' < "$m")" '^Return-Path: <>$'
is "nobody sees the other recipients" "$(grep -c 'sue@\|bob@' "$m")" 0
like "of two recipients the envelope is apart" "$(cat "$H/queue/in/$q")" '^to n=2 path=<sue@example.org>$'

parted() { # parted TITLE CONTENT FIRST-LINE
	got=$(printf "$2" | qa -f ann@example.org bob@example.org)
	is "$1" "$(tr -d '\r' < "$H/queue/in/${got#queued as }" | sed '1,/^$/d' | head -n 1)" "$3"
}
parted "what begins with no field is all body" ' x: y\nSubject: hi\n\nbody\n' ' x: y'
parted "a colon further on makes no field" 'Dear all, at 10:30\n\nbody\n' 'Dear all, at 10:30'
parted "an mbox line is dropped" 'From a@b Thu Jan  1 00:00:00 1970\nSubject: hi\n\nbody\n' body
parted "but no text that begins like one" 'From here on\nit is text\n\nbody\n' 'From here on'

head -c 300000 /dev/urandom | base64 > "$T/big"
got=$( (echo 'Subject: big'; echo; cat "$T/big") | qa -f ann@example.org bob@example.org)
q=${got#queued as }; m=$(echo "$H"/queue/message/*/"$q")
tr -d '\r' < "$m" | sed '1,/^$/d' | cmp -s - "$T/big"; ok $? "big content is apart, octet by octet"

n=$(ls "$H/queue/in" | wc -l)
printf 'a\rb\n' | qa -f ann@example.org bob@example.org 2> "$T/err"; is "a CR inside a line is refused" $? 100
like "and the reason is said" "$(cat "$T/err")" 'a CR stands inside'
qa -f ann@example.org 'bob@' < /dev/null 2> /dev/null; is "a bad recipient is refused" $? 100
qa -f ann@example.org 2> /dev/null < /dev/null; is "no recipient is a wrong call" $? 100
qa bob@example.org 2> /dev/null < /dev/null; is "no sender is a wrong call" $? 100
qa --nonsense 2> /dev/null < /dev/null; is "an unknown option is a wrong call" $? 100
conf smtpd 'max_size = 64K'
qa -f ann@example.org bob@example.org < "$T/big" 2> /dev/null; is "too large a message is refused" $? 100
is "what was refused left nothing" "$(ls -A "$H/queue/in" | wc -l)" "$n"
is "nor dot names" "$(find "$H/queue" -name '.?*' | wc -l)" 0

Q=01M86GNVVYGA7B4C4WREP6F65E
add() { printf 'add qid=%s from=<a@example.org>\nto path=<b@example.org>\ndata size=3\nx\r\nend\n' $Q | qa; }
is "the protocol works on a pipe" "$(add)" "ok qid=$Q"
is "an empty line parts what is no field from the fields" "$(tail -n 2 "$H/queue/in/$Q" | od -An -c | tr -d ' ')" '\r\nx\r\n'
is "the same again exists" "$(add)" "exists qid=$Q"
chmod 600 "$H/queue/in/$Q"; printf 'y' | dd of="$H/queue/in/$Q" bs=1 seek="$(($(wc -c < "$H/queue/in/$Q") - 3))" conv=notrunc 2> /dev/null
like "what exists but is damaged is not said to exist" \
    "$(add)" "^temp qid=$Q code=4.3.0 "
Q=01M86GNVW3CYKQ4TVE9SRRFD7Y
printf 'add qid=%s from=<a@example.org>\nto path=<b@example.org>\ndata size=30\nx\r\n' $Q | qa > "$T/out"; is "half a request is answered by nobody" "$(cat "$T/out")" ""
is "and leaves nothing" "$(find "$H/queue" -name "*$Q*" | wc -l)" 0
rm -rf "$H/queue"; echo | qa > /dev/null 2> "$T/err"; is "a missing queue is said" $? 100
done_testing
