#!/bin/sh
# SPDX-License-Identifier: ISC
# directory: add, change, remove, alias, list, show, check.
. "$(dirname "$0")/lib.sh"

H=$T/home
mkdir -p "$H/directory" "$H/secrets" "$H/mail" "$H/run"
printf '[resolve]\ndomain = example.org\n[auth]\nhash_ops = 1\nhash_memory = 8K\n' > "$H/pneu.conf"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H"
dir() { as directory -C "$H" "$@" > "$T/out" 2>&1; }
says() { cat "$T/out"; }
where() { echo "resolve to=$1" | as resolve -C "$H" 2> /dev/null; }

printf 'secret\n' | dir add bob@example.org --password-stdin \
	--userid="bob sys1" --alias=abuse
is "a user id in lower case is refused" "$?" 100
printf 'secret\n' | dir add bob@example.org --password-stdin \
	--userid="BOB SYS1" --preferred=userid --alias=abuse
ok $? "a user is added"
check "with a mailbox of three parts" test -d "$H/mail/example.org/bob/new" \
	-a -d "$H/mail/example.org/bob/cur" -a -d "$H/mail/example.org/bob/tmp"
is "secrets are for their owner alone" "$(stat -c %a "$H/secrets/secrets" "$H/secrets/secrets.cdb" | sort -u)" 600
! grep -rq argon2 "$H/directory/entries" "$H/directory/entries.cdb"
ok $? "no secret stands in the entries"
is "its alias leads to it" "$(where abuse@example.org)" \
	'mailbox to=abuse@example.org path=example.org/bob rule=alias'
dir add BOB@example.org; is "one address is not added twice" "$?" 100
dir add bob@example.net; is "nor one of another domain" "$?" 100
like "and what to do is said" "$(says)" 'domain = example.net'
dir show Bob@Example.org
is "show says all of it" "$(says)" 'kind=entry
smtp=bob@example.org
preferred=userid
userid=BOB%20SYS1
store=mailbox
path=example.org/bob
password=yes
alias=abuse@example.org
mailbox-exists=yes'

sed 's/^entry /&department=sales /' "$H/directory/entries" > "$T/e"
{ echo '# our people'; echo; cat "$T/e"; } > "$T/f" && cp "$T/f" "$H/directory/entries"
dir change bob@example.org --store=distribution --preferred=smtp
ok $? "an entry is changed"
is "what is not known in it stays, and comments" "$(head -n 3 "$H/directory/entries")" \
	"# our people

entry department=sales smtp=bob@example.org preferred=smtp userid=BOB%20SYS1 store=distribution path=example.org/bob"
dir change bob@example.org; is "a change of nothing is a mistake" "$?" 100

dir alias add '*@example.org' bob@example.org
is "a catch-all wants to be asked for" "$?" 100
is "before it an unknown user is refused" "$(where zed@example.org | cut -d' ' -f1)" perm
dir alias add '*@example.org' bob@example.org --catch-all
is "afterwards it takes all" "$? $(where zed@example.org)" \
	'0 mailbox to=zed@example.org path=example.org/bob rule=catch-all'
dir alias remove '*@example.org'; ok $? "it goes again"
dir alias add info bob@example.org --json
is "with --json the answer is an object" "$? $(says)" \
	'0 {"done":"info: leads to bob@example.org"}'
dir list --json
is "a list is an object a line" "$(says | python3 -c 'import json, sys
print(*[json.loads(l)["smtp"] for l in sys.stdin])')" \
	'bob@example.org abuse@example.org info@example.org'

dir alias remove info@example.org
dir alias add postmaster bob@example.org
dir check; is "check finds nothing wrong" "$?: $(says)" \
	'0: 3 addresses and 1 passwords: nothing is wrong'
cat >> "$H/directory/entries" <<'X'
entry smtp=BOB@example.org path=x
alias smtp=l1@example.org to=l2@example.org
alias smtp=l2@example.org to=l1@example.org
alias smtp=n@example.org to=far@example.net
entry smtp=far@example.net path=y
alias smtp=*@example.org to=bob@example.org catch-all=yes
nonsense here
X
dir check
is "check tells all that is wrong by file and line" "$?: $(says | sort)" \
"100: directory/entries:10: warning: example.net is not a local domain ([resolve] domain)
directory/entries:10: warning: has no mailbox: mail for it waits; \`pneu directory change ADDRESS --path=PATH\` makes it
directory/entries:11: note: a catch-all
directory/entries:12: error: record: bad field 1
directory/entries:6: error: this address is another's already, on line 3
directory/entries:6: warning: has no mailbox: mail for it waits; \`pneu directory change ADDRESS --path=PATH\` makes it
directory/entries:7: error: leads in a circle, or over more than 10 aliases
directory/entries:8: error: leads in a circle, or over more than 10 aliases
directory/entries:9: warning: leads to example.net, which is not local
directory: 4 errors, 4 warnings"
dir add ann@example.org
is "a directory with errors is not edited" "$?" 100
is "but mail goes on" "$(where bob@example.org)" 'mailbox to=bob@example.org path=example.org/bob'

head -n 5 "$H/directory/entries" > "$T/f" && cp "$T/f" "$H/directory/entries"
dir remove bob@example.org
like "a removed user's mailbox is kept, and that is said" "$? $(says)" \
	'^0 bob@example.org: removed, with 2 aliases; the mailbox mail/example.org/bob is kept$'
check "it is still there" test -d "$H/mail/example.org/bob/new"
is "mail for it is refused" "$(where bob@example.org | cut -d' ' -f1)" perm
is "its password is gone" "$(wc -c < "$H/secrets/secrets")" 0
dir remove bob@example.org; is "removing it again is a mistake" "$?" 100
dir add bob@example.org
like "added again it has its mailbox back" "$(says)" 'kept the mailbox mail/example.org/bob'
dir add; is "a verb without its address is a usage error" "$?" 100
dir fly a@example.org; is "so is a verb that is none" "$?" 100
done_testing
