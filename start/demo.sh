#!/bin/sh
# demo.sh: what `make run` does: a home in ./run, an account, everything up.
# HOME_DIR, SMTP_PORT and POP3_PORT make another home that listens elsewhere.
set -eu
B=${B:-build}
H=${HOME_DIR:-run}
smtp=${SMTP_PORT:-2525} pop3=${POP3_PORT:-2110}
pneu="$B/pneu -C $H"

if [ ! -e "$H/pneu.conf" ]; then
	# shellcheck disable=SC2086
	$pneu init --domain example.org
	# Written into the same file: its owner stays.
	conf=$(sed "s/^\(listen = 127.0.0.1:\)2525\$/\1$smtp/
	    s/^\(listen = 127.0.0.1:\)2110\$/\1$pop3/" "$H/pneu.conf")
	printf '%s\n' "$conf" > "$H/pneu.conf"
	password=$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
	# shellcheck disable=SC2086
	printf '%s\n' "$password" |
	    $pneu directory add demo@example.org --password-stdin
	printf '%s\n' "$password" > "$H/demo-password"
	chmod 600 "$H/demo-password"
fi
password=$(cat "$H/demo-password" 2>/dev/null || echo '?')
cat <<TEXT

  SMTP 127.0.0.1:$smtp   POP3 127.0.0.1:$pop3   home $H
  account demo@example.org   password $password

  In another terminal:
    printf 'Subject: hello\n\nworld\n' | curl -s smtp://127.0.0.1:$smtp \\
        --mail-from you@example.net --mail-rcpt demo@example.org --crlf -T -
    curl -s pop3://127.0.0.1:$pop3/1 -u demo@example.org:$password
    $B/pneu -C $H journal trace demo@example.org

  Ctrl-C stops it.

TEXT
# shellcheck disable=SC2086
exec $pneu run
