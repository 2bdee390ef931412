#!/bin/sh
# The journal: what is appended is shown, traced, verified, rotated.
. "$(dirname "$0")/lib.sh"
H=$T/home
mkdir -p "$H/run" "$H/journal"
printf '[journal]\nrotate_size = 64K\nkeep = 3\nkeep_time = 0\n' > "$H/pneu.conf"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H"
write() { as journal-write -C "$H"; }
j() { as journal -C "$H" "$@"; }
q1=01ARZ3NDEKTSV4RRFFQ69G5FAV q2=01ARZ3NDEKTSV4RRFFQ69G5FAW
e() { printf '%s time=2026-11-24T03:04:%sZ program=%s pid=7 qid=%s%s\n' "$@"; }

{
	e 94 05.000100 smtpd $q1 ' ip=192.0.2.7 helo=pc7'
	e 91 05.000200 smtpd $q1 ' from=bob@example.net'
	e 7A 05.003000 queue-run $q1 ''
	e 92 05.000300 smtpd $q1 ' n=1 to=Ann@example.org'
	e 99 05.000400 smtpd $q1 ' id=%3Ca@b%3E'
	e 73 06.000000 queue-run $q1 ' n=1 to=ann@example.org code=5.1.1 text=no%20user'
	e AP 06.000100 queue-run $q1 " notice=$q2"
	e 91 06.000200 queue-run $q2 ' from='
} | write
is "records from a pipe are appended" "$(wc -l < "$H/journal/000001")" 8
as mkdir "$H/journal/202611"; as ln -s 000001 "$H/journal/202612"
: | write
ok $? "an archive whose name is a number is no receiver"
is "show prints each" "$(j show | wc -l)" 8
rm -r "$H"/journal/2026*
j show > /dev/full 2> "$T/full"; s=$?
like "what cannot be printed is told" "$s $(cat "$T/full")" '^111 .*No space left'
j show 2> "$T/closed" | :
is "but not that a reader has enough" "$(cat "$T/closed")" ""
is "by queue id" "$(j show --qid=$q2 | wc -l)" 1
is "by code" "$(j show --code=91 | wc -l)" 2
is "by the code's name" "$(j show --code=originator | wc -l)" 2
is "by address, in any case" "$(j show --address=ann@example.org | wc -l)" 2
is "by client" "$(j show --ip=192.0.2.7 | wc -l)" 1
is "by program" "$(j show --program=smtpd | wc -l)" 4
is "since" "$(j show --since=2026-11-24T03:04:06 | wc -l)" 3
at=$(j show --code=AP | sed -n 's/^\([0-9-]* [0-9:.]*Z\) .*/\1/p')
is "since a time as it is shown" "$(j show --since="$at" | wc -l)" 3
is "by queue id in lower case" "$(j show --qid="$(echo $q2 | tr A-Z a-z)" | wc -l)" 1
is "until" "$(j show --until=2026-11-24T03:04:05 | wc -l)" 5
is "all options must hold" "$(j show --code=91 --program=smtpd | wc -l)" 1
is "JSON is one object a line" "$(j show --json | python3 -c '
import json, sys
print(sum("code" in json.loads(l) for l in sys.stdin))')" 8
is "an enhanced code is not taken for the entry's" \
    "$(j show --code=73 --json | python3 -c '
import json, sys
o = json.loads(sys.stdin.read()); print(o["code"], o["status"])')" '73 5.1.1'
awk 'BEGIN { for (i = 0; i < 10050; i++)
	printf "91 time=2026-11-24T03:04:05.%06dZ program=smtpd qid=01ARZ3NDEKTSV4RRFFQ7%06d from=many@test\n", i, i
}' > "$T/many"
mkdir -p "$T/other/journal" "$T/other/run"; touch "$T/other/pneu.conf"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$T/other"
as journal-write -C "$T/other" < "$T/many"
is "of very many messages the newest are told of" \
    "$(as journal -C "$T/other" trace --most=2 many@ 2> "$T/more" | grep -c '^01ARZ3NDEKTSV4RRFFQ701004[89]')" 2
