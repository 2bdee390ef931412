#!/bin/sh
# SPDX-License-Identifier: ISC
# Both listeners on [::1]; and one message to a thousand local recipients: each
# has it once, and none sees the others.
. "$(dirname "$0")/lib.sh"
make_home
python3 -c '
import socket
socket.create_server(("::1", 0), family=socket.AF_INET6)' 2> "$T/out" ||
    skip_all "no IPv6 here: $(tail -n 1 "$T/out")"
p=$(free_ports 2 ::1) SMTP6=${p% *} POP6=${p#* }
conf smtpd "listen = [::1]:$SMTP6"
conf pop3d "listen = [::1]:$POP6"
add_user bob@example.org secret > "$T/out" 2>&1
python3 -c '
for i in range(1000):
    print("entry smtp=user%d@example.org" % i)' |
    as directory -C "$H" import > "$T/out" 2>&1
is "a thousand users are imported" $? 0 || diag "$(tail -n 3 "$T/out")"
check "the system becomes ready" start_pneu
cat > "$T/both.py" <<'END'
import glob, os, poplib, re, smtplib, sys, time
n = int(sys.argv[1])
smtp, smtp6, pop, pop6 = (int(x) for x in sys.argv[2:6])
mail = sys.argv[6] + "/mail/example.org"
def ok(good, title, *why):
    global n
    n += 1
    print("%s %d - %s" % ("ok" if good else "not ok", n, title), flush=True)
    if not good and why:
        print("#", *why, flush=True)
def until(what):
    end = time.monotonic() + 60
    while not (got := what()) and time.monotonic() < end:
        time.sleep(0.05)
    return got
def count(user):
    return len(glob.glob("%s/%s/new/*R*" % (mail, user)))

for host, s_port in (("127.0.0.1", smtp), ("::1", smtp6)):
    s = smtplib.SMTP(host, s_port, timeout=60)
    s.sendmail("ann@example.net", ["bob@example.org"], "Subject: to %s\r\n\r\nx\r\n" % host)
    s.quit()
ok(until(lambda: count("bob") == 2), "mail over IPv4 and IPv6 arrives", os.listdir(mail + "/bob/new"))
for host, p_port in (("127.0.0.1", pop), ("::1", pop6)):
    p = poplib.POP3(host, p_port, timeout=60)
    p.user("bob@example.org")
    p.pass_("secret")
    texts = [b"\n".join(p.retr(i + 1)[1]).decode() for i in range(p.stat()[0])]
    p.quit()
    ok(len(texts) == 2, "POP3 over %s reads both" % host, len(texts))
six = [t for t in texts if "to ::1" in t]
ok(six and "[IPv6:::1]" in six[0], "the trace field has the address literal of RFC 5321 4.1.3",
   six[0][:400] if six else "")

# ---- one address, by default
held = [smtplib.SMTP("127.0.0.1", smtp, timeout=60) for _ in range(10)]
try:
    more = smtplib.SMTP("127.0.0.1", smtp, timeout=60)
except smtplib.SMTPConnectError as e:
    more = e.smtp_code
ok(more == 421, "one address has at most ten sessions", more)
smtplib.SMTP("::1", smtp6, timeout=60).quit()
ok(True, "and another one is let in")
for s in held:
    s.quit()

# ---- a thousand
s = smtplib.SMTP("::1", smtp6, timeout=60)
s.ehlo()
s.mail("ann@example.net")
refused = [i for i in range(1000) if s.rcpt("user%d@example.org" % i)[0] != 250]
ok(not refused, "a thousand recipients are accepted in one transaction", refused[:3])
s.docmd("DATA")
took = time.monotonic()
s.send(b"Subject: to all\r\nTo: undisclosed-recipients:;\r\n\r\nhello all\r\n.\r\n")
code, text = s.getreply()
ok(code == 250, "and the message too", code, text)
s.quit()
have = lambda: [count("user%d" % i) for i in range(1000)]
ok(until(lambda: sum(have()) >= 1000), "all mailboxes get it", sum(have()))
print("# from the final dot until all had it, this test's counting included: %.0f ms" %
      ((time.monotonic() - took) * 1000))
ok(until(lambda: not os.listdir(sys.argv[6] + "/queue/in")), "the queue lets go")
ok(have() == [1] * 1000, "each has it once", [i for i, x in enumerate(have()) if x != 1][:5])
files = glob.glob(mail + "/user*/new/*R*")
ok(len({os.stat(f).st_ino for f in files}) == 1, "it is one file on the disk")
text = open(files[0], "rb").read()
ok(b"user" not in text, "and no recipient is named in it", text[:500])
ok(text.startswith(b"Return-Path: <ann@example.net>\r\nReceived: "), "it begins with the two added fields", text[:100])
ok(len({re.search(r"R(\d+),S=", os.path.basename(f))[1] for f in files}) == 1000,
   "each name has its recipient's number")
END
python3 "$T/both.py" "$_n" "$SMTP" "$SMTP6" "$POP" "$POP6" "$H" > "$T/tap" 2>&1; _s=$?
cat "$T/tap"
_n=$((_n + $(grep -Ec '^(not )?ok ' "$T/tap")))
_failed=$((_failed + $(grep -c '^not ok ' "$T/tap")))
ok $_s "all of it was tried"
soon "the journal has the client's address" 'ip=::1' as journal -C "$H" show --ip=::1
like "status lists both listeners" "$(as pneu -C "$H" status)" "smtpd +\[::1\]:$SMTP6 +ready"
stop_pneu; is "it stops with 0" $? 0
is "no process died" "$(grep -ha '^SD ' "$H"/journal/*)" ""
done_testing
