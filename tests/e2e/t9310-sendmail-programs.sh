#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: it tries other programs
# Programs that send by sendmail: s-nail, mutt, git send-email, PHP, cron's call;
# and from where only the socket is.
. "$(dirname "$0")/lib.sh"
make_home
if [ "$(id -u)" -eq 0 ]; then ME=daemon; else ME=$(id -un); fi
for u in bob ann; do add_user $u@example.org secret > "$T/dir"; done
as directory -C "$H" change bob@example.org --account="$ME" > "$T/dir"
start_pneu || exit 99
# Programs call it without a word about the home.
mkdir "$T/me"; printf '#!/bin/sh\nexec "%s" -C "%s" "$@"\n' "$B/sendmail" "$H" > "$T/sendmail"
chmod 755 "$T/sendmail"; chmod 777 "$T/me"
run_me() {
	[ "$(id -u)" -eq 0 ] || { (cd "$T/me" && HOME=$T/me "$@"); return; }
	(cd "$T/me" && exec env HOME="$T/me" setpriv --reuid "$ME" --regid nogroup --clear-groups "$@")
}
got() { as cat "$H/mail/example.org/ann/new/"* 2> /dev/null | tr -d '\r'; }
has_mail() { [ -n "$(got)" ]; }
of() { got | sed -n "s/^$1: //p"; }
comes() { # comes WHAT: a message with that subject from bob
	wait_for has_mail; is "$1" "$(of Return-Path) $(of Subject)" "<bob@example.org> $2"
	as find "$H/mail" -type f -delete
}

printf 'From: root (Cron Daemon)\nTo: ann\nSubject: Cron <bob@pc> job\nContent-Type: text/plain; charset=UTF-8\n\nout\n.\nput\n' |
	run_me "$T/sendmail" -FCronDaemon -i -B8BITMIME -oem ann
comes "cron's call is taken" 'Cron <bob@pc> job'
printf 'To: ann@example.org\r\nSubject: from php\r\nX-PHP-Originating-Script: 0:x\r\n\r\nhi\r\n' | run_me "$T/sendmail" -t -i
comes "so is PHP's" 'from php'
printf 'To: ann\nFrom: logwatch\nSubject: Logwatch for pc\nMIME-Version: 1.0\n\n ####\n' | run_me "$T/sendmail" -t
comes "and a report's" 'Logwatch for pc'

if command -v php > /dev/null; then
	run_me php -d "sendmail_path=$T/sendmail -t -i" -r 'exit(mail("ann@example.org", "mail of php", "x") ? 0 : 1);'
	comes "PHP's mail()" 'mail of php'
else
	skip "PHP's mail()" "no php"
fi
if command -v s-nail > /dev/null; then
	echo x | run_me s-nail -S "mta=$T/sendmail" -s nailed ann@example.org > "$T/out" 2>&1
	comes "s-nail" nailed
else
	skip "s-nail" "no s-nail"
fi
if command -v mutt > /dev/null; then
	echo x | run_me mutt -n -F /dev/null -e "set sendmail='$T/sendmail -oem -oi'" -e 'set copy=no' -s mutted ann@example.org > "$T/out" 2>&1
	comes "mutt" mutted
else
	skip "mutt" "no mutt"
fi
if [ -x "$(git --exec-path 2> /dev/null)/git-send-email" ]; then
	printf 'From 0 Mon Sep 17 00:00:00 2001\nFrom: Bob <bob@example.org>\nDate: Tue, 24 Nov 2026 03:04:05 +0000\nSubject: [PATCH] x\n\nwhy\n---\n a | 1 +\n' > "$T/me/1.patch"
	chmod 644 "$T/me/1.patch"
	run_me git -c user.name=Bob -c user.email=bob@example.org -c sendemail.sendmailCmd="$T/sendmail" send-email --quiet --confirm=never \
	    --suppress-cc=all --from=bob@example.org --to=ann@example.org 1.patch > "$T/out" 2>&1 || diag "$(cat "$T/out")"
	comes "git send-email" '[PATCH] x'
else
	skip "git send-email" "no git-email"
fi

# A tree that has the program, what it is linked with, and the socket.
if [ "$(id -u)" -eq 0 ] && unshare -m true 2> /dev/null; then
	R=$T/root; mkdir -p "$R/home/run" "$R/bin"; chmod 755 "$R" "$R/home" "$R/home/run"
	cp "$B/sendmail" "$R/bin/"
	ldd "$B/sendmail" | grep -o '/[^ ]*' | while read -r lib; do
		mkdir -p "$R$(dirname "$lib")"; cp "$lib" "$R$lib"
	done
	touch "$R/home/run/submit"
	printf 'Subject: from within\n\nx\n' | unshare -m sh -c 'mount --bind "$1/run/submit" "$2/home/run/submit" && exec chroot --userspec="$3" "$2" /bin/sendmail -C /home ann' sh "$H" "$R" "$(id -u "$ME"):65534" > "$T/out" 2>&1 || diag "$(cat "$T/out")"
	comes "from a chroot with nothing but the socket" 'from within'
else
	skip "from a chroot with nothing but the socket" "needs root and a mount namespace"
fi
done_testing
