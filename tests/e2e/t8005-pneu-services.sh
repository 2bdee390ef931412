#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: it compares texts
# What is said of services and settings is what holds.
. "$(dirname "$0")/lib.sh"
S=$(cd "$(dirname "$0")/../.." && pwd)
make_home
as pneu -C "$H" services --json > "$T/services"
as pneu -C "$H" services > "$T/table"
field() { python3 -c 'import json, sys
print(*[x[sys.argv[1]] for x in map(json.loads, open(sys.argv[2]))], sep="\n")' "$1" "$T/services"; }

field service | while read -r s; do
	grep -q "^$s " "$T/table" || echo "$s in the table"
done > "$T/missing" 2>&1
field program | while read -r p; do
	grep -q "Xr $p 8" "$S/pneu/pneu.8" || echo "$p in pneu.8"
	[ -e "$S"/*/"$p.8" ] || echo "page of $p"
done >> "$T/missing" 2>&1
is "each service is in the table and the pages" "$(cat "$T/missing")" ""

as pneu -C "$H" config show --json > "$T/rows"
python3 "$S/pneu/conf-page.py" < "$T/rows" > "$T/part"
sed -n '/^\.\\" settings: begin/,/^\.\\" settings: end/p' "$S/pneu/pneu.conf.5" > "$T/page"
check "pneu.conf(5) has the settings of the table" diff -u "$T/page" "$T/part"

as pneu -C "$H" config show > "$T/shown"
cp "$T/shown" "$H/pneu.conf"
as pneu -C "$H" config show > "$T/again" 2>&1
check "what config show prints is a configuration that says the same" diff -u "$T/shown" "$T/again"
as pneu -C "$H" config show --explain > "$T/explained"
cp "$T/explained" "$H/pneu.conf"
as pneu -C "$H" config show > "$T/again" 2>&1
check "so is what --explain prints" diff -u "$T/shown" "$T/again"

for v in $(pneu --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
	pneu "$v" --help > "$T/help" 2>&1 || echo "$v --help"
	grep -q "\b$v\b" "$S/pneu/pneu.8" || echo "$v in pneu.8"
done > "$T/missing"
is "each verb has its help and stands in pneu.8" "$(cat "$T/missing")" ""
like "-V names version and sandbox" "$(pneu -V)" '^sandbox: '
pneu > "$T/out" 2>&1; is "no verb is a wrong use" $? 100
pneu nonsense > "$T/out" 2>&1; is "so is a verb that is none" $? 100

printf '[smtpd]\nlisten = localhost:25\n' > "$H/pneu.conf"
as pneu -C "$H" run > "$T/out" 2>&1; is "a name to listen on is refused" $? 100
like "and the right form shown" "$(cat "$T/out")" '192\.0\.2\.1:25 or \[2001:db8::1\]:25'
printf '[smtpd]\nlisten = 192.0.2.1:%s\n' "$SMTP" > "$H/pneu.conf"
as pneu -C "$H" run > "$T/out" 2>&1; is "an address of another machine is refused" $? 100
like "and explained" "$(cat "$T/out")" 'listen = 192.0.2.1.*no interface of this machine'
printf '[smtpd]\nlisten = 127.0.0.1:%s\n' "$SMTP" > "$H/pneu.conf"
as env LISTEN_FDS=65 sh -c 'LISTEN_PID=$$ exec pneu -C "$1" run' sh "$H" > "$T/out" 2>&1
is "more sockets of systemd than are served are refused" $? 100
like "and counted" "$(cat "$T/out")" 'systemd gives 65 sockets: at most 64'
make -s -C "$S" compiler CC="${CC:-gcc} -nostdinc" > "$T/out" 2>&1
like "a machine without the libraries hears which, not a compiler's words" "$(cat "$T/out")" \
    '^no compiler .* make deps .* libsodium-dev'
done_testing
