#!/bin/sh
# SPDX-License-Identifier: ISC
# What was sent is what comes back, octet for octet. The rule:
#
#   RETR = [Pneu: ... CRLF] Return-Path: ... CRLF [Delivered-To: ... CRLF]
#          Received: ... CRLF and its continuation lines, then SENT
#
# and nothing else, but for an empty line before a SENT that begins with neither
# a header field nor an empty line. SENT is all that stood between the 354 and the final dot,
# dots unstuffed; its last CRLF is the one before the dot. Pneu: is there when
# the message lies in one file (one recipient, up to 64 KiB), Delivered-To: when
# it has one recipient. LIST says the octets of all of it.
. "$(dirname "$0")/lib.sh"
make_home example.org bücher.example
add_user bob@example.org secret > "$T/out" 2>&1
add_user jürgen@example.org secret >> "$T/out" 2>&1
add_user ann@bücher.example secret >> "$T/out" 2>&1 || diag "$(cat "$T/out")"
start_pneu || { ok 1 "the system becomes ready"; done_testing; }
cat > "$T/octets.py" <<'END'
import email.message, email.policy, os, poplib, random, re, smtplib, sys, time
smtp, pop = int(sys.argv[1]), int(sys.argv[2])
poplib._MAXLINE = 1 << 20
n = 0


def ok(good, title, *why):
    global n
    n += 1
    print("%s %d - %s" % ("ok" if good else "not ok", n, title), flush=True)
    if not good:
        print("#", *why, flush=True)


