#!/bin/sh
# SPDX-License-Identifier: ISC
# init makes a home that works as it is, and touches nothing that is not ours.
. "$(dirname "$0")/lib.sh"

chmod 777 "$T"
D=$T/made
[ "$(id -u)" -ne 0 ] || _user="--user nobody"
check "init makes a home" pneu -C "$D" init --domain example.org $_user
for d in queue/in queue/message queue/out queue/retry1 queue/retry2 queue/busy \
    queue/hold queue/quarantine queue/aside mail journal directory run; do
	[ -d "$D/$d" ] || missing="$missing $d"
done
like "init says how postmaster gets a password" "$(cat "$T/check")" "pneu -C $D directory passwd postmaster@example.org. sets one$"
is "every directory of the design is there" "$missing" ""
check "its configuration is right" as pneu -C "$D" config check
like "the local domain stands in it" "$(cat "$D/pneu.conf")" '^domain = example.org$'
check "postmaster is explained" as pneu -C "$D" explain postmaster@example.org
check "abuse is an alias" as pneu -C "$D" explain abuse@example.org
check "hostmaster is an alias" as pneu -C "$D" explain hostmaster@example.org
as pneu -C "$D" explain nobody-here@example.org > "$T/out" 2>&1
is "an unknown address is refused with 100" $? 100
like "an explanation numbers its steps" "$(cat "$T/out")" '^ +1\. '
mv "$D/mail/example.org/postmaster" "$T/away"
like "explain says that a mailbox is not there" "$(as pneu -C "$D" explain postmaster@example.org)" \
    'cannot be reached: No such file or directory; mail for it waits'
mv "$T/away" "$D/mail/example.org/postmaster"
like "a home that is not there is told with what makes one" "$(as pneu -C "$T/none" status 2>&1)" 'pneu init'

rmdir "$D/queue/hold"
check "a second init completes what is missing" pneu -C "$D" init
[ -d "$D/queue/hold" ]; ok $? "the missing directory is back"

pneu -C "$T/later" init $_user > "$T/out" 2>&1
like "a home without a domain says what it lacks" "$(cat "$T/out")" 'no local domain yet'
as directory -C "$T/later" compile --at-start > "$T/out" # as a start does
printf '[resolve]\ndomain = example.net\n' >> "$T/later/pneu.conf"
pneu -C "$T/later" init > "$T/out" 2>&1
check "with one, init makes postmaster, though it was started before" as pneu -C "$T/later" explain postmaster@example.net

mkdir "$T/other"; echo x > "$T/other/file"
pneu -C "$T/other" init > "$T/out" 2>&1
is "somebody's directory is refused" $? 100
is "nothing was put into it" "$(ls "$T/other")" file
pneu -C "$T/bad" init --domain 'exa mple' > "$T/out" 2>&1
is "a domain that is none is refused" $? 100
# shellcheck disable=SC2046
pneu -C "$T/bad" init $(seq -f '--domain=d%g.example' 65) > "$T/out" 2>&1
is "more domains than one call takes are refused" $? 100
like "the first of them is named" "$(cat "$T/out")" '--domain d65.example: at most 64 at once'

if [ "$(id -u)" -eq 0 ]; then
	is "root gives the home to the user" "$(stat -c %U "$D" "$D/pneu.conf" \
	    "$D/queue/in" "$D/directory/entries" | sort -u)" nobody
	pneu -C "$T/roots" init --user root > "$T/out" 2>&1
	is "a home of root's is refused" $? 100
else
	skip "root gives the home to the user" "not root"
	skip "a home of root's is refused" "not root"
fi
is "others go through the home and look into nothing" "$(stat -c %a "$D" "$D/run" "$D/mail" | tr '\n' ' ')" '711 711 700 '
make_home
like "a file that -c names and is not there is named" \
    "$(cd "$H" && as pneu -C . -c nowhere.conf config show 2>&1)" 'open nowhere.conf: No such file'
done_testing
