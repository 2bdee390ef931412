#!/bin/sh
# SPDX-License-Identifier: ISC
# pneu config set and unset: checked first, in force at once, told who did it.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
make_home
conf smtpd "# How large a message may be.
#max_size = 50M"
chmod 640 "$H/pneu.conf"
set_() { as env SUDO_USER=ann pneu -C "$H" config set "$@" 2>&1; }
unset_() { as env SUDO_USER=ann pneu -C "$H" config unset "$@" 2>&1; }
ehlo() { printf 'EHLO me\r\nQUIT\r\n' | timeout 20 python3 "$D/talk.py" "$SMTP"; }

is "without a system it changes the file" "$(set_ smtpd.max_size 12M)" \
    "smtpd.max_size: changed; in force after the next start or reload"
is "in place of the default in a comment" "$(tail -n 2 "$H/pneu.conf")" "# How large a message may be.
max_size = 12M"
is "its mode and owner stay" "$(stat -c '%a %U' "$H/pneu.conf")" "640 $(stat -c %U "$H")"
cp -p "$H/pneu.conf" "$T/good.conf"

for e in "smtpd.max_size huge" "smtpd.nothing 1" "smtpd.max 10000" "smtpd.start 21" "resolve.domain a..b" \
    "--add smtpd.max 3" "smtpd.max 1 2" "smtpd.submission.listen 127.0.0.1:1"; do
	# shellcheck disable=SC2086
	set_ $e > "$T/out"; is "refused: $e" $? 100
done
set_ smtpd.banner "two
max = 1" > "$T/out"; is "a second line is no value" $? 100
like "errors name the file that a person knows" "$(set_ smtpd.start 21)" '^pneu.conf:[0-9]+: \[smtpd\] start is over'
check "and nothing of it is in the file" cmp "$H/pneu.conf" "$T/good.conf"
is "nor beside it" "$(ls -A "$H" | grep '^\.')" ""

check "the system becomes ready" start_pneu
is "while it runs, a setting is in force at once" "$(set_ smtpd.max_size 13M)" \
    "smtpd.max_size: configuration 2 is in force"
wait_for none_retires
like "for sessions of now on" "$(ehlo)" '^250.SIZE 13631488'
soon "the journal has who did it" '^SC .*by=ann how=set setting=smtpd.max_size value=13M' journal_text
is "what is so already changes nothing" "$(set_ smtpd.max_size 13M)" "smtpd.max_size: nothing to change"
is "--no-reload leaves it for later" "$(set_ --no-reload smtpd.max_size 14M)" \
    "smtpd.max_size: changed; in force after the next start or reload"
like "and the old is in force" "$(ehlo)" '^250.SIZE 13631488'
is "--json says it, too" "$(as pneu -C "$H" config set --json smtpd.max_size 15M)" \
    '{"setting":"smtpd.max_size","changed":true,"in_force":true,"generation":3}'
wait_for none_retires
is "a list grows by --add" "$(set_ --add resolve.domain example.net)$(grep '^domain' "$H/pneu.conf")" \
    "resolve.domain: configuration 4 is in forcedomain = example.org
domain = example.net"
wait_for none_retires
is "and loses a value" "$(unset_ resolve.domain example.net)$(grep '^domain' "$H/pneu.conf")" \
    "resolve.domain: configuration 5 is in forcedomain = example.org"
wait_for none_retires

# Only the supervisor finds out that a port is taken.
python3 -c 'import signal, socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
signal.pause()' > "$T/port" &
taken=$!
wait_for test -s "$T/port"
cp -p "$H/pneu.conf" "$T/good.conf"
set_ --add pop3d.listen "127.0.0.1:$(cat "$T/port")" > "$T/out"
is "what the supervisor refuses is refused" $? 100
like "with its reason" "$(cat "$T/out")" 'pneu.conf is as it was: not taken, configuration 5 stays: .*in use'
check "and the old file is back" cmp "$H/pneu.conf" "$T/good.conf"
soon "which the journal knows" '^SC .*by=ann how=put-back setting=pop3d.listen' journal_text
kill "$taken"

# A command line may have a password in it.
check "a value that may be a secret is taken" as pneu -C "$H" config set deliver-program.command "x /bin/true --password=s3cret"
soon "is in the journal without it" '^SC .*setting=deliver-program.command$' journal_text
is "not anywhere" "$(journal_text | grep -c s3cret)" 0
wait_for none_retires

# Two at once: one after the other, and both are there.
set_ smtpd.max 30 > "$T/a" & a=$!
set_ pop3d.max 31 > "$T/b" & b=$!
wait $a && wait $b; ok $? "two commands at once both end well" || diag "$(cat "$T/a" "$T/b")"
is "and both changes are there" "$(grep -c '^max = 3[01]$' "$H/pneu.conf")" 2
stop_pneu; is "it stops with 0" $? 0

# A link is followed, and stays one.
as mkdir "$H/conf.d"; as mv "$H/pneu.conf" "$H/conf.d/real.conf"; as ln -s conf.d/real.conf "$H/pneu.conf"
set_ smtpd.max 32 > "$T/out"
is "through a symbolic link the file itself changes" "$(readlink "$H/pneu.conf") $(grep -c '^max = 32$' "$H/conf.d/real.conf")" "conf.d/real.conf 1"
as chmod 500 "$H/conf.d"
set_ smtpd.max 33 > "$T/out"; is "where it cannot be written it says so" $? 100
as chmod 700 "$H/conf.d"
done_testing
