#!/bin/sh
# SPDX-License-Identifier: ISC
# resolve answers in a shell pipeline, with no daemon.
. "$(dirname "$0")/lib.sh"

H=$T/home
mkdir -p "$H/directory" "$H/secrets" "$H/mail" "$H/run"
printf '[resolve]\ndomain = example.org\ndomain = bücher.example\n' > "$H/pneu.conf"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H"
ask() { printf '%s\n' "$@" | as resolve -C "$H" 2> "$T/err"; }

like "without a database it says temp and what to do" \
	"$(ask 'resolve to=bob@example.org')" \
	'^temp to=bob@example.org code=4.3.0 text=.*directory%20compile'
as directory -C "$H" add bob@example.org --alias=postmaster > "$T/out"
as directory -C "$H" add müller@bücher.example > "$T/out"

is "an entry is a mailbox" "$(ask 'resolve to=bob@example.org')" \
	'deliver to=bob@example.org transport=mailbox nexthop=example.org/bob'
is "many questions have as many answers, in their order" \
	"$(ask 'resolve to=BOB@EXAMPLE.ORG' 'resolve to="bob"@example.org' \
	'resolve to=bob+x@example.org' 'resolve to=Postmaster' \
	'resolve to=ann@example.org' 'resolve to=sue@Éxample.net')" \
	'deliver to=BOB@EXAMPLE.ORG transport=mailbox nexthop=example.org/bob
deliver to="bob"@example.org transport=mailbox nexthop=example.org/bob
deliver to=bob+x@example.org transport=mailbox nexthop=example.org/bob rule=plus
deliver to=Postmaster transport=mailbox nexthop=example.org/bob rule=postmaster
perm to=ann@example.org code=5.1.1 text=no%20such%20user
deliver to=sue@Éxample.net transport=smtp nexthop=xn--xample-9ua.net'
is "A-labels and U-labels are one domain, in any case" \
	"$(ask 'resolve to=MÜLLER@xn--bcher-kva.EXAMPLE' 'resolve to=müller@BÜCHER.example')" \
	'deliver to=MÜLLER@xn--bcher-kva.EXAMPLE transport=mailbox nexthop=xn--bcher-kva.example/müller
deliver to=müller@BÜCHER.example transport=mailbox nexthop=xn--bcher-kva.example/müller'
like "explain says each step before the answer" \
	"$(ask 'explain to=bob+x@example.org' | tr '\n' '|')" \
	'^step rule=entry [^|]*[|]step rule=plus [^|]*[|]step rule=mailbox [^|]*[|]deliver to=bob[+]x@example.org transport=mailbox nexthop=example.org/bob rule=plus[|]$'
is "a line that is no request ends the session without an answer" \
	"$(ask 'resolve to=bob@example.org' 'nonsense' 'resolve to=bob@example.org')" \
	'deliver to=bob@example.org transport=mailbox nexthop=example.org/bob'
like "and why is said, with 111" "$(ask 'resolve bob@example.org'; echo "$? $(cat "$T/err")")" \
	'^111 resolve: .'
printf 'resolve to=%s@example.org\n' "$(head -c 5000 /dev/zero | tr '\0' a)" |
	as resolve -C "$H" > "$T/out" 2> "$T/err"
is "an over-long line has no answer and kills nobody" "$? $(cat "$T/out")" "111 "
yes 'resolve to=bob@example.org' | head -n 20000 | as resolve -C "$H" > "$T/out"
is "20,000 questions in one pipe have 20,000 answers" \
	"$(sort "$T/out" | uniq -c | tr -s ' ')" \
	' 20000 deliver to=bob@example.org transport=mailbox nexthop=example.org/bob'

printf 'alias smtp=a@example.org to=b@example.org\nalias smtp=b@example.org to=a@example.org\n' > "$T/loop"
cat "$H/directory/entries" "$T/loop" > "$T/both" && cp "$T/both" "$H/directory/entries"
as directory -C "$H" compile > "$T/out" 2>&1
is "a loop of aliases is not compiled" "$?" 100
like "and its place is told" "$(cat "$T/out")" \
	'^directory/entries:[0-9]+: error: [ab]@example.org: leads in a circle'
is "the database before it stays in use" "$(ask 'resolve to=bob@example.org')" \
	'deliver to=bob@example.org transport=mailbox nexthop=example.org/bob'
done_testing
