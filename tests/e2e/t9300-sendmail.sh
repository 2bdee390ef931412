#!/bin/sh
# SPDX-License-Identifier: ISC
# sendmail: mail of this machine's users: who they are, what they may, what
# programs expect.
. "$(dirname "$0")/lib.sh"
make_home
# Two accounts: as root two of the machine's; else the one that there is.
if [ "$(id -u)" -eq 0 ]; then ME=daemon OTHER=bin; else ME=$(id -un) OTHER=; fi
run_as() { # run_as ACCOUNT COMMAND...: with its number, and no group of ours
	_who=$1; shift
	[ -n "$OTHER" ] || { "$@"; return; }
	(cd / && exec setpriv --reuid "$_who" --regid nogroup --clear-groups "$@")
}
me() { run_as "$ME" "$B/sendmail" -C "$H" "$@"; }
dir() { as directory -C "$H" "$@" > "$T/dir" 2>&1 || diag "$(cat "$T/dir")"; }
for u in bob ann; do add_user $u@example.org secret > "$T/dir"; done
dir change bob@example.org --account="$ME" --name='Bob S.'
dir alias add sales@example.org bob@example.org
start_pneu || exit 99
got() { # got USER: what lies in the mailbox, all of it, without CR
	as cat "$H/mail/example.org/$1/new/"* 2> /dev/null | tr -d '\r'
}
empty() { as find "$H/mail" -type f -delete; }
has_mail() { [ -n "$(got "$1")" ]; }
arrives() { wait_for has_mail "$1" || diag "no mail for $1"; }
of() { got "$1" | sed -n "s/^$2: //p"; }

printf 'Subject: one\n\nhello\n.\nnot this\n' > "$T/one"
me ann < "$T/one"; is "a message is taken for a name alone" "$?" 0
arrives ann
is "the sender is the account's address" "$(of ann Return-Path)" '<bob@example.org>'
is "it gets From, Date and Message-ID" "$(of ann From) $(got ann | grep -c '^Date: \|^Message-ID: <01.*@mx.example.org>$')" \
	'"Bob S." <bob@example.org> 2'
is "a dot alone ends it" "$(got ann | tail -n 2)" '
hello'
code=$(as sh -c 'cat "$1"/journal/*' sh "$H" | grep -c '^EH .*user=bob@example.org')
is "the journal has it as sent by a program, and by whom" "$code" 1
empty
me -oi ann@example.org < "$T/one"; arrives ann
is "with -oi a dot does not" "$(got ann | tail -n 2)" '.
not this'
empty

printf 'To: ann@example.org,\n\t"B, S" <bob@example.org>\nBcc: (hidden) sales@example.org\nFrom: me <bob@example.org>\nDate: Tue, 24 Nov 2026 03:04:05 +0000\nMessage-ID: <x@y>\n\nx\n' > "$T/header"
me -t < "$T/header"; is "-t takes the recipients of the header" "$?" 0
has_one() { [ "$(got bob | grep -c ^x)" = 1 ]; }
arrives ann; wait_for has_one
is "with those of Bcc, but not Bcc" "$(got ann | grep -ci '^bcc') $(got ann | grep -c '^	"B, S"')" '0 1'
is "what the header has is kept" "$(got ann | grep -c '^Date: \|^From: \|^Message-ID: ')" 3
empty
printf 'To: undisclosed:;\n\nx\n' | me -t 2> "$T/err"
is "no recipient is a wrong usage" "$? $(cat "$T/err")" '64 sendmail: no recipient in To, Cc or Bcc'
printf 'To: ann@example.org <x\n\nx\n' | me -t 2> "$T/err"
is "so is what is no address, and the field is named" "$? $(cat "$T/err")" '64 sendmail: To: a < without its >: x'

echo x | me nobody-here 2> "$T/err"
like "who does not exist is 67, with the words of the mail system" "$? $(cat "$T/err")" \
	'^67 sendmail: <nobody-here>: .*no such user'
echo x | me ann nobody-here 2> "$T/err"; is "then nobody gets it" "$? $(got ann)" '67 '
echo x | me -f ann@example.org ann 2> "$T/err"
like "the address of another is refused" "$? $(cat "$T/err")" \
	'^77 sendmail: .*the sender is no address of yours, that is <bob@example.org>'
