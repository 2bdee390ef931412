#!/bin/sh
# SPDX-License-Identifier: ISC
# The hostile POP3 cases (tests/cases/pop3-server.jsonl) in the running system.
. "$(dirname "$0")/lib.sh"
make_home local.test
conf auth 'failed_login = 1ms'
add_user alice@local.test pw > "$T/out"
M=$H/mail/local.test/alice
put() { as sh -c "printf '%b' \"\$2\" > \"\$1\"" - "$M/new/$1" "$2"; }
put 1000000001.a.host 'From: a\r\nSubject: one\r\n\r\nhello\r\n'
put 1000000002.b.host 'Subject: dots\r\n\r\n.\r\n..\r\n..a\r\n.end'
put 1000000003.c.host 'Subject: empty\r\n\r\n'
check "the system becomes ready" start_pneu

python3 "$(dirname "$0")/replay_pop3.py" "$POP" alice@local.test pw \
	"$(dirname "$0")/../cases/pop3-server.jsonl" > "$T/cases"
sed 's/^\(ok\|not ok\) [0-9]*/\1/' "$T/cases" > "$T/titles"
while read -r line; do
	case $line in
	'ok - '*) ok 0 "${line#ok - }" ;;
	'not ok - '*) ok 1 "${line#not ok - }" ;;
	*) echo "$line" ;;
	esac
done < "$T/titles"
is "no message was lost on the way" "$(ls "$M/new" | wc -l)" 3
as journal -C "$H" show > "$T/journal" 2>&1
is "no octet that steers a terminal is in the journal" \
	"$(LC_ALL=C tr -d '\n\t\40-\176\200-\377' < "$T/journal" | wc -c)" 0
check "all is well" wait_for as pneu -C "$H" status
stop_pneu
is "no process died" "$(grep -c 'killed by\|SIG' "$T/pneu.err")" 0
done_testing
