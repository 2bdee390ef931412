#!/bin/sh
# SPDX-License-Identifier: ISC
# t8015-pneu-closed.sh: programs and home under a directory that only root may
# enter, as in a tree below /root: all of it works, and a program alone too.
# no-san: LeakSanitizer cannot look at a process that changed its user.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip_all "not root"

mkdir "$T/bin"
for f in "$B"/*; do
	[ ! -f "$f" ] || cp "$f" "$T/bin/"
done
B=$T/bin PATH=$T/bin:$PATH AS_ROOT=1
chmod 700 "$T"
make_home
check "a user is added" add_user demo@example.org secret
check "everything starts" start_pneu
check "a message comes in" curl -sS "smtp://127.0.0.1:$SMTP" \
    --mail-from you@example.net --mail-rcpt demo@example.org --crlf -T "$0"
check "it lies in the mailbox" \
    wait_for sh -c "ls $H/mail/example.org/demo/new/*"
like "and can be read" "$(curl -sS "pop3://127.0.0.1:$POP/1" \
    -u demo@example.org:secret)" "only root may"
soon "it was linked, not copied" '\(link\)' \
    pneu -C "$H" journal trace demo@example.org
conf smtpd "max_size = 1M"
check "a new configuration is taken" pneu -C "$H" reload
check "its services answer" wait_for grep -q "configuration 2" "$T/pneu.err"
check "queue starts too" pneu -C "$H" queue list
check "it stops" stop_pneu
like "a program alone starts its fellows" "$(printf '%s\r\n' "EHLO me" \
    "MAIL FROM:<a@example.net>" "RCPT TO:<demo@example.org>" QUIT |
    smtpd -C "$H")" '^250 2.1.5'
done_testing