for s in bob+x@example.org Sales@Example.ORG bob '<>'; do
	echo x | me -f "$s" ann; is "an own one is taken: $s" "$?" 0
	arrives ann; empty
done
echo x | me -F 'Böb' -f sales@example.org ann; arrives ann
is "-F is the name of a From that is made" "$(of ann From)" '=?UTF-8?B?QsO2Yg==?= <sales@example.org>'
empty
soon "refusals are in the journal with their rule" '^9W .*rule=originator .*user=bob@example.org.*from=' as sh -c 'cat "$1"/journal/*' sh "$H"

conf auth 'verify_originator = report'; reload_pneu
echo x | me -f ann@example.org ann; is "with report another's address is taken" "$?" 0
arrives ann; empty
soon "and told in the journal" '^9W .*rule=originator report=only' as sh -c 'cat "$1"/journal/*' sh "$H"
conf submit "trusted = $ME"
sed -i '/verify_originator/d' "$H/pneu.conf"; reload_pneu
echo x | me -f any@example.net ann; is "a trusted account may be anybody" "$?" 0
arrives ann; is "from everywhere" "$(of ann Return-Path)" '<any@example.net>'; empty
sed -i '/^\[submit\]/,$d' "$H/pneu.conf"; reload_pneu

printf 'EHLO x\r\nMAIL FROM:<bob>\r\nRCPT TO:<ann>\r\nDATA\r\nSubject: bs\r\n\r\nx\r\n.\r\nQUIT\r\n' | me -bs > "$T/bs"
like "-bs is an SMTP session" "$? $(tr -d '\r' < "$T/bs" | tr '\n' '|')" '^0 220 .*\|250-XUSER bob@example.org\|.*\|250 2.0.0 queued as .*\|221 '
arrives ann; empty
printf 'Subject: 8 bit\n\nBjörn %01200d\n' 7 | me ann; is "long lines and 8 bit are taken" "$?" 0
arrives ann; is "the long one is broken" "$(got ann | awk '{ if (length > n) n = length } END { print n < 1000 }')" 1
empty
printf 'Subject: nul\n\n\0\n' | me ann 2> "$T/err"
like "a message that cannot be is 65" "$? $(cat "$T/err")" '^65 sendmail: .*NUL'
is "-bp and -q say what to run" "$(me -bp) $(me -q)" 'The queue is shown by: pneu queue list Waiting messages are tried by themselves; at once: pneu queue flush'
echo x | me -Q ann 2> "$T/err"; like "an unknown option is 64, with the usage" "$? $(cat "$T/err")" '^64 sendmail: -Q: no such option'
echo x | me ann -fann@example.org 2> "$T/err"
like "behind a recipient nothing is an option" "$? $(cat "$T/err")" '^64 .*options stand before'
echo x | me -FCronDaemon -i -odi -oem -oi -t -om -G -U -OX=y -N never -R hdrs -V a+b -B 8bitmime ann
is "options of other sendmails are taken" "$?" 0
arrives ann; empty
echo x | "$B/sendmail" -C "$T/nowhere" ann 2> "$T/err"
like "without a mail system it is 75, and said" "$? $(cat "$T/err")" '^75 sendmail: the mail system is not there: .*nothing was sent'

if [ -n "$OTHER" ]; then
	echo x | run_as "$OTHER" "$B/sendmail" -C "$H" ann 2> "$T/err"
	like "an account without an address is refused, and told what to do" "$? $(cat "$T/err")" \
		"^77 sendmail: 5.7.1 account number $(id -u $OTHER) has no address here; .*--account="
	echo x | run_as "$OTHER" "$B/sendmail" -C "$H" -f bob@example.org ann 2> "$T/err"
	is "nor may it use that of another" "$?" 77
	echo x | "$B/sendmail" -C "$H" ann; is "root is the postmaster" "$?" 0
	arrives ann; is "with the address" "$(of ann Return-Path)" '<postmaster@example.org>'; empty
	echo x | run_as "$ME" "$B/sendmail" -C "$H" root; is "mail for root goes there" "$?" 0
	arrives postmaster; empty
else
	skip "other accounts" "needs root"
fi
stop_pneu
echo x | me ann 2> "$T/err"; is "while it is stopped it is 75" "$?" 75
done_testing