def send(content, to="bob@example.org", chunk=0, options=(), sender="ann@example.net"):
    """content has CRLF ends; by DATA, or by BDAT in chunks"""
    s = smtplib.SMTP("127.0.0.1", smtp, timeout=60)
    s.ehlo()
    s.command_encoding = "utf-8" if "SMTPUTF8" in options else "ascii"
    code, text = s.mail(sender, list(options))
    assert code == 250, text
    code, text = s.rcpt(to)
    assert code == 250, text
    if chunk:
        for at in range(0, max(len(content), 1), chunk):
            part = content[at:at + chunk]
            last = at + chunk >= len(content)
            s.send(b"BDAT %d%s\r\n%s" % (len(part), b" LAST" * last, part))
            code, text = s.getreply()
    else:
        assert s.docmd("DATA")[0] == 354
        s.send(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
        code, text = s.getreply()
    assert code == 250, (code, text)
    s.quit()


def fetch(user="bob@example.org"):
    """The one message in the mailbox, as RETR gives it, and its LIST size."""
    end = time.monotonic() + 60
    while True:
        p = poplib.POP3("127.0.0.1", pop, timeout=60)
        p.encoding = "utf-8"
        p.user(user)
        p.pass_("secret")
        if p.stat()[0]:
            break
        p.quit()
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    size = int(p.list(1).split()[2])
    p._putcmd("RETR 1")
    assert p.file.readline().startswith(b"+OK")
    lines = []
    while (line := p.file.readline()) != b".\r\n":
        assert line, "the connection ended"
        lines.append(line[1:] if line.startswith(b".") else line)
    p.dele(1)
    p.quit()
    return b"".join(lines), size


def added(content):
    m = re.match(
        rb"(Pneu: one [^\r\n]*\r\n)?Return-Path: <[^\r\n]*>\r\n"
        rb"Delivered-To: [^\r\n]*\r\n"
        rb"Received: [^\r\n]*\r\n(?:\t[^\r\n]*\r\n)+", content)
    return m.end() if m else -1


def parted(title, content, **how):
    """content begins with no field: is it body, behind an empty line?"""
    send(content, **how)
    got, size = fetch()
    ours, _, body = got.partition(b"\r\n\r\n")
    ok(body == content and size == len(got) and added(ours + b"\r\n") == len(ours) + 2,
       title, "LIST says %d of %d" % (size, len(got)), got[:500])


def same(title, content, user="bob@example.org", **how):
    try:
        send(content, **how)
        got, size = fetch(user)
    except (AssertionError, smtplib.SMTPException, poplib.error_proto) as e:
        return ok(False, title, repr(e))
    at = added(got)
    ok(at >= 0 and got[at:] == content and size == len(got) and
       got.startswith(b"Pneu: ") == (len(content) < 65000), title,
       "%d octets sent; %d after the %d added; LIST says %d of %d" %
       (len(content), len(got) - at, at, size, len(got)), got[:700], content[:80])


head = b"From: <ann@example.net>\r\nSubject: x\r\n\r\n"
for how, chunk in (("DATA", 0), ("BDAT", 1 << 20), ("BDAT in pieces of 7", 7)):
    def go(title, content, **more):
        same(how + ": " + title, content, chunk=chunk, **more)
    go("an empty body", head)
    go("no header section at all", b"\r\njust a body\r\n")
    go("nothing but one empty line", b"\r\n")
    go("lines of 998 octets", head + (b"x" * 998 + b"\r\n") * 3)
    go("a line of 998 octets that begins with a dot", head + b"." + b"y" * 997 + b"\r\n")
    go("lines that begin with dots", head + b".\r\n..\r\n...\r\n.a\r\n..a\r\n \r\n. \r\n\t.\r\n")
    go("a dot first of all, and last", b".: x\r\n\r\n.\r\n.\r\n")
    go("8-bit octets, every one but NUL, CR and LF", head + b"".join(
        bytes([c]) for c in range(1, 256) if c not in (10, 13)) + b"\r\n", options=["BODY=8BITMIME"])
    go("empty lines at its end", head + b"a\r\n\r\n\r\n\r\n")
    go("lines of From and of mbox's >From", head + b"From me\r\n>From you\r\n")
    def gone(title, content):
        parted(how + ": " + title, content, chunk=chunk)
    trace = b"for <ceo@example.org>; Mon, 1 Jan 2001 00:00:00 +0000\r\n"
    gone("TAB first is no part of the trace field", b"\t" + trace + b"Subject: x\r\n\r\nbody\r\n")
    gone("nor is SP", b" " + trace + b"\r\nbody\r\n")
    gone("nor white space alone", b" \r\nSubject: x\r\n")
    gone("text first: fields behind it are none", b"hello\r\nReceived: by here\r\n\r\nbody\r\n")
    gone("text with a colon", b"Dear all: at 10:30\r\n")
    gone("mbox's line", b"From ann@example.net Mon Jan  1 00:00:00 2001\r\nSubject: x\r\n")
    gone("a big one", b"\t" + trace + b"0123456789\r\n" * 20000)
for size in (64900, 65536, 65537, 70000): # about where one file becomes two
    body = b"".join(b".%06d" % i + b"z" * 60 + b"\r\n" for i in range(size // 69 - 2))
    body += b"e" * (size - len(head + body) - 2) + b"\r\n"
    same("DATA: %d octets" % size, head + body)

rnd = random.Random(7)
m = email.message.EmailMessage(policy=email.policy.SMTP)
m["From"], m["To"], m["Subject"] = "ann@example.net", "bob@example.org", "holiday pictures"
m.set_content("Here they are: é, ü, €.\n")
parts = [rnd.randbytes(6 << 20) for _ in range(3)]
for i, part in enumerate(parts):
    m.add_attachment(part, maintype="image", subtype="jpeg", filename="%d.jpg" % i)
m.add_attachment("text\n.\n..\n", filename="dots.txt")
big = m.as_bytes()
big += (b"x" * 76 + b"\r\n") * (((25 << 20) - len(big)) // 78 + 1)
ok(len(big) >= 25 << 20, "the message with attachments is of 25 MiB", len(big))
took = time.monotonic()
same("25 MiB with attachments by DATA", big)
print("# sent, read and deleted in %.1f s" % (time.monotonic() - took))
send(big, chunk=1 << 20)
got, _ = fetch()
ok(got[added(got):] == big, "25 MiB by BDAT")
back = email.message_from_bytes(got, policy=email.policy.default)
ok([a.get_payload(decode=True) for a in back.iter_attachments()][:3] == parts,
   "its attachments decode to what they were")

u8 = ["SMTPUTF8", "BODY=8BITMIME"]
text = "From: <tëst@bücher.example>\r\nSubject: grüße\r\n\r\nnaïve\r\n".encode()
same("a recipient with a UTF-8 local-part", text, user="jürgen@example.org",
     to="jürgen@example.org", options=u8, sender="tëst@bücher.example")
same("a recipient in a U-label domain", text, user="ann@bücher.example",
     to="ann@bücher.example", options=u8)
same("the same domain in A-labels", text, user="ann@xn--bcher-kva.example",
     to="ann@xn--bcher-kva.example")
s = smtplib.SMTP("127.0.0.1", smtp, timeout=60)
s.ehlo()
s.command_encoding = "utf-8"
s.mail("ann@example.net")
code, reply = s.rcpt("jürgen@example.org")
ok(code == 553 and b"SMTPUTF8" in reply,
   "without SMTPUTF8 that recipient is refused, and told why", code, reply)
s.quit()
END
python3 "$T/octets.py" "$SMTP" "$POP" > "$T/tap" 2>&1
_s=$?
cat "$T/tap"
_n=$(grep -Ec '^(not )?ok ' "$T/tap")
_failed=$(grep -c '^not ok ' "$T/tap")
ok $_s "all of them were tried"
stop_pneu; is "it stops with 0" $? 0
done_testing
