#!/bin/sh
# SPDX-License-Identifier: ISC
# directory: logins, accounts, people; find, rename, remove --purge, restore.
. "$(dirname "$0")/lib.sh"

H=$T/home
mkdir -p "$H/directory" "$H/secrets" "$H/mail" "$H/run"
printf '[resolve]\ndomain = example.org\ndomain = example.net\n[auth]\nhash_ops = 1\nhash_memory = 8K\n' > "$H/pneu.conf"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H"
dir() { as directory -C "$H" "$@" > "$T/out" 2>&1; }
says() { cat "$T/out"; }
where() { echo "resolve to=$1" | as resolve -C "$H" 2> /dev/null; }
who() { echo "who $*" | as resolve -C "$H" 2> /dev/null; }
auth() { echo "auth user=$1 password=$2 service=pop3" | as auth -C "$H" 2> /dev/null | cut -d' ' -f1,2; }

printf 'secret\n' | dir add bob@example.org --password-stdin --login=SJONES,bobby \
	--account=daemon,root --name='Bob Smith' --department=Sales --phone='+1 555 7' --alias=info
ok $? "a user is added with names and a person"
is "who logs in by another name is he" "$(auth sjones secret)" 'ok user=bob@example.org'
is "in any case" "$(auth BOBBY secret)" 'ok user=bob@example.org'
is "by his own as well" "$(auth bob secret)" 'ok user=bob@example.org'
is "a wrong password is one" "$(auth sjones other)" 'perm code=5.7.8'
printf 'x\n' | dir add sjones@example.org --password-stdin
like "nobody gets that name as an address" "$? $(says)" '^100 .*login=sjones is another user.s name'
printf 'other\n' | dir add bobby@example.net --password-stdin
is "in another domain he may, and logs in by all of it" "$? $(auth bobby@example.net other)" '0 ok user=bobby@example.net'
dir add sue@example.org --login=Bobby
like "no two have one login" "$? $(says)" '^100 .*the same login bobby is there already'

n=$(id -u daemon)
is "an account is known by number" "$(who id=$n)" "who id=$n user=bob@example.org name=Bob%20Smith"
is "and name, and its addresses are its own" "$(who id=daemon from=info+x@example.org)" \
	'who id=daemon user=bob@example.org name=Bob%20Smith owns=1'
is "others are not" "$(who id=daemon from=bobby@example.net)" 'who id=daemon user=bob@example.org name=Bob%20Smith'
is "who is in no entry is nobody" "$(who id=4711 | cut -d' ' -f1-3)" 'perm id=4711 code=5.7.1'
dir change bobby@example.net --account='daemon,*'
is "an account may have two entries" "$(who id=$n from=bobby@example.net)" "who id=$n user=bob@example.org name=Bob%20Smith owns=1"
is "and the rest one" "$(who id=4711)" 'who id=4711 user=bobby@example.net'
is "whom the kernel cannot name is nobody all the same" "$(who id=65534 | cut -d' ' -f1)" perm
dir change bobby@example.net --account=no-such-account
like "an account that does not exist is told" "$? $(says)" '^0 .*warning: bobby@example.net: account=no-such-account: no account'
dir change bobby@example.net --account=

dir find smith; is "a user is found by name" "$? $(says)" \
	'0 bob@example.org (Bob Smith), Sales, phone +1 555 7, login SJONES,bobby, account daemon,root'
dir find SALES --json; is "and department, as an object" "$(says | python3 -c 'import json, sys
print(*[json.loads(l)["smtp"] for l in sys.stdin])')" bob@example.org
dir find info; is "an alias too" "$(says)" 'info@example.org leads to bob@example.org'
dir find nothing-like-that; is "nothing found is 100" "$?" 100
dir change bob@example.org --name='Bob Müller'; dir find mÜLLER
like "in any case, of any letters" "$(says)" '^bob@example.org \(Bob Müller\)'
printf '[smtpd]\nlisten = 127.0.0.1:25\nlisten = 192.0.2.1:465 tls submission\nlisten = 192.0.2.1:587 submission\n[pop3d]\nlisten = [::1]:110\nlisten = 192.0.2.1:995 tls\n[pneu]\nhostname = mx.example.org\n' >> "$H/pneu.conf"
dir clientinfo bob@example.org
is "what to type into a mail program is told, the safest first" "$(says)" 'mail address  bob@example.org
name          Bob Müller
user name     bob@example.org (or SJONES,bobby)
password      that of the mail address
POP3 server   mx.example.org, port 995, SSL
POP3 server   mx.example.org, port 110, plain, for this machine only
SMTP server   mx.example.org, port 465, SSL
SMTP server   mx.example.org, port 587, plain'
dir clientinfo bob@example.org --autoconfig
is "and what Thunderbird reads" "$(python3 -c 'import sys, xml.etree.ElementTree as x
for s in x.parse(sys.argv[1]).getroot()[0]:
    if "Server" in s.tag: print(s.tag, s.get("type"), s.find("port").text, s.find("socketType").text, s.find("username").text)' "$T/out" | head -n 3)" 'incomingServer pop3 995 SSL %EMAILADDRESS%
