#!/bin/sh
# SPDX-License-Identifier: ISC
# Mail was accepted, then its recipient left: a report of RFC 3464 goes to the
# sender's mailbox, nothing for a null reverse-path, no loop, and the journal
# tells both stories.
. "$(dirname "$0")/lib.sh"
make_home
conf queue "retry_min = 30m" # nothing is tried again but what is asked for
for u in ann bob gone; do add_user $u@example.org secret; done > "$T/out" 2>&1
start_pneu || { ok 1 "the system becomes ready"; done_testing; }
queue() { as "$B/queue" -C "$H" "$@"; }

# An unmounted mailbox keeps the mail of gone@ waiting; then he is removed.
as mv "$H/mail/example.org/gone" "$H/away"
cat > "$T/send.py" <<'END'
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60)
s.ehlo()
def send(sender, tos, subject, notify=None):
    s.sendmail(sender, tos, "Subject: %s\r\nMessage-ID: <%s@pc7>\r\nX-Keep: me"
        "\r\n\r\nprecious\r\n" % (subject, subject.replace(" ", "-")))
send("ann@example.org", ["gone@example.org"], "one")
send("ann@example.org", ["gone@example.org", "bob@example.org"], "two")
send("", ["gone@example.org"], "null")
# A report about this one would go to a sender who is gone as well.
send("gone@example.org", ["gone@example.org"], "circle")
s.quit()
END
check "four messages are accepted" python3 "$T/send.py" "$SMTP"
waiting() { [ "$(queue list --json --state "$1" | wc -l)" -eq "$2" ]; }
wait_for waiting retry1 4; ok $? "and wait, since the mailbox is not there"
check "they are held" queue hold --address gone@example.org --reason 'until he is back'
is "all four" "$(queue list --json --state hold | wc -l)" 4
check "he is removed" as directory -C "$H" remove gone@example.org
check "they are released" queue release --state hold
empty() { [ -z "$(find "$H/queue" -name '[0-9A-Z]*' -type f)" ]; }
wait_for empty; ok $? "nothing is left in the queue" || diag "$(queue list)"

cat > "$T/report.py" <<'END'
import email, email.policy, poplib, sys
n = int(sys.argv[2])
def ok(good, title, *why):
    global n
    n += 1
    print("%s %d - %s" % ("ok" if good else "not ok", n, title), flush=True)
    if not good:
        print("#", *why, flush=True)
def fetch(user):
    p = poplib.POP3("127.0.0.1", int(sys.argv[1]), timeout=60)
    p.user(user); p.pass_("secret")
    all = [email.message_from_bytes(b"\r\n".join(p.retr(i + 1)[1]) + b"\r\n",
        policy=email.policy.default) for i in range(p.stat()[0])]
    p.quit()
    return all
reports = {}
for m in fetch("ann@example.org"):
    about = [p for p in m.walk() if p.get_content_type() == "text/rfc822-headers"]
    h = email.message_from_string(about[0].get_payload()) if about else {}
    reports[h.get("Subject")] = (m, h)
ok(sorted(reports) == ["one", "two"], "the sender has a report about each of his messages", reports.keys())
for subject, (m, h) in reports.items():
    t = subject + ": "
    ok(not [p for p in m.walk() if p.defects], t + "email finds no defect", [p.defects for p in m.walk()])
    ok(m["Return-Path"].strip() == "<>", t + "the reverse-path is null", m["Return-Path"])
    ok(m.get_content_type() == "multipart/report" and
       m.get_param("report-type") == "delivery-status", t + "it is a multipart/report", m["Content-Type"])
    ok(m["To"] == "ann@example.org" and m["Date"] and m["Message-ID"] and m["From"],
       t + "it has the fields that mail has", m.items())
    ok(m["Auto-Submitted"] == "auto-replied", t + "it says that no person wrote it", m["Auto-Submitted"])
    kinds = [p.get_content_type() for p in m.iter_parts()]
    ok(kinds == ["text/plain", "message/delivery-status", "text/rfc822-headers"],
       t + "words, status, header section", kinds)
    words, status, _ = m.iter_parts()
    ok("gone@example.org" in words.get_content() and "no such user" in words.get_content(),
       t + "the words name the address and the reason", words.get_content())
    per_message, *recipients = status.get_payload()
    ok(per_message["Reporting-MTA"] == "dns; mx.example.org" and per_message["Arrival-Date"],
       t + "Reporting-MTA and Arrival-Date", per_message.items())
    ok(len(recipients) == 1, t + "one recipient failed", status.as_string())
    r = recipients[0]
    ok((r["Final-Recipient"], r["Action"], r["Status"]) ==
       ("rfc822; gone@example.org", "failed", "5.1.1"), t + "which one, and how", r.items())
    ok(h["X-Keep"] == "me" and h["Message-ID"] == "<%s@pc7>" % subject,
       t + "the header section is that of the message", h.items())
ok([m["Subject"] for m in fetch("bob@example.org")] == ["two"], "the other recipient has the message, once")
END
python3 "$T/report.py" "$POP" "$_n" > "$T/tap" 2>&1; _s=$?
cat "$T/tap"
_n=$((_n + $(grep -Ec '^(not )?ok ' "$T/tap")))
_failed=$((_failed + $(grep -c '^not ok ' "$T/tap")))
ok $_s "the reports were read" || diag "$(tail -n 3 "$T/tap")"

# ---- no loop; after the stop the journal has all
empty; ok $? "and nothing waits" || diag "$(queue list)"
stop_pneu; is "it stops with 0" $? 0
total=$(find "$H/mail" -name '*R[0-9]*,S=*' | wc -l)
is "three messages exist in all mailboxes: two reports, one delivery" "$total" 3
is "a report that cannot be delivered ends there: none about it" \
    "$(as journal -C "$H" show --code=AP | wc -l)" 3
like "of both that have no sender to tell, an operator hears" \
    "$(as journal -C "$H" show --code=XX | grep -c 'undeliverable to gone@example.org, and there is no sender to tell: no such user')" '^2$'

# ---- the story of both
one=$(as journal -C "$H" trace '<one@pc7>')
like "the trace of the message says why" "$one" 'undeliverable to <gone@example.org>: 5.1.1 no such user'
is "and claims no delivery" "$(printf '%s\n' "$one" | grep -c 'all of it')" 0
like "that it was held, and for what" "$one" 'put on hold by operator: until he is back'
like "and which report went back" "$one" 'report to the reverse-path queued, as [0-9A-Z]{26}'
like "and the report's own story follows" "$one" 'report to <ann@example.org>'
like "which names the message" "$one" 'report about [0-9A-Z]{26}'
like "until it lay in the mailbox" "$one" 'delivered to mailbox example.org/ann'
is "no key=value is left in the words" "$(printf '%s\n' "$one" | grep -E ' (text|of|from|to|tag)=')" ""
null=$(as journal -C "$H" trace '<null@pc7>')
like "the trace of the null sender's message says why" "$null" '5.1.1 no such user'
is "and that no report was made" "$(printf '%s\n' "$null" | grep -c 'report')" 0
is "no process died" "$(grep -ha '^SD ' "$H"/journal/*)" ""
done_testing
