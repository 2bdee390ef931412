#!/bin/sh
# SPDX-License-Identifier: ISC
# There is always a postmaster, and RCPT TO:<Postmaster> is looked up as any other.
. "$(dirname "$0")/lib.sh"

make_home example.org example.net
conf storage "min_free = 0"
dir() { as directory -C "$H" "$@" > "$T/out" 2>&1; }
says() { cat "$T/out"; }
where() { echo "resolve to=$1" | as resolve -C "$H" 2> /dev/null; }
rcpt() { # rcpt PATH: what smtpd answers to RCPT TO:PATH
	printf 'EHLO me.test\r\nMAIL FROM:<>\r\nRCPT TO:%s\r\nQUIT\r\n' "$1" |
		as timeout "$LIMIT" smtpd -C "$H" 2>&1 | tail -n 2 | head -n 1 | cut -c1-9
}

dir add bob@example.org
is "the postmaster of a new home takes mail" "$(rcpt '<Postmaster>')" "250 2.1.5"
dir remove postmaster@example.org
is "the last one cannot be removed, and why and what to do is said" "$? $(says)" \
	'100 directory: example.org would have no postmaster, but each domain needs one (RFC 5321 4.5.1): `directory alias add postmaster ADDRESS --replace` gives it to another'
like "and is there as before" "$(where Postmaster)" 'nexthop=example.org/postmaster '
dir alias add postmaster bob@example.org
is "an alias does not take its place by a slip" "$?" 100
dir alias add postmaster bob@example.org --replace
is "it can be given to another" "$? $(says)" '0 postmaster@example.org: leads to bob@example.org'
is "where its mail goes then" "$(where Postmaster)" 'deliver to=Postmaster transport=mailbox nexthop=example.org/bob rule=postmaster'
check "its mailbox stays" test -d "$H/mail/example.org/postmaster/new"
dir alias remove postmaster@example.org; is "that alias cannot be removed" "$?" 100
dir remove bob@example.org; is "nor can the user behind it" "$?" 100
dir alias add postmaster zed@example.org --replace; is "nor can it lead to nobody" "$?" 100
dir alias add '*@example.org' bob@example.org --catch-all
dir alias remove postmaster@example.org
is "behind a catch-all it can go" "$? $(rcpt '<Postmaster>')" "0 250 2.1.5"
dir alias remove '*@example.org'; is "but not that too" "$?" 100

dir check; like "a domain that has none is warned of" "$(says)" 'warning: example.net has no postmaster: `directory alias add'
dir add ann@example.net --alias=postmaster; dir remove ann@example.net
is "one that has it keeps it" "$?" 100
sed -i '/example.net/d' "$H/pneu.conf"; dir remove ann@example.net
is "until it is a local domain no more" "$?" 0

# With an editor everything can be done: then Postmaster is refused like another.
: > "$H/directory/entries"; dir compile --force
is "what is nobody's is refused, and not taken and lost" \
	"$(rcpt '<Postmaster>') $(rcpt '<postmaster@example.org>') $(rcpt '<zed@example.org>')" \
	"550 5.1.1 550 5.1.1 550 5.1.1"
done_testing
