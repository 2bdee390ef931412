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
rm "$T/bin/pneu" "$T/bin/smtpd" "$T/bin/pop3d" && cp "$B/pneu" "$T/bin/pneu"
cat > "$T/bin/smtpd" <<X
#!/bin/sh
[ "\$PNEU_SLOT" != 3 ] || exec sleep 1000
exec "$B/smtpd" "\$@"
X
cat > "$T/bin/pop3d" <<X
#!/bin/sh
[ "\$PNEU_SLOT" != 3 ] || exit 1
exec "$B/pop3d" "\$@"
X
chmod 755 "$T/bin" "$T/bin/smtpd" "$T/bin/pop3d"
B=$T/bin
check "the last worker of smtpd hangs, that of pop3d dies: ready" start_pneu
greets() { timeout "$LIMIT" python3 "$(dirname "$0")/talk.py" "$1" < "$T/none"; }
: > "$T/none"
like "SMTP is served" "$(greets "$SMTP")" '^220 '
like "and POP3" "$(greets "$POP")" '^\+OK'
soon "status says which pool dies" ' pop3d .* dying ' as pneu -C "$H" status
stop_pneu; is "it stops with 0" $? 0
done_testing
