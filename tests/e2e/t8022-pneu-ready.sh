#!/bin/sh
# SPDX-License-Identifier: ISC
# t8022-pneu-ready.sh: a pool is ready when one of its workers serves, whatever
# becomes of those that were started after it.
. "$(dirname "$0")/lib.sh"
make_home
conf pneu "restart_min = 20ms
restart_max = 200ms"

mkdir "$T/bin"
for p in "$B"/*; do [ -d "$p" ] || ln -s "$p" "$T/bin/"; done
rm "$T/bin/pneu" "$T/bin/deliver-program" "$T/bin/pop3-session" && cp "$B/pneu" "$T/bin/pneu"
cat > "$T/bin/deliver-program" <<X
#!/bin/sh
[ "\$PNEU_SLOT" != 2 ] || exec sleep 1000
exec "$B/deliver-program" "\$@"
X
cat > "$T/bin/pop3-session" <<X
#!/bin/sh
[ "\$PNEU_SLOT" != 3 ] || exit 1
exec "$B/pop3-session" "\$@"
X
chmod 755 "$T/bin" "$T/bin/deliver-program" "$T/bin/pop3-session"
B=$T/bin
check "a worker of deliver-program hangs, one of pop3-session dies: ready" start_pneu
greets() { timeout "$LIMIT" python3 "$(dirname "$0")/talk.py" "$1" < "$T/none"; }
: > "$T/none"
like "SMTP is served" "$(greets "$SMTP")" '^220 '
like "and POP3" "$(greets "$POP")" '^\+OK'
soon "status says which pool dies" ' pop3-session .* dying ' as pneu -C "$H" status
stop_pneu; is "it stops with 0" $? 0
done_testing
