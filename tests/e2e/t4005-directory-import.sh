#!/bin/sh
# SPDX-License-Identifier: ISC
# directory import: many at once, all or nothing.
. "$(dirname "$0")/lib.sh"

H=$T/home
mkdir -p "$H/directory" "$H/secrets" "$H/mail" "$H/run"
printf '[resolve]\ndomain = example.org\n[auth]\nhash_ops = 1\nhash_memory = 8K\n' > "$H/pneu.conf"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H"
dir() { as directory -C "$H" "$@" > "$T/out" 2>&1; }
says() { cat "$T/out"; }
hash='$argon2id$v=19$m=8,t=1,p=1$o+Lz4uA6FuzNMmVVCWh3BA$nWgVWr6reKEI51c+QaVXRg643HPPOK/Es4Ed3nZ+W+8'
{
	echo '# people'
	seq 1000 | sed "s|.*|entry smtp=u&@example.org store=mailbox hash=$hash|"
	echo 'alias smtp=postmaster@example.org to=u1@example.org'
} > "$T/in"
watch= # what strace sees, and a leak checker cannot look meanwhile
: > "$T/calls"; chmod 666 "$T/calls"
! as strace -o /dev/null true 2> /dev/null || watch="strace -f -o $T/calls -e trace=fsync,fdatasync,syncfs"
LSAN_OPTIONS=detect_leaks=$([ -n "$watch" ]; echo $?) as $watch "$B/directory" -C "$H" import < "$T/in" > "$T/out" 2>&1
is "1,000 users are imported" "$? $(says)" \
	'0 1001 records in; 1000 mailboxes made, 0 were there'
few="with a few syncs for all, not some for each"
if [ -n "$watch" ]; then
	n=$(grep -c 'sync(\|syncfs(' "$T/calls")
	[ "$n" -gt 0 ] && [ "$n" -lt 50 ]; ok $? "$few" || diag "$n syncs"
else
	skip "$few" "strace may not trace here"
fi
is "each has a mailbox" "$(find "$H/mail/example.org" -name new | wc -l)" 1000
is "each is known" "$(seq -f 'resolve to=u%g@example.org' 1000 | as resolve -C "$H" | grep -c ^deliver)" 1000
dir check; ok $? "and nothing is wrong"
sum=$(cat "$H/directory/"* | cksum)
same() { [ "$sum" = "$(cat "$H/directory/"* | cksum)" ]; }
refuse() { # refuse TITLE ERE LINE...
	_t=$1 _w=$2; shift 2
	printf '%s\n' "$@" | dir import
	_got=$?; like "$_t" "$(says | head -n 1)" "^$_w"
	is "and nothing is changed" "$_got: $(says | grep -c '^directory: nothing was changed')" '100: 1'
	same; ok $? "in no file"
}
refuse "an address that is there is refused by its line" 'stdin:2: error: U7@example.org: this address is there already, on directory/entries:7$' \
	'entry smtp=new@example.org' 'entry smtp=U7@example.org'
refuse "so is one that is given twice" 'stdin:3: error: NEW@example.org: .* on stdin:1$' \
	'entry smtp=new@example.org' '# comment' 'entry smtp=NEW@example.org'
refuse "and one of another domain" 'stdin:1: error: new@example.net: example.net is not a local domain' 'entry smtp=new@example.net'
refuse "and what is no record" 'stdin:2:' 'entry smtp=new@example.org' 'entry smtp'
refuse "and an unknown word" 'stdin:1:' 'user smtp=new@example.org'
refuse "and a hash that is none" 'stdin:1:' 'entry smtp=new@example.org hash=x'
refuse "and both a password and a hash" 'stdin:1:' "entry smtp=new@example.org password=a hash=$hash"
refuse "and a password that no client can send" 'stdin:1: error: new@example.org: the password has a control character' 'entry smtp=new@example.org password=a%09b'
refuse "and one in Latin-1" 'stdin:1: error: new@example.org: the password is not UTF-8' 'entry smtp=new@example.org password=m%FCller'
refuse "and one that is empty" 'stdin:1: error: new@example.org: the password is empty' 'entry smtp=new@example.org password='
refuse "and a password of a program" 'stdin:1: error: new@example.org: program= and password= exclude each other' 'entry smtp=new@example.org program=p password=a'
refuse "and a key that there is not, which may be a misspelt password" 'stdin:1: error: new@example.org: there is no key passwort=$' 'entry smtp=new@example.org passwort=geheim'
refuse "and a path that climbs" 'stdin:1:' 'entry smtp=new@example.org path=../x'
refuse "and a password in an alias" 'stdin:1:' 'alias smtp=new@example.org to=u1@example.org password=a'
refuse "and aliases in a circle" 'stdin:1: error: a@example.org: leads in a circle' \
	'alias smtp=a@example.org to=b@example.org' 'alias smtp=b@example.org to=a@example.org'
printf '%s\n' 'nonsense' 'entry smtp=new@example.org' 'entry smtp=u1@example.org' 'alias to=x' | dir import
is "all errors are told, not just the first" "$(says | grep -o '^stdin:[0-9]*: error' | tr '\n' ' ')" \
	'stdin:1: error stdin:3: error stdin:4: error '
printf 'entry smtp=a%%1B[31mb@example.org\n' | dir import
is "no octet of what is wrong moves a terminal" "$? $(says | tr -d '\n -~' | wc -c)" '100 0'
echo 'entry smtp=kind@example.org path=kind kind=other' >> "$H/directory/entries"
like "nor is a key of ours taken by theirs" "$(as directory -C "$H" list --json)" \
	'^\{"kind":"entry","smtp":"kind@example.org"'
dir remove kind@example.org
printf 'entry smtp=last@example.org password=open%%20sesame' | dir import
ok $? "a last line without its end is read"
is "a password is hashed, and opens" \
	"$(echo 'auth user=last password=open%20sesame service=pop3' | as auth -C "$H" | cut -d' ' -f1-3)" \
	'ok user=last@example.org path=example.org/last'
! grep -q 'sesame' "$H/directory/"*; ok $? "and stands nowhere"
# With hashes that would take minutes.
sed 's/^hash_memory.*/hash_memory = 64M/; s/^hash_ops.*/hash_ops = 100/' "$H/pneu.conf" > "$T/slow.conf"; chmod 644 "$T/slow.conf"
{ seq 100 | sed 's/.*/entry smtp=slow&@example.org password=a/'; echo nonsense; } |
	as timeout "$LIMIT" directory -C "$H" -c "$T/slow.conf" import > "$T/out" 2>&1
is "all is checked before a password is hashed" "$? $(says | grep -c '^stdin:101: error')" '100 1'
dir import < /dev/null; is "nothing to import is no mistake" "$? $(says)" \
	'0 0 records in; 0 mailboxes made, 0 were there'

{
	seq 1100 | sed 's/.*/alias smtp=n&@example.org to=nobody@example.org/'
	echo 'alias smtp=loop@example.org to=loop@example.org'
} >> "$H/directory/entries"
dir check
is "errors come first, and what is too much is counted" \
	"$? $(says | sed -n '1s/^.*: error: \(.*\): .*/\1/p') $(says | grep '^[0-9]* more')" \
	'100 loop@example.org 101 more warnings'
done_testing
