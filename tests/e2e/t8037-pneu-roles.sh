#!/bin/sh
# SPDX-License-Identifier: ISC
# Listeners of one program with different roles: pools and settings of their own.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
make_home
add_user bob@example.org pw > "$T/out"
SUB=$(free_ports 1)
cp -p "$H/pneu.conf" "$T/base.conf"
conf smtpd "listen = 127.0.0.1:$SUB submission
max_size = 10M
start = 2"
conf "smtpd submission" "max_size = 20M
banner = ESMTP for mail programs
start = 1
min_idle = 1
max = 3"
check "a configuration with a role is right" as pneu -C "$H" config check
like "a setting of the role alone is shown in its section" \
    "$(as pneu -C "$H" config show | sed -n '/^\[smtpd submission\]/,/^$/p' | tr '\n' ' ')" \
    '^\[smtpd submission\] start = 1 min_idle = 1 max = 3 max_size = 20M banner = ESMTP for mail programs +$'
like "and as JSON" "$(as pneu -C "$H" config show --json)" '"section":"smtpd submission","key":"max_size".*"20M"'
like "the role is a service with its program, address and numbers" "$(as pneu -C "$H" services)" \
    "^submission +smtpd .* 127.0.0.1:$SUB +1/1/2/3 "
like "the default role keeps its own" "$(as pneu -C "$H" services)" "^smtpd +smtpd .* 127.0.0.1:$SMTP +2/2/2/20 "
check "the system becomes ready" start_pneu

ehlo() { printf 'EHLO me\r\nQUIT\r\n' | timeout 20 python3 "$D/talk.py" "$1"; }
like "a session of submission has its banner" "$(ehlo "$SUB")" '^220 .*ESMTP for mail programs'
like "and its size" "$(ehlo "$SUB")" '^250.SIZE 20971520'
like "one of the default role has that of [smtpd]" "$(ehlo "$SMTP")" '^250.SIZE 10485760'
like "each has its line in status" "$(as pneu -C "$H" status)" " submission +127.0.0.1:$SUB +ready .* max 3 "
like "its processes know the role" "$(ps -o args= -p "$(pids_of smtpd | tr '\n' ',' | sed 's/,$//')")" ' -r submission'
# Who submits mail has logged in: RFC 6409 4.3.
like "submission takes no mail without a login" \
    "$(printf 'EHLO me\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n' | timeout 20 python3 "$D/talk.py" "$SUB")" '^530 5\.7\.0 authentication required'
like "the default role takes it for local domains" \
    "$(printf 'EHLO me\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@example.org>\r\nQUIT\r\n' | timeout 20 python3 "$D/talk.py" "$SMTP")" '^250 2\.1\.5'
like "and relays nothing" \
    "$(printf 'EHLO me\r\nMAIL FROM:<bob@example.org>\r\nRCPT TO:<x@elsewhere.test>\r\nQUIT\r\n' | timeout 20 python3 "$D/talk.py" "$SMTP")" '^550 5\.7\.1'

# An address changes its role while the system runs.
sed "s/:$SUB submission/:$SUB/" "$H/pneu.conf" > "$T/new.conf" && cat "$T/new.conf" > "$H/pneu.conf"
is "an address may change its role in a reload" "$(as pneu -C "$H" reload 2>&1)" 'configuration 2 is in force'
is_default() { ehlo "$SUB" | grep -q '^250.SIZE 10485760'; }
wait_for is_default; ok $? "and new sessions have the other settings"
stop_pneu; is "it stops with 0" $? 0

refused() { # refused LINE TEXT TITLE
	cp -p "$T/base.conf" "$H/pneu.conf"; conf smtpd "listen = $1"
	like "$3" "$(as pneu -C "$H" config check 2>&1)" "^pneu.conf:[0-9]+: \[smtpd\]: listen = $1: $2"
}
refused "127.0.0.1:$SUB imap" 'imap is not a role of this service' "a role that is none is refused with its line"
refused "127.0.0.1:$SUB tls tls" 'tls is said twice' "so is tls said twice"
refused "127.0.0.1:$SUB mx submission" 'submission is one role too many' "and a second role"
cp -p "$T/base.conf" "$H/pneu.conf"; conf pop3d "listen = 127.0.0.1:$SUB submission"
like "and a role of another program" "$(as pneu -C "$H" config check 2>&1)" 'submission is not a role of this service'

cp -p "$T/base.conf" "$H/pneu.conf"; conf "smtpd submission" "banner = by hand"
like "smtpd alone takes the role by an option" "$(printf 'QUIT\r\n' | as smtpd -C "$H" -r submission)" '^220 .*by hand'
like "and is mx without it" "$(printf 'QUIT\r\n' | as smtpd -C "$H")" '^220 .*ESMTP Pneu'
as smtpd -C "$H" -r imap < /dev/null > "$T/out" 2>&1
is "a role that is none is a wrong use" $? 100
like "and told" "$(cat "$T/out")" '-r imap: a role is mx, submission or local'
done_testing
