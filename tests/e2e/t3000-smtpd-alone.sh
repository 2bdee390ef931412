#!/bin/sh
# SPDX-License-Identifier: ISC
# smtpd by itself: a session in a shell, its limits, its end.
. "$(dirname "$0")/lib.sh"
command -v python3 > /dev/null || skip_all "no python3"
make_home local.test
conf storage "min_free = 0"
add_user alice@local.test pw > "$T/out" || diag "$(cat "$T/out")"
alone() { printf '%b' "$1" | (_exec_as timeout "$LIMIT" smtpd -C "$H") 2>&1; }
codes() { tr -d '\r' | grep -E '^[0-9]{3} ' | cut -c1-3 | tr '\n' ' '; }
start='EHLO me.test\r\nMAIL FROM:<ann@peer.test>\r\nRCPT TO:<alice@local.test>\r\n'

# Nothing runs: resolve and queue-add are started by smtpd.
out=$(alone "${start}DATA\r\nSubject: x\r\n\r\n..hello\r\n.\r\nQUIT\r\n")
is "a session from a pipe, with no daemon" \
    "$(printf '%s\n' "$out" | codes)" "220 250 250 250 354 250 221 "
qid=$(printf '%s\n' "$out" | sed -n 's/^250 2.0.0 queued as \([0-9A-Z]*\).*/\1/p')
like "the message lies in the queue under the name of the reply" \
    "$(head -n 1 "$H/queue/in/$qid")" \
    "^Pneu: one .*qid=$qid .*from=<ann@peer.test> to=<alice@local.test>"
is "its content is what was sent, one dot less" \
    "$(tail -n 1 "$H/queue/in/$qid" | tr -d '\r')" ".hello"
like "the trace field names it too" "$(cat "$H/queue/in/$qid")" \
    "by mx.example.org \(Pneu\) with ESMTP id $qid"

big=$(head -c 3000000 /dev/zero | tr '\0' 'y' | fold -w 70 | sed 's/$/\\r\\n/' | tr -d '\n')
out=$(printf '%b' "${start}DATA\r\nSubject: big\r\n\r\n$big\r\n.\r\n" > "$T/big"
    (_exec_as timeout "$LIMIT" smtpd -C "$H") < "$T/big" 2>&1)
is "a big message from a file" "$(printf '%s\n' "$out" | codes)" \
    "220 250 250 250 354 250 "
qid=$(printf '%s\n' "$out" | sed -n 's/^250 2.0.0 queued as \([0-9A-Z]*\).*/\1/p')
# 3,000,000 octets in 42,858 lines, an empty one, the subject and one more CRLF
is "it came whole" "$(sed -n '/^Subject: big/,$p' "$H"/queue/message/*/"$qid" | wc -c)" \
    $((3000000 + 2 * 42858 + 2 + 14 + 2))

# One queue-add for the whole session, whatever became of the message before.
mail="MAIL FROM:<ann@peer.test>\r\nRCPT TO:<alice@local.test>\r\nDATA\r\n"
lines=$(head -c 100000 /dev/zero | tr '\0' 'y' | fold -w 70 | sed 's/$/\\r\\n/' | tr -d '\n')
out=$(alone "${start}DATA\r\n\r\n${lines}nul \0000\r\n.\r\n${mail}Subject: x\r\n\r\n.\r\n")
is "after a big one is refused the next is queued" \
    "$(printf '%s\n' "$out" | codes)" "220 250 250 250 354 550 250 250 354 250 "

is "HELP, VRFY, NOOP" "$(alone 'HELP\r\nVRFY x\r\nNOOP x\r\nQUIT\r\n' | codes)" \
    "220 214 252 250 221 "
conf smtpd "vrfy = off"
is "VRFY can be off" "$(alone 'VRFY x\r\n' | codes)" "220 502 "
conf smtpd "bare_lf = accept"
out=$(alone "${start}DATA\r\nSubject: lf\n\na\n.\nb\n.\r\nc\r\n.\r\nQUIT\r\n")
is "bare LF accepted is never the end of data" \
    "$(printf '%s\n' "$out" | codes)" "220 250 250 250 354 250 221 "
qid=$(printf '%s\n' "$out" | sed -n 's/^250 2.0.0 queued as \([0-9A-Z]*\).*/\1/p')
is "and becomes CRLF" "$(sed -n '/^Subject/,$p' "$H/queue/in/$qid" | od -An -c | tr -d ' \n')" \
    'Subject:lf\r\n\r\na\r\n.\r\nb\r\n.\r\nc\r\n'
sed -i "s,^min_free = 0,min_free = 1024G," "$H/pneu.conf"
is "452 when space is short" \
    "$(alone 'EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<alice@local.test>\r\n' | codes)" \
    "220 250 452 503 "
done_testing
