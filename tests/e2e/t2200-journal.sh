#!/bin/sh
# The journal: what is appended is shown, traced, verified, rotated.
. "$(dirname "$0")/lib.sh"
H=$T/home
mkdir -p "$H/run" "$H/journal"
printf '[journal]\nrotate_size = 64K\nkeep = 3\n' > "$H/pneu.conf"
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
is "show prints each" "$(j show | wc -l)" 8
is "by queue id" "$(j show --qid=$q2 | wc -l)" 1
is "by code" "$(j show --code=91 | wc -l)" 2
is "by the code's name" "$(j show --code=originator | wc -l)" 2
is "by address, in any case" "$(j show --address=ann@example.org | wc -l)" 2
is "by client" "$(j show --ip=192.0.2.7 | wc -l)" 1
is "by program" "$(j show --program=smtpd | wc -l)" 4
is "since" "$(j show --since=2026-11-24T03:04:06 | wc -l)" 3
is "until" "$(j show --until=2026-11-24T03:04:05 | wc -l)" 5
is "all options must hold" "$(j show --code=91 --program=smtpd | wc -l)" 1
is "JSON is one object a line" "$(j show --json | python3 -c '
import json, sys
print(sum("code" in json.loads(l) for l in sys.stdin))')" 8
is "an enhanced code is not taken for the entry's" \
    "$(j show --code=73 --json | python3 -c '
import json, sys
o = json.loads(sys.stdin.read()); print(o["code"], o["status"])')" '73 5.1.1'
like "a wrong code is told" "$(j show --code=QQ 2>&1; echo $?)" '^100$'

story=$(j trace '<a@b>')
like "a trace by Message-ID has the story" "$story" 'received from pc7 \[192.0.2.7\]'
is "in the order of time" \
    "$(printf '%s\n' "$story" | grep -nE '\((92|7A)\)$' | cut -d: -f1 | tr '\n' ' ')" '4 6 '
like "with the time between steps" "$story" '\+2\.600 ms  queue-run took it up'
like "and the report about it" "$story" "^$q2"
like "a trace by a part of an address" "$(j trace bob@)" "^$q1"
like "what is not known is told" "$(j trace nobody@nowhere 2>&1; echo $?)" '^100$'

check "a sound journal verifies" j verify
printf 'not a record\1\033[31m\n94 no time\n' | write
like "lines that are no entry are named" "$(j verify; echo $?)" '^journal/000001:9:'
like "and the exit status says so" "$(j verify 2>&1; echo $?)" '^100$'
is "no control octet is kept" "$(tr -d '\n -~' < "$H/journal/000001" | wc -c)" 0

check "an operator rotates" j rotate
e 94 07.000000 smtpd $q1 '' | write
is "the next entry is in the next receiver" "$(wc -l < "$H/journal/000002")" 1
for _ in 1 2 3 4 5; do
	yes "$(e 94 08.000000 smtpd $q1 '')" | head -n 1500 | write
done
is "receivers beyond keep are removed" "$(ls "$H/journal" | wc -l)" 3
printf '94 time=torn' >> "$H/journal/$(ls "$H/journal" | tail -n 1)"
e 94 09.000000 smtpd $q1 '' | write
like "a torn last line is cut when the receiver is attached" \
    "$(tail -n 2 "$H/journal/$(ls "$H/journal" | tail -n 1)" | grep -c torn)" '^0$'
if [ "$(id -u)" = 0 ]; then
	mkdir "$T/small"
	if mount -t tmpfs -o size=64k,uid="$(id -u nobody)" tmpfs "$T/small" 2> /dev/null; then
		rm -rf "$H/journal"; ln -s "$T/small" "$H/journal"
		yes "$(e 94 08.000000 smtpd $q1 '')" | head -n 3000 | write 2> /dev/null
		is "a full disk tears no line" "$(tail -c 1 "$T/small/000001" | od -An -c | tr -d ' ')" '\n'
		umount "$T/small"
	else
		skip "a full disk tears no line" "no tmpfs can be mounted"
	fi
else
	skip "a full disk tears no line" "not root"
fi
done_testing
