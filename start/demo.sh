#!/bin/sh
# demo.sh: what `make run` does: a home in ./run, an account, everything up.
# HOME_DIR, SMTP_PORT and POP3_PORT make another home that listens elsewhere.
set -eu
B=${B:-build}
H=${HOME_DIR:-run}
smtp=${SMTP_PORT:-2525} pop3=${POP3_PORT:-2110}
pneu="$B/pneu -C $H"

# shellcheck disable=SC2086
if [ ! -e "$H/pneu.conf" ]; then
	$pneu init --domain example.org > /dev/null
	# Written into the same file: its owner stays.
	conf=$(sed "s/^\(listen = 127.0.0.1:\)2525\$/\1$smtp/
	    s/^\(listen = 127.0.0.1:\)2110\$/\1$pop3/" "$H/pneu.conf")
	printf '%s\n' "$conf" > "$H/pneu.conf"
elif [ ! -e "$H/directory/entries" ]; then
	$pneu init > /dev/null # the first start was cut short
fi
# shellcheck disable=SC2086
if [ ! -e "$H/demo-password" ] &&
    ! $pneu directory show demo@example.org > /dev/null 2>&1; then
	password=$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
	printf '%s\n' "$password" |
	    $pneu directory add demo@example.org --password-stdin
	printf '%s\n' "$password" > "$H/demo-password"
	chmod 600 "$H/demo-password"
fi
password=$(cat "$H/demo-password" 2>/dev/null ||
    echo "(set one: $pneu directory passwd demo@example.org)")
# Where it listens is what the file says: it may have been edited.
listens() { # listens SECTION: the first address
	sed -n "/^\[$1\]/,/^\[[^]]*]/s/^listen *= *//p" "$H/pneu.conf" | head -n 1
}
smtp=$(listens smtpd) pop3=$(listens pop3d)
cat <<TEXT

  SMTP $smtp   POP3 $pop3   home $H
  account demo@example.org   password $password

  In another terminal:
    printf 'Subject: hello\n\nworld\n' | curl -s smtp://$smtp \\
        --mail-from you@example.net --mail-rcpt demo@example.org --crlf -T -
    curl -s pop3://$pop3/1 -u demo@example.org:$password
    $B/pneu -C $H journal trace demo@example.org

  Ctrl-C stops it.

TEXT
# shellcheck disable=SC2086
exec $pneu run
