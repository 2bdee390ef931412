#!/bin/sh
# SPDX-License-Identifier: ISC
# From queue-add to the mailbox; one copy for an alias; a report for a failure.
. "$(dirname "$0")/lib.sh"
make_home
add_user bob@example.org secret > "$T/out" 2>&1
add_user ann@example.org secret >> "$T/out" 2>&1
as directory -C "$H" alias add robert@example.org bob@example.org >> "$T/out" 2>&1 ||
    diag "$(cat "$T/out")"
check "the system becomes ready" start_pneu

send() { # send FROM TO...
	_f=$1; shift
	printf 'Subject: x\n\nhello\n' | as queue-add -C "$H" -f "$_f" "$@" |
	    sed 's/^queued as //'
}
new() { ls "$H/mail/example.org/$1/new" | wc -l; }
has() { [ "$(new "$1")" -eq "$2" ]; }
settled() { [ -z "$(find "$H"/queue/in "$H"/queue/message -type f)" ]; }

Q=$(send ann@example.org bob@example.org)
check "a message reaches its mailbox" wait_for has bob 1
like "under a name made of its qid" "$(ls "$H/mail/example.org/bob/new")" "\.${Q}R1,S=[0-9]+,W=[0-9]+"
check "and the queue lets go" wait_for settled
Q=$(send ann@example.org bob@example.org robert@example.org ann@example.org)
check "one with three recipients too" wait_for has ann 1
check "the queue lets go of both its files" wait_for settled
is "two addresses of one mailbox get one copy" "$(new bob)" 2
is "no copy shows another recipient" "$(grep -l ann@ "$H"/mail/example.org/bob/new/*"$Q"* | xargs -r grep -c '^Delivered-To: ann')" 0

Q=$(send ann@example.org nobody@example.org)
check "an unknown recipient comes back to the sender" wait_for has ann 2
R=$(grep -l delivery-status "$H"/mail/example.org/ann/new/*)
like "from the null reverse-path" "$(cat "$R")" '^Return-Path: <>'
python3 - "$R" > "$T/report" <<'E'
import email, sys
m = email.message_from_binary_file(open(sys.argv[1], "rb"))
print(m.get_content_type(), m.get_param("report-type"), m["Auto-Submitted"])
p = m.get_payload()
print(*[x.get_content_type() for x in p])
s = p[1].get_payload()
print(s[0]["Reporting-MTA"], "|", s[1]["Final-Recipient"], "|", s[1]["Action"], "|", s[1]["Status"])
print(email.message_from_string(p[2].get_payload())["Subject"])
E
is "the report is one that programs read" "$(cat "$T/report")" \
    "multipart/report delivery-status auto-replied
text/plain message/delivery-status text/rfc822-headers
dns; mx.example.org | rfc822; nobody@example.org | failed | 5.1.1
x"
check "and the queue is empty again" wait_for settled
Q=$(send '' nobody@example.org)
check "a message without sender that fails is let go" wait_for settled
is "and nobody gets a report" "$(new ann)$(new bob)" 22
check "the journal tells the whole way" wait_for sh -c \
    "grep -h 'qid=$Q' '$H'/journal/* | grep -q '^73 .*code=5.1.1'"
check "it stops" stop_pneu
done_testing
