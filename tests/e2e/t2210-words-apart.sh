#!/bin/sh
# SPDX-License-Identifier: ISC
# What a client sent stays one value in what a person, or a script, reads.
. "$(dirname "$0")/lib.sh"
make_home
op() { as pneu -C "$H" "$@" 2> "$T/err"; }
write() { as journal-write -C "$H"; }
q=01ARZ3NDEKTSV4RRFFQ69G5FAV
e() { printf '%s time=%s program=%s pid=7%s\n' "$1" "$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)" "$2" "$3"; }
{
	e KF pop3d ' ip=192.0.2.7 user=eve@example.org%20ip%3D203.0.113.9 text=no%20such%20user'
	e 94 smtpd " qid=$q ip=192.0.2.8 helo=pc7%20[203.0.113.9]%20over%20SMTP proto=ESMTP"
	e 91 smtpd " qid=$q from=%22a%20b%3E%20to%3Dx%22@example.net"
	e 92 smtpd " qid=$q n=1 to=%5C%22%20x@example.org"
	e 99 smtpd " qid=$q id=%1B%E2%80%AE%C3%A9"
	e B8 queue-run " qid=$q path=mail/%20(copy) how=link"
	e 97 smtpd " qid=$q list=a%3Db@example.org empty="
	e SD pneu ' service=x%20killed%20by%20signal%209 code=1'
} | write

show=$(op journal show)
like "a user's name with spaces is one value" "$show" \
    ' user="eve@example.org ip\\x3D203\.0\.113\.9" text="no such user"$'
is "a search for a field finds fields" \
    "$(printf '%s\n' "$show" | grep -oE '[[:space:]]ip=[0-9.]+' | tr -d '\n')" " ip=192.0.2.7 ip=192.0.2.8"
like "a quoted local-part too" "$show" ' from="\\"a b> to\\x3Dx\\"@example\.net"$'
like "a quote ends no value" "$show" ' to="\\\\\\" x@example\.org"$'
like "what may not be shown is written as octets" "$show" ' id="\\x1B\\xE2\\x80\\xAEé"$'
like "an equals sign without a space before it stays; an empty value is empty" "$show" \
    ' list="a=b@example\.org" empty=$'
is "in JSON it is what came" "$(op journal show --json --code=KF | python3 -c 'import json
print(json.loads(input())["user"])')" "eve@example.org ip=203.0.113.9"

trace=$(op journal trace $q)
like "trace: of a name in HELO no second address is made" "$trace" \
    'received from "pc7 \[203\.0\.113\.9\] over SMTP" \[192\.0\.2\.8\] over ESMTP  \(94\)$'
like "trace: a quoted local-part does not end its brackets" "$trace" \
    'reverse-path <"\\"a b> to\\x3Dx\\"@example\.net">  \(91\)$'
like "trace: nor does a mailbox its place" "$trace" 'delivered to mailbox "mail/ \(copy\)" \(link\)  \(B8\)$'
soon "status: nor does a service" 'died 1; .*: "x killed by signal 9" ended with 1$' op status

A=$(printf 'Subject: x\n\nhello\n' | as queue-add -C "$H" -f '"eve> -> <ann"@example.net' '"a> done\"=b"@example.org' | sed 's/^queued as //')
like "queue list: an address ends where it ends" "$(op queue list)" \
    "^$A in .* <\"\\\\\"eve> -> <ann\\\\\"@example\\.net\"> -> <\"\\\\\"a> done\\\\\\\\\\\\\"\\\\x3Db\\\\\"@example\\.org\">\$"
show=$(op queue show "$A")
like "queue show: too" "$show" '^from +<"\\"eve> -> <ann\\"@example\.net">$'
like "with what is said of a recipient after it" "$show" '^to 1 +<"\\"a> done.*@example\.org"> waits$'
is "in JSON it is what came" "$(op queue list --json | python3 -c 'import json
print(json.loads(input())["from"])')" '"eve> -> <ann"@example.net'

like "explain: an address is one value" "$(op explain '"eve  => mailbox"@example.org')" \
    '^"\\"eve  \\x3D> mailbox\\"@example\.org"$'
done_testing
