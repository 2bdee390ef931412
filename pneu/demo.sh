#!/bin/sh
# demo.sh: what `make run` does: a home in ./run, an account, everything up.
# HOME_DIR names another home, SMTP_PORT and POP3_PORT where it listens.
set -eu
B=${B:-build}
H=${HOME_DIR:-run}
pneu="$B/pneu -C $H"

# shellcheck disable=SC2086
if [ ! -e "$H/pneu.conf" ]; then
	$pneu init --domain example.org > /dev/null
elif [ ! -e "$H/directory/entries" ]; then
	$pneu init > /dev/null # the first start was cut short
fi
port() { # port SECTION PORT: into the same file, so that its owner stays
	[ -n "$2" ] || return 0
	conf=$(sed "/^\[$1\]/,/^\[[^]]*]/s/^\(listen = 127.0.0.1:\)[0-9]*\$/\1$2/" \
	    "$H/pneu.conf")
	printf '%s\n' "$conf" > "$H/pneu.conf"
}
# Whoever says where it listens has it listen there alone.
[ -z "${SMTP_PORT:-}${POP3_PORT:-}" ] || {
	conf=$(sed '/^listen = 127.0.0.1:\(2587\|2465\|2995\) /d' "$H/pneu.conf")
	printf '%s\n' "$conf" > "$H/pneu.conf"
}
port smtpd "${SMTP_PORT:-}"
port pop3d "${POP3_PORT:-}"
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
tls=$(sed -n 's/^listen *= *\([^ ]*\) tls.*/ and \1/p' "$H/pneu.conf" | tr -d '\n')
cat <<TEXT

  SMTP $smtp   POP3 $pop3   home $H
  account demo@example.org   password $password
  TLS: STARTTLS$tls; verify with $H/tls/ca.pem

  In another terminal:
    printf 'Subject: hello\n\nworld\n' | curl -s smtp://$smtp \\
        --mail-from you@example.net --mail-rcpt demo@example.org --crlf -T -
    curl -s pop3://$pop3/1 -u demo@example.org:$password
    $B/pneu -C $H journal trace demo@example.org

  Ctrl-C stops it.

TEXT
# shellcheck disable=SC2086
exec $pneu run
