#!/bin/sh
# SPDX-License-Identifier: ISC
# pneu list: entries of the lists, checked, in force at once, told who did it.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
make_home
list() { as env SUDO_USER=ann pneu -C "$H" list "$@" 2>&1; }
greeting() { timeout 20 python3 "$D/talk.py" "$SMTP" < /dev/null | head -n 1; }

is "a list that is not there is empty" "$(list show near)" ""
is "without a system an entry goes to the file" "$(list add near b.test .c.test)$(cat "$H/lists/near")" \
    "near: changed; in force after the next start or reloadb.test
.c.test"
is "smtpd of another user may read it" "$(stat -c %a "$H/lists/near")" 640
printf '# the worst\n192.0.2.0/24 # since May\n' | as sh -c 'cat > "$1/lists/reject"' sh "$H"
for e in "near 192.0.2.7/24" "reject 192.0.2.7/24" "reject b.test" "logins b.test" "domain a..b" "server-bind 127.0.0.1:0:1"; do
	# shellcheck disable=SC2086
	list add $e > "$T/out"; is "refused: $e" $? 100
done
list add etrn x > "$T/out"; is "a list that is none is a wrong use" $? 100
list remove near d.test > "$T/out"; is "what is not there cannot be removed" "$? $(cat "$T/out")" \
    "100 pneu list: d.test is not in lists/near"
is "nothing of it is in the file, or beside it" "$(ls -A "$H/lists"; cat "$H/lists/reject")" "near
reject
# the worst
192.0.2.0/24 # since May"

check "the system becomes ready" start_pneu
like "a client comes in" "$(greeting)" '^220 '
is "while it runs, an entry is in force at once" "$(list add reject 127.0.0.1/32)" "reject: configuration 2 is in force"
wait_for none_retires
like "and turns the client away" "$(greeting)" '^554 5\.7\.1'
is "what is there already changes nothing" "$(list add reject 127.0.0.1)" "reject: nothing to change"
is "comments and order stay" "$(cat "$H/lists/reject")" "# the worst
192.0.2.0/24 # since May
127.0.0.1/32"
is "show finds what covers an address" "$(list show reject 192.0.2.9)" "192.0.2.0/24"
is "with its line, as JSON" "$(list show --json reject 192.0.2.9)" '{"list":"reject","entry":"192.0.2.0/24","line":2}'
list show reject 198.51.100.1 > "$T/out"; is "and says where nothing does" $? 100
is "an entry goes" "$(list remove reject 127.0.0.1)" "reject: configuration 3 is in force"
wait_for none_retires
like "and the client is back" "$(greeting)" '^220 '
soon "the journal has who did it" '^SC .*by=ann how=remove setting=lists.reject value=127.0.0.1' journal_text

is "domains are a setting" "$(list add domain example.net)$(grep '^domain' "$H/pneu.conf")" \
    "domain: configuration 4 is in forcedomain = example.org
domain = example.net"
wait_for none_retires
is "and are shown as the others" "$(list show domain)" "example.org
example.net"
is "addresses that are listened on, too" "$(list show server-bind)" "127.0.0.1:$SMTP"

# A line that somebody else wrote is no reason to take the list.
as sh -c 'echo "no network" >> "$1/lists/reject"' sh "$H"
is "with a wrong line nothing is changed" "$(list add reject 198.51.100.1; tail -n 1 "$H/lists/reject")" \
    "pneu list: lists/reject:3: not an IP address
no network"
is "which can be removed" "$(list remove reject "no network")" "reject: configuration 5 is in force"
stop_pneu; is "it stops with 0" $? 0
done_testing
