#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: the filter kills what a sanitizer does
# Each program is broken into behind its sandbox, and tries what it must not.
. "$(dirname "$0")/users.sh"
. "$(dirname "$0")/lib.sh"
for p in "$B"/*; do ! grep -q 'drill\[%u\]' "$p" || { echo "not ok 1 - $p has the back door"; exit 1; }; done
make -s -C "$S" LTO= drill > "$T/out" 2>&1 || { diag "$(tail "$T/out")"; exit 99; }
mkdir "$T/bin" && cp -a "$B"/. "$T/bin" && cp -a "$S/build/drill" "$T/bin" && chmod -R go+rX "$T/bin"
make_home
conf passwdd "listen = 127.0.0.1:$(free_ports 1)"
conf deliver-program "command = drill /bin/true"
for u in bob ann; do add_user $u@example.org secret > /dev/null 2>&1; done
conf queue-run "program = /bin/cat" # the lock is for the one that tries
printf 'a: b\r\n\r\nc\r\n' > "$H/message"; chmod 644 "$H/message"
pneu -C "$H" certs init > /dev/null 2>&1
conf tls "certificate = own tls/server.pem tls/server.key"
start_pneu || exit 99
curl -s --crlf --mail-from a@example.net --mail-rcpt bob@example.org -T "$H/message" "smtp://127.0.0.1:$SMTP"
wait_for grep -q . "$H/journal/000001"
cp -a "$H" "$T/alone" && rm -rf "$T/alone/run" && install -d -o pneu -g pneu -m 711 "$T/alone/run"
printf "[passwdd]\nlisten = 127.0.0.1:106\n" > "$T/alone/all.conf"; chmod 644 "$T/alone/all.conf" # all services, none replaced
python3 "$S/tests/drill/run.py" "$T/bin" "$H" "$PNEU" "$T/alone"