like "and that there are more" "$(cat "$T/more")" 'the 2 newest'
is "a trace of nothing is refused" "$(j trace '' > "$T/out" 2>&1; echo $?)" 100
like "a wrong code is told" "$(j show --code=QQ 2>&1; echo $?)" '^100$'

story=$(j trace '<a@b>')
like "a trace by Message-ID has the story" "$story" 'received from pc7 \[192.0.2.7\]'
is "in the order of time" \
    "$(printf '%s\n' "$story" | grep -nE '\((92|7A)\)$' | cut -d: -f1 | tr '\n' ' ')" '4 6 '
like "from a time of UTC on" "$story" '^  [0-9:.]{15}Z received'
like "with the time between steps" "$story" '\+2\.600 ms  taken up for delivery'
like "and the report about it" "$story" "^$q2"
{
	e A1 03.000000 queue-run 01ARZ3NDEKTSV4RRFFQ0000001 " of=$q1"
	e 91 02.000000 smtpd 01ARZ3NDEKTSV4RRFFQ0000002 ' from=early@example.net'
	e B2 02.100000 queue-run 01ARZ3NDEKTSV4RRFFQ0000002 ' n=2 to=b@example.org same=1'
	e 7C 02.200000 queue-run 01ARZ3NDEKTSV4RRFFQ0000002 ' to=retry1/20261124T0304 text=full'
	e AP 02.300000 queue-run 01ARZ3NDEKTSV4RRFFQ0000002 ' notice=01ARZ3NDEKTSV4RRFFQ0000001'
} | write
story=$(j trace early@)
is "which comes after the message, whatever its queue id" \
    "$(printf '%s\n' "$story" | grep -oE '^01ARZ\w+' | tr '\n' ' ')" '01ARZ3NDEKTSV4RRFFQ0000002 01ARZ3NDEKTSV4RRFFQ0000001 '
like "it says whose copy serves" "$story" 'recipient 2 <b@example.org>, as the copy of recipient 1'
like "and where it waits" "$story" 'deferred to retry1/20261124T0304: full'
like "a trace by a part of an address" "$(j trace bob@)" "^$q1"
{
	e 94 05.000100 smtpd 01ARZ3NDEKTSV4RRFFQ69G5FAX ' helo=late'
	e 7A 05.000050 queue-run 01ARZ3NDEKTSV4RRFFQ69G5FAX ''
	e B8 05.000040 queue-run 01ARZ3NDEKTSV4RRFFQ69G5FAX ' path=late'
	e 97 05.000200 smtpd 01ARZ3NDEKTSV4RRFFQ69G5FAX ''
} > "$T/late"
write < "$T/late"
is "how it came is told before what became of it, whoever wrote first" \
    "$(j trace late | grep -oE '\(..\)$' | tr -d '\n')" '(94)(97)(B8)(7A)'
like "with the time as it was written" "$(j trace late)" '-0\.160 ms  delivered to'
is "an option that is not the verb's is refused" \
    "$(j trace --since=1h late > /dev/null 2>&1; echo $?)" 100
like "what is not known is told" "$(j trace nobody@nowhere 2>&1; echo $?)" '^100$'

check "a sound journal verifies" j verify
printf 'not a record\1\033[31m\n94 no time\n' | write
like "lines that are no entry are named" "$(j verify; echo $?)" '^journal/000001:18:'
like "and the exit status says so" "$(j verify 2>&1; echo $?)" '^100$'
printf '94 time=%%1B[31m qid=x\n94 time=2026-11-24T03:04:05.000000Z qid=%%1B[31m\n' | write
is "nor does an encoded one reach a terminal" "$(j show | tr -d '\n -~' | wc -c)" 0
like "verify speaks JSON" "$(j verify --json 2> /dev/null | tail -n 1)" '^\{"entries":[0-9]*,"bad":3\}$'
is "no control octet is kept" "$(tr -d '\n -~' < "$H/journal/000001" | wc -c)" 0

