#!/bin/sh
# SPDX-License-Identifier: ISC
# pneu setup: six questions, by options or the standard input, all or none.
. "$(dirname "$0")/lib.sh"
make_home
S() { as pneu -C "$H" setup "$@" 2>&1; }
value() { as pneu -C "$H" config show --json | python3 -c 'import json, sys
for r in map(json.loads, sys.stdin):
    if "%s.%s" % (r["section"], r["key"]) == sys.argv[1]: print(*r["value"], sep=",")' "$1"; }
like "the answers from what is set" "$(S --check)" '^Domains.*: example\.org  \(resolve\.domain\)$'
is "there are six" "$(S --check --json | wc -l)" 6
got=$(S --domains 'example.org, example.net' --pop no); is "options answer" $? 0
is "the domains" "$(value resolve.domain)" example.org,example.net
is "POP3" "$(value pop3d.autostart)" no
before=$(cat "$H/pneu.conf")
got=$(S --pop yes --dns nonsense); is "a wrong answer is refused" $? 100
is "and no other is taken" "$(cat "$H/pneu.conf")" "$before"
got=$(S --router 192.0.2.1); is "mail to the world is not sent yet" $? 100
got=$(printf '\n192.0.2.53\n\n\n\nyes\n' | S); is "the standard input answers" $? 0
like "each question is asked with what is set" "$got" 'Domains.* \[example\.org, example\.net\]: '
is "a line is taken" "$(value route.resolver) $(value pop3d.autostart)" '192.0.2.53 yes'
is "an empty one leaves what is there" "$(value resolve.domain)" example.org,example.net
got=$(S --dns none); is "none: the default" "$? $(value route.resolver)" '0 '
S < /dev/null > "$T/out"; is "no input changes nothing" "$? $(value resolve.domain)" '0 example.org,example.net'
done_testing
