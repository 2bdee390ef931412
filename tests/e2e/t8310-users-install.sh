#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: it installs
# make install, users, init, and all that an operator does, where it is installed.
. "$(dirname "$0")/users.sh"
. "$(dirname "$0")/lib.sh"
P=/opt/pneu/sbin/pneu H=/var/spool/pneu C=/etc/pneu/pneu.conf
set -- $(free_ports 5); SMTP=$1 POP=$2 OTHERS="$3 $4 $5"
alias_ports() { # each of init's, so that it disturbs no system of this machine
	set -- $OTHERS
	sed -i "s/^\(listen = 127.0.0.1:\)2525/\1$SMTP/; s/^\(listen = 127.0.0.1:\)2110/\1$POP/
		s/^\(listen = 127.0.0.1:\)2587/\1$1/; s/^\(listen = 127.0.0.1:\)2465/\1$2/
		s/^\(listen = 127.0.0.1:\)2995/\1$3/" "$C"
}
run() { # the installed supervisor, by its default home
	rm -f "$T/ready"; mkfifo "$T/ready"
	"$P" run > "$T/ready" 2>> "$T/err" & PNEU=$!; exec 9< "$T/ready"
	[ "$(timeout "$LIMIT" head -n 1 <&9)" = ready ]
}
mode() { stat -c '%U %G %a' "$1"; }

groupdel pneu-to-auth
"$P" init --users=separate --domain=example.org > "$T/out" 2>&1
is "without one of the groups no home is made" $? 100
like "and the command that makes it is told" "$(cat "$T/out")" 'groupadd --system pneu-to-auth'
is "and nothing is there" "$(ls "$H" 2>&1 | wc -l)" 1
groupadd --system pneu-to-auth

# As systemd-tmpfiles does it, before init.
while read -r _ path mode user group _; do
	install -d -m "$mode" -o "$user" -g "$group" "$path"
done <<-END
	$(grep '^d' /opt/pneu/lib/tmpfiles.d/pneu.conf)
END
check "init fills what tmpfiles.d made" "$P" init --users=separate --domain=example.org
is "the configuration is in /etc" "$(mode "$C")" "pneu pneu 640"
alias_ports
grep '^d' /opt/pneu/lib/tmpfiles.d/pneu.conf | while read -r _ path mode user group _; do
	[ "$(mode "$path")" = "$user $group ${mode#0}" ] || echo "$path: $(mode "$path")"
done > "$T/out"
is "what init made has the owners and modes of tmpfiles.d" "$(cat "$T/out")" ""
"$P" config check > "$T/out" 2>&1
is "config check finds nothing" "$(cat "$T/out")" "$C: OK"
chmod 755 "$H/secrets"; chown pneu:pneu "$H/queue"
"$P" config check > "$T/out" 2>&1
like "and says what another owner is mended with" "$(cat "$T/out")" "chown pneu-store:pneu-store $H/queue"
like "and another mode" "$(cat "$T/out")" "chmod 2750 $H/secrets"
sed -n 's/.*: `\(ch.*\)`$/\1/p' "$T/out" | sh
"$P" config check > "$T/out" 2>&1
is "those commands mend it" "$(cat "$T/out")" "$C: OK"

setpriv --reuid nobody --regid nogroup --clear-groups "$P" queue list > "$T/out" 2>&1
is "a stranger cannot look at the queue" $? 100
like "and hears what to do" "$(cat "$T/out")" 'run it as root, with sudo'
setpriv --reuid pneu --regid pneu --clear-groups "$P" run > "$T/out" 2>&1
is "without root it does not run" $? 100
like "and says why" "$(cat "$T/out")" 'users = separate: only root'

run; ok $? "the supervisor says ready" || diag "$(cat "$T/err")"
echo pass-word | "$P" directory add bob@example.org --password-stdin > "$T/out" 2>&1
is "a user is added while it runs" $? 0
is "his mailbox belongs to store" "$(mode "$H/mail/example.org/bob/new")" "pneu-store pneu-store 700"
send() { curl -s --crlf --mail-from ann@example.net --mail-rcpt "$1" -T - "smtp://127.0.0.1:$SMTP" <<-END
	From: ann@example.net
	Subject: $2

	text
	END
}
send bob@example.org one; is "mail for him is accepted" $? 0
delivered() { [ -n "$(ls "$H/mail/example.org/bob/new")" ]; }
wait_for delivered; ok $? "and delivered"
pop() { curl -s "pop3://127.0.0.1:$POP/$1" --user bob@example.org:pass-word; }
got() { pop 1 | grep -q '^Subject: one'; }
wait_for got; ok $? "and read by POP3"
soon "it was a link, not a copy" 'delivered by link [1-9][0-9]*, by copy 0' "$P" status
"$P" status > "$T/out" 2>&1; is "status is well" $? 0 || diag "$(cat "$T/out")"
soon "the journal has it" 'bob@example.org' "$P" journal show
send nobody@example.org two; [ $? -ne 0 ]; ok $? "an unknown address is refused"

mv "$H/mail/example.org/bob/new" "$H/mail/example.org/bob/was"
send bob@example.org three; is "mail for a mailbox that is broken is accepted" $? 0
soon "and waits" 'bob@example.org' "$P" queue list
id=$("$P" queue list --json | sed -n 's/.*"qid": *"\([^"]*\)".*/\1/p' | head -n 1)
check "it can be held" "$P" queue hold "$id"
like "and is shown" "$("$P" queue show "$id")" "$id"
mv "$H/mail/example.org/bob/was" "$H/mail/example.org/bob/new"
check "and released" "$P" queue release "$id"
"$P" queue flush > /dev/null 2>&1
three() { pop 2 | grep -q '^Subject: three'; }
wait_for three; ok $? "and is delivered then"

sed -i 's/^#max_size.*/max_size = 1M/' "$C"
check "a reload takes the changed file in /etc" "$P" reload
like "and it is in force" "$(python3 -c 'import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1])); s.ehlo(); print(s.esmtp_features)' "$SMTP")" "'size': '1048576'"
sed -i 's/^users = separate/users = owner/' "$C"
"$P" reload > "$T/out" 2>&1; is "users do not change at a reload" $? 100
sed -i 's/^users = owner/users = separate/' "$C"
old=$(pids_of queue-add); kill -KILL "$old"
again() { _new=$(pids_of queue-add) && [ -n "$_new" ] && [ "$_new" != "$old" ]; }
wait_for again; ok $? "a program that was killed starts again"
is "as its user" "$(ps -o user:16= -p "$(pids_of queue-add)" | tr -d ' ')" pneu-store
send bob@example.org four; is "and serves" $? 0
kids=$(pgrep -P "$PNEU" | tr '\n' ' ')
kill -KILL "$PNEU"; wait "$PNEU" 2> /dev/null; PNEU=
gone() { for k in $kids; do [ ! -e "/proc/$k" ] || return 1; done; }
wait_for gone; ok $? "when the supervisor is killed its children end, though they are others' "
run; ok $? "and it starts anew"
check "and stops" "$P" stop
wait "$PNEU"; PNEU=

make -s -C "$S" PREFIX=/opt/pneu uninstall > "$T/out"
like "uninstall says what it leaves" "$(cat "$T/out")" 'Mail and configuration stay: /var/spool/pneu'
is "and leaves nothing else" "$(find /opt/pneu ! -type d)" ""
check "the mail is there" test -d "$H/mail/example.org/bob/new"
done_testing