incomingServer pop3 110 plain %EMAILADDRESS%
outgoingServer smtp 465 SSL %EMAILADDRESS%'
dir clientinfo info@example.org; is "an alias has no mail program" "$?" 100
esc=$(printf '\033]0;x')
dir change bob@example.org --name="$esc"; is "no escape gets into a name" "$?" 100

dir add dora@example.net --alias=postmaster; dir alias add '*@example.net' bob@example.org --catch-all
dir rename bob@example.org robert@example.org --keep
ok $? "a user gets another address" || diag "$(says)"
is "with his mailbox" "$(where robert@example.org)" \
	'deliver to=robert@example.org transport=mailbox nexthop=example.org/bob'
is "aliases lead there" "$(where info@example.org | cut -d' ' -f4) $(where bob@example.org | cut -d' ' -f4,5)" \
	'nexthop=example.org/bob nexthop=example.org/bob rule=alias'
is "the password is that of the new address" "$(auth robert secret) $(auth bob secret)" 'ok user=robert@example.org perm code=5.7.8'
touch "$H/mail/example.org/bob/new/1"
dir rename robert@example.org rob@example.net --move
is "the mailbox moves when it is told to" "$? $(where rob@example.net | cut -d' ' -f4) $(ls "$H/mail/example.net/rob/new")" \
	'0 nexthop=example.net/rob 1'
check "and is not there any more" test ! -e "$H/mail/example.org/bob"
is "without --keep the old address is none" "$(where robert@example.org | cut -d' ' -f1)" perm
is "an alias of the old one leads to the new" "$(where bob@example.org | cut -d' ' -f4)" nexthop=example.net/rob
dir rename rob@example.net bobby@example.net; is "an address that is there is not taken" "$? $(says)" \
	'100 directory: bobby@example.net is there already'
dir rename info@example.org x@example.org; is "an alias is not renamed" "$?" 100
mkdir -p "$H/mail/example.org/zed"; chown --reference="$H/mail" "$H/mail/example.org/zed"
dir rename rob@example.net zed@example.org --move
is "a mailbox is not moved over another" "$? $(where rob@example.net | cut -d' ' -f4)" '100 nexthop=example.net/rob'

dir remove rob@example.net
like "a removed user's mail is kept" "$? $(says)" '^rob@example.net: removed; what lies in the mailbox mail/example.net/rob can still'
is "mail is refused, catch-all or not" "$(where rob@example.net | cut -d' ' -f1,3)" 'perm code=5.1.1'
is "aliases are gone" "$(where info@example.org | cut -d' ' -f1)" perm
is "so are the accounts" "$(who id=daemon | cut -d' ' -f1)" perm
is "he can still log in to fetch it" "$(auth sjones secret)" 'ok user=rob@example.net'
dir check; like "check tells what lies there" "$(says)" 'note: rob@example.net: removed, and 1 message lies in the mailbox'
dir restore rob@example.net
is "a removal can be taken back" "$? $(where rob@example.net | cut -d' ' -f4)" '0 nexthop=example.net/rob'
dir restore rob@example.net; is "once" "$?" 100
dir remove rob@example.net --purge
is "no mail is deleted of who was not removed" "$? $(ls "$H/mail/example.net/rob/new")" '100 1'
dir remove rob@example.net; mkdir "$H/mail/example.net/rob/index"
chown --reference="$H/mail" "$H/mail/example.net/rob/index"
dir remove rob@example.net --purge
like "then all of it goes" "$? $(says)" '^0 rob@example.net: purged'
is "but what is not ours" "$(ls "$H/mail/example.net/rob")" index
is "login and password go, too" "$(auth sjones secret) $(grep -c rob@ "$H/secrets/secrets")" 'perm code=5.7.8 0'
dir add postmaster@example.org; dir check; is "the directory is whole" "$?" 0 || diag "$(says)"
done_testing
