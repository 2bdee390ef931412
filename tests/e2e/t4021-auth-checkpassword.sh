#!/bin/sh
# SPDX-License-Identifier: ISC
# [auth] checkpassword: checkpw of Debian judges in place of our hashes, and
# programs that judge otherwise.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" -eq 0 ] || skip_all "needs root: checkpw becomes the user who logs in"
checkpw=$(command -v checkpw) || skip_all "no checkpw"
# The account daemon of this machine, its password file below $T. checkpw takes
# root's rights for granted: it gets them in a namespace that maps root to nobody,
# as whom auth runs here.
mkdir "$T/maildir"; printf 'open sesame\n' > "$T/maildir/.password"
chmod 600 "$T/maildir/.password"; chown -R daemon:daemon "$T/maildir"
mkfifo -m 666 "$T/up"
_exec_as unshare -U sh -c "echo up > $T/up; exec sleep 600" & ns=$!
[ "$(timeout "$LIMIT" head -n 1 "$T/up")" = up ] || skip_all "no namespaces of users here"
printf '0 65534 1\n1 1 1\n' > "$T/map"
for m in uid_map gid_map; do dd if="$T/map" of="/proc/$ns/$m" bs=4096 status=none || exit 99; done
program() { # program NAME LINE: a program of the interface
	printf '#!/bin/sh\n%s\n' "$2" > "$T/$1"; chmod 755 "$T/$1"
}
program real "MAILDIR=$T/maildir exec nsenter --user=/proc/$ns/ns/user $checkpw \"\$@\""
program later 'exit 111'
program hangs 'exec sleep 300'
program some '[ "$(tr "\0" "\n" <&3 | head -n 1)" != ann ] || exec sleep 300; exit 0'
program dies 'kill -KILL $$'
program murders "[ -e $T/told/murdered ] || { : > $T/told/murdered; kill -KILL \$PPID; }; exit 0"
program tells "cat <&3 > $T/told/octets; env > $T/told/env; exit 0"
mkdir -m 777 "$T/told"
make_home
SUB=$(free_ports 1)
conf smtpd "listen = 127.0.0.1:$SUB submission"
conf auth "hash_memory = 64K
failed_login = 1ms
account_failures = 0
max = 1
checkpassword = $T/real /bin/true"
as directory -C "$H" add daemon@example.org > "$T/out"
add_user ann@example.org ann > "$T/out"
check "the system becomes ready" start_pneu
cat > "$T/login.py" <<'X'
import poplib, smtplib, sys
kind, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
try:
    if kind == "pop":
        c = poplib.POP3("127.0.0.1", port, timeout=60)
        c.user(user); print(c.pass_(password)[:3].decode())
    else:
        c = smtplib.SMTP("127.0.0.1", port, local_hostname="me", timeout=60)
        print(c.login(user, password)[0], c.esmtp_features["auth"].strip())
except smtplib.SMTPAuthenticationError as e: print(e.smtp_code)
except poplib.error_proto as e: print(e.args[0][:16].decode())
X
smtp() { timeout 60 python3 "$T/login.py" smtp "$SUB" "$@"; }
pop() { timeout 60 python3 "$T/login.py" pop "$POP" "$@"; }
use() { # use TITLE PROGRAM
	sed -i "s|^checkpassword = .*|checkpassword = $T/$2|" "$H/pneu.conf"; check "$1" reload_pneu
}
is "checkpw lets a user in, and SCRAM is not offered" "$(smtp daemon 'open sesame')" '235 PLAIN LOGIN'
is "by the whole address too" "$(smtp Daemon@example.org 'open sesame')" '235 PLAIN LOGIN'
is "and to POP3" "$(pop daemon 'open sesame')" '+OK'
is "not with another password" "$(smtp daemon sesame; pop daemon sesame)" '535
-ERR [AUTH] wron'
is "nor who has a password here, and no account of the machine" "$(smtp ann ann)" 535
is "nor who is in neither" "$(smtp nosuch ann)" 535
rm "$T/maildir/.password"
is "what checkpw cannot find out is no wrong password" "$(smtp daemon 'open sesame')" 535
use "a program that says later is taken up" later
is "it is asked again" "$(smtp ann ann; pop ann ann)" '454
-ERR [SYS/TEMP] '
use "one that dies is taken up" dies
is "that is no answer" "$(smtp ann ann)" 454
use "one that kills who starts it is taken up" murders
smtp ann any > "$T/out" # smtplib may try once more by another mechanism
soon "auth ends then, and another asks again" '^235 PLAIN LOGIN$' smtp ann any
use "one that says yes to all is taken up" tells
is "whoever has an entry is let in" "$(smtp ann any; smtp nosuch any)" '235 PLAIN LOGIN
535'
is "it hears name, password and time" "$(tr '\0' '\n' < "$T/told/octets" | sed '3s/[0-9]\{10\}/TIME/' | tr '\n' ' ')" 'nosuch any TIME '
is "and has no environment of ours" "$(grep -vE '^(PATH|PWD|_|OLDPWD|SHLVL)=' "$T/told/env")" ''
use "one that hangs is taken up" hangs
is "it is killed after ten seconds" "$(smtp ann ann)" 454
is "with all that it started" "$(pgrep -f 'sleep 300' -U nobody | wc -l)" 0

# Two hang, and there are three: whoever else comes is served.
sed -i 's/^max = 1/max = 3/' "$H/pneu.conf"
use "one that hangs for one user is taken up" some
smtp ann ann > "$T/first" & first=$!
smtp ann ann > "$T/second" & second=$!
hang() { [ "$(pgrep -f 'sleep 300' -U nobody | wc -l)" -ge 2 ]; }
wait_for hang; ok $? "two questions hang"
is "the others are answered meanwhile" "$(for n in 1 2 3 4 5 6; do smtp daemon any; done | sort -u; hang && echo yes)" '235 PLAIN LOGIN
yes'
wait "$first" "$second"
is "they are killed, too" "$(cat "$T/first" "$T/second")" '454
454'
kill "$ns"
done_testing
