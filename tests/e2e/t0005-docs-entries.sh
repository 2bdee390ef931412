#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: it compares texts
# Journal entries of a running system have the fields that PROTOCOL lists.
. "$(dirname "$0")/lib.sh"
make_home
conf auth "hash_memory = 64K
failed_login = 0s"
for u in bob ann eve; do add_user $u@example.org secret; done > "$T/out" 2>&1
start_pneu || exit 1
cat > "$T/use.py" <<'END'
import poplib, smtplib, sys
smtp, pop = int(sys.argv[1]), int(sys.argv[2])
s = smtplib.SMTP("127.0.0.1", smtp, timeout=20)
text = "Message-ID: <one@example.net>\r\nSubject: hi\r\n\r\nhello\r\n"
s.sendmail("sue@example.net", ["bob@example.org"], text)
s.sendmail("sue@example.net", ["ann@example.org", "ann@example.org", "bob@example.org"], text)
for to in ("x@example.com", "nobody@example.org"):
    try:
        s.sendmail("sue@example.net", [to], text)
    except smtplib.SMTPRecipientsRefused:
        pass
s.quit()
END
cat > "$T/read.py" <<'END'
import poplib, sys
for password in ("wrong", "secret"):
    p = poplib.POP3("127.0.0.1", int(sys.argv[1]), timeout=20)
    try:
        p.user("bob"); p.pass_(password); p.retr(1); p.dele(1)
    except poplib.error_proto:
        pass
    p.quit()
END
check "mail is taken" python3 "$T/use.py" "$SMTP" "$POP"
in_box() { [ "$(ls "$H/mail/example.org/bob/new" | wc -l)" -eq 2 ]; }
wait_for in_box
check "and read" python3 "$T/read.py" "$POP"
mv "$H/mail/example.org/eve" "$H/mail/example.org/away"
printf 'Subject: x\n\nhi\n' | as queue-add -C "$H" -f ann@example.org gone@example.net > "$T/out"
put() { printf 'Subject: x\n\nhi\n' | as queue-add -C "$H" -f ann@example.org eve@example.org | sed 's/.* //'; }
a=$(put) b=$(put)
put_off() { ls "$H"/queue/retry1/*/"$1"; }
wait_for put_off "$a" && wait_for put_off "$b"
as queue -C "$H" hold "$a" --reason=look > "$T/out"
as queue -C "$H" release "$a" > "$T/out"
as queue -C "$H" delete "$b" --yes > "$T/out"
has() { grep -qa "^$1 " "$H"/journal/*; }
kill -9 "$(pids_of resolve | head -n 1)"; wait_for has SD
kill -HUP "$PNEU"; wait_for has SR
wait_for none_retires
as pneu -C "$H" config set smtpd.max 21 > "$T/out"; wait_for has SC
as pneu -C "$H" stop pop3d > "$T/out"; as pneu -C "$H" start pop3d > "$T/out"; wait_for has SA
settled() { [ -z "$(ls "$H/queue/in")" ]; }
wait_for settled; wait_for has 7X
stop_pneu; is "the system stops" $? 0
python3 "$(dirname "$0")/docs.py" entries "$H"/journal/* > "$T/tap" || { cat "$T/tap"; exit 1; }
is "entries are those that PROTOCOL lists" "$(grep -c '^ok' "$T/tap")" 2
done_testing