{ head -c 600000 /dev/zero | tr '\0' x; echo; e 94 06.500000 smtpd $q1 ''; } | write
is "an over-long line is cut" "$(tail -n 2 "$H/journal/000001" | head -n 1 | wc -c)" 4096
is "and what follows is whole" "$(j show --since=2026-11-24T03:04:06.5 | wc -l)" 1
rm "$H"/journal/*
{ e 94 06.500000 smtpd $q1 ''; head -c 600000 /dev/zero | tr '\0' x; echo; e 94 06.600000 smtpd $q1 ''; } > "$H/journal/000001"
[ "$(id -u)" -ne 0 ] || chown nobody "$H/journal/000001"
is "an over-long line that is there hides no entry" "$(j show | wc -l)" 2
is "it is named as one" "$(j verify 2> /dev/null)" "journal/000001:2: record: too long
2 entries, 1 lines that are no entry"

check "an operator rotates" j rotate
e 94 07.000000 smtpd $q1 '' | write
is "the next entry is in the next receiver" "$(wc -l < "$H/journal/000002")" 1
for _ in 1 2 3 4 5; do
	yes "$(e 94 08.000000 smtpd $q1 '')" | head -n 1500 | write
done
is "receivers beyond keep are removed" "$(ls "$H/journal" | wc -l)" 3
printf '[journal]\nrotate_size = 64K\nkeep = 3\nkeep_time = 1h\n' > "$H/young.conf"
for _ in 1 2; do
	yes "$(e 94 08.000000 smtpd $q1 '')" | head -n 1500 | as journal-write -C "$H" -c "$H/young.conf" 2>> "$T/young"
done
is "but not those that are younger than keep_time" \
    $(($(ls "$H/journal" | wc -l) > 3)) 1
like "and a person is told" "$(cat "$T/young")" 'receivers.*journal.keep_time'
printf '94 time=torn' >> "$H/journal/$(ls "$H/journal" | tail -n 1)"
e 94 09.000000 smtpd $q1 '' | write
like "a torn last line is cut when the receiver is attached" \
    "$(tail -n 2 "$H/journal/$(ls "$H/journal" | tail -n 1)" | grep -c torn)" '^0$'
mkfifo -m 666 "$T/fifo"
serve() { _exec_as "$B/journal-write" -C "$H" < "$T/fifo" 2>> "$T/serve.err" & exec 8> "$T/fifo"; }
serve
wait_for as sh -c "! flock -n '$H/journal' true"; ok $? "a journal has one writer"
exec 8>&-; wait $!
full="a full disk tears no line" told="what was lost, and why, is told when there is room"
if [ "$(id -u)" = 0 ] && mkdir "$T/small" && mount -t tmpfs \
    -o size=64k,uid="$(id -u nobody)" tmpfs "$T/small" 2> /dev/null; then
	rm -rf "$H/journal"; ln -s "$T/small" "$H/journal"
	serve
	yes "$(e 94 08.000000 smtpd $q1 '')" | head -n 3000 >&8
	wait_for grep -q 'No space left' "$T/serve.err"
	is "$full" "$(tail -c 1 "$T/small/000001" | od -An -c | tr -d ' ')" '\n'
	mount -o remount,size=4m "$T/small"
	e 94 09.000000 smtpd $q1 '' >&8; exec 8>&-; wait $!
	is "$told" "$(grep -hvE '^94 .*:08\.0' "$T"/small/* | cut -c1-2 | tr '\n' ' ')" 'JL XX 94 '
	n=$(cat "$T"/small/* | sed -n 's/^JL .* n=//p')
	is "all are accounted for" $((n + $(cat "$T"/small/* | grep -c ':08\.0'))) 3000
	is "and it was said once" "$(grep -c 'No space left' "$T/serve.err")" 1
	umount "$T/small"
else
	skip "$full" "no tmpfs can be mounted"
	skip "$told" "no tmpfs can be mounted"
fi
done_testing
