#!/bin/sh
# SPDX-License-Identifier: ISC
# A few lines of shell stand in for resolve in the running system.
. "$(dirname "$0")/lib.sh"
make_home
cat > "$T/resolve.sh" <<'END'
#!/bin/sh
while read -r word to rest; do
	[ "$to" != to=stray@y.test ] || echo "deliver to=other@y.test transport=mailbox nexthop=example.org/other"
	echo "deliver $to transport=mailbox nexthop=example.org/everyone rule=shell"
done
END
chmod 755 "$T/resolve.sh"
conf resolve "program = $T/resolve.sh"
as mkdir -p "$H/mail/example.org/everyone/new" "$H/mail/example.org/everyone/cur" \
    "$H/mail/example.org/everyone/tmp"
check "the system becomes ready" start_pneu
like "the table says that it is replaced" "$(as pneu -C "$H" services)" "^resolve +$T/resolve.sh .*replaced"
python3 - "$SMTP" <<'END'
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60)
s.sendmail("a@example.org", ["whoever@anywhere.test"], "Subject: x\r\n\r\nhello\r\n")
s.quit()
END
ok $? "a recipient that only the script knows is accepted"
arrived() { [ "$(ls "$H/mail/example.org/everyone/new" | wc -l)" -eq 1 ]; }
wait_for arrived; ok $? "and delivered where the script said"
check "status says that all is well" as pneu -C "$H" status
is "as JSON too: its kind, and how many may run" "$(as pneu -C "$H" services --json | python3 -c 'import json, sys
print([(o["kind"], o["max"]) for o in map(json.loads, sys.stdin) if o["service"] == "resolve"])')" \
"[('replaced', 256)]"
is "explain --json is an object an address" "$(as pneu -C "$H" explain --json x@y.test z@y.test | python3 -c 'import json, sys
print(*[(o["address"], o["steps"], o["kind"], o["path"]) for o in map(json.loads, sys.stdin)])')" \
"('x@y.test', [], 'mailbox', 'mail/example.org/everyone') ('z@y.test', [], 'mailbox', 'mail/example.org/everyone')"
like "explain shows its answer" "$(as pneu -C "$H" explain x@y.test)" 'mailbox mail/example.org/everyone'
like "what is no answer to one question is not taken for that of the next" \
	"$(as pneu -C "$H" explain stray@y.test x@y.test 2>&1)" 'mailbox mail/example.org/everyone'
printf '#!/bin/sh\nexit 1\n' > "$T/dies.sh"; chmod 755 "$T/dies.sh"
sed -i "s,^program = .*,program = $T/dies.sh," "$H/pneu.conf"
check "a stage that only dies is taken" as pneu -C "$H" reload
refused() { curl -s "smtp://127.0.0.1:$SMTP" --mail-from a@example.org --mail-rcpt b@example.org \
    -T /dev/null; as pneu -C "$H" status 2>&1 | grep -q '^! .*local errors'; }
wait_for refused; ok $? "status says that mail is refused for trouble of this machine"
stop_pneu; is "it stops with 0" $? 0
done_testing
