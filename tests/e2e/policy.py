# SPDX-License-Identifier: ISC
"""policy.py HOME SMTP POP: a table of what the rules of access say. TAP.

Each group is settings, and for each kind of client what becomes of mail to five
recipients, a letter each; the letters are written by hand from the manual, not
computed. Every row is asked of `smtpd --explain`, and of a session whose client
has that address (and has logged in, where AUTH is offered to it).
"""
import base64
import json
import socket
import subprocess
import sys
import time

HOME, SMTP, POP = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
RECIPIENTS = ["bob@example.org", "x@near.test", "x@a.sub.test", "x@far.test", "nobody@example.org"]
# a stranger; in lists/accept; in lists/reject; with a POP window; rejected, with one
CLIENTS = {"S": "127.0.0.1", "L": "127.0.1.1", "R": "127.0.2.1", "W": "127.0.3.1", "V": "127.0.2.9"}
# letter: accepted, or reply, code, rule
MEANING = {
    "a": ("250", "2.1.5", None),
    "r": ("550", "5.7.1", "relay"),
    "u": ("550", "5.1.1", "recipient"),
    "c": ("554", "5.7.1", "reject-list"),
    "l": ("530", "5.7.0", "login-needed"),
    "o": ("502", "5.5.1", "auth-off"),
    "v": ("550", "5.7.1", "verify-from"),
    "i": ("535", "5.7.1", "verify-id"),
}
USER = "ann@example.org"
N, C = "arrru", "ccccc"  # nothing is relayed; turned away
F, L = "aaaau", "lllll"  # all is relayed; a login is needed
B = "aaaru"  # to near domains
GROUPS = [
    # mode, allow, window, override, verify_from, verify_id,
    # S L R W V without a login, then S L with one, from USER
    ("none", "none", 0, "no", "no", "no", (N, N, C, N, C), ("ooooo", "ooooo")),
    ("none", "all", 0, "no", "no", "no", (F, F, C, F, C), ("ooooo", "ooooo")),
    ("none", "near", 0, "no", "no", "no", (B, B, C, B, C), ("ooooo", "ooooo")),
    ("none", "list", 0, "no", "no", "no", (N, F, C, N, C), ("ooooo", "ooooo")),
    ("none", "both", 0, "no", "no", "no", (B, F, C, B, C), ("ooooo", "ooooo")),
    ("none", "none", 15, "no", "no", "no", (N, N, C, F, C), ("ooooo", "ooooo")),
    ("none", "none", 15, "yes", "no", "no", (N, N, C, F, F), ("ooooo", "ooooo")),
    ("none", "near", 15, "no", "no", "no", (B, B, C, F, C), ("ooooo", "ooooo")),
    ("none", "list", 240, "yes", "no", "no", (N, F, C, F, F), ("ooooo", "ooooo")),
    ("none", "both", 65535, "yes", "no", "no", (B, F, C, F, F), ("ooooo", "ooooo")),
    ("none", "all", 15, "yes", "no", "no", (F, F, C, F, F), ("ooooo", "ooooo")),
    # a window of no length overrides nothing, though people have logged in
    ("none", "none", 0, "yes", "no", "no", (N, N, C, N, C), ("ooooo", "ooooo")),
    ("relay", "none", 0, "no", "no", "no", (N, N, C, N, C), (F, F)),
    ("relay", "near", 0, "no", "all", "no", (B, B, C, B, C), (F, F)),
    ("relay", "list", 15, "no", "no", "report", (N, F, C, F, C), (F, F)),
    ("relay", "both", 15, "yes", "report", "no", (B, F, C, F, F), (F, F)),
    ("relay", "none", 0, "no", "no", "yes", (N, N, C, N, C), ("iiiii", "iiiii")),
    ("local+relay", "none", 0, "no", "unlisted", "no", (L, L, C, L, C), (F, F)),
    ("local+relay", "both", 15, "yes", "no", "no", (L, L, C, L, L), (F, F)),
    ("local+relay", "all", 0, "no", "no", "no", (L, L, C, L, C), (F, F)),
]
count = failed = 0


def ok(good, title, told=()):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("" if good else "not ", count, title))
    failed += not good
    for line in ([] if good else list(told)[:20]):
        print("# %s" % (line,))


class Client:
    """Lines to a port from an address, and the last line of each reply."""

    def __init__(self, port, address):
        self.s = socket.create_connection(("127.0.0.1", port), 20, (address, 0))
        self.f = self.s.makefile("rb")

    def reply(self):
        lines = []
        while True:
            line = self.f.readline().decode()
            lines.append(line)
            if not line or line[3:4] != "-":
                return lines

    def say(self, line):
        self.s.sendall(line.encode() + b"\r\n")
        return self.reply()

    def close(self):
        self.f.close()
        self.s.close()


def code(lines):
    words = lines[-1].split()
    return (words + ["", ""])[0], (words + ["", ""])[1]


def session(client, user, sender, mode):
    """(reply, code) for each recipient; None: AUTH is not to be had here."""
    c = Client(SMTP, CLIENTS[client])
    try:
        got = code(c.reply())
        if got[0] != "220":
            return [got] * len(RECIPIENTS)
        offers = any("AUTH" in line for line in c.say("EHLO me"))
        if user:
            secret = base64.b64encode(("\0%s\0pw" % user).encode()).decode()
            got = code(c.say("AUTH PLAIN " + secret))
            if got[0] != "235":
                return [got] * len(RECIPIENTS) if offers or mode == "none" else None
        got = code(c.say("MAIL FROM:<%s>" % sender))
        if got[0] != "250":
            return [got] * len(RECIPIENTS)
        return [code(c.say("RCPT TO:<%s>" % to)) for to in RECIPIENTS]
    finally:
        c.close()


def pop_login(address):
    s = socket.create_connection(("127.0.0.1", POP), 20, (address, 0))
    f = s.makefile("rb")
    f.readline()
    for line in ("USER " + USER, "PASS pw"):
        s.sendall(line.encode() + b"\r\n")
        answer = f.readline()
    s.close()
    return answer


def configure(base, group):
    mode, allow, window, override, verify_from, verify_id = group[:6]
    with open(HOME + "/pneu.conf", "w") as out:
        out.write(base + "[auth]\nmode = %s\nverify_from = %s\nverify_id = %s\n[relay]\nallow = %s\n"
                  "pop_window = %d\n[connect]\npop_overrides_reject = %s\n"
                  % (mode, verify_from, verify_id, allow, window, override))
    subprocess.run(["pneu", "-C", HOME, "reload"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while b"retires" in subprocess.run(["pneu", "-C", HOME, "status"], capture_output=True).stdout:
        if time.monotonic() > end:
            raise SystemExit("workers of the configuration before do not end")
        time.sleep(0.02)


def explain(rows):
    """[(steps, verdict)] as dictionaries, for (client, user, sender, to)."""
    text = ""
    for client, user, sender, to in rows:
        text += "explain client=%s%s from=%s to=%s\n" % (CLIENTS[client], " user=" + user if user else "", sender, to)
    said = subprocess.run(["smtpd", "-C", HOME, "--explain"], input=text, capture_output=True, text=True, timeout=30)
    answers, steps = [], []
    for line in said.stdout.splitlines():
        word, *fields = line.split(" ")
        record = dict(f.split("=", 1) for f in fields)
        if word == "step":
            steps.append(record)
        else:
            answers.append((steps, dict(record, word=word)))
            steps = []
    return answers


def check_group(group):
    without, with_user = group[6:]
    cells = [(c, "", letters) for c, letters in zip("SLRWV", without)]
    cells += [(c, USER, letters) for c, letters in zip("SL", with_user)]
    rows = [(c, user, USER, to) for c, user, _ in cells for to in RECIPIENTS]
    answers, at, sessions = explain(rows), 0, 0
    if len(answers) != len(rows):
        ok(False, "%s: every question is answered" % (group[:6],), ["%d of %d" % (len(answers), len(rows))])
        return 0
    for client, user, letters in cells:
        seen = session(client, user, USER, group[0])
        for i, letter in enumerate(letters):
            reply, enhanced, rule = MEANING[letter]
            steps, verdict = answers[at]
            at += 1
            told = ("250", "2.1.5", None) if verdict["word"] == "accepted" else (
                verdict.get("reply"), verdict.get("code"), verdict.get("rule"))
            good = told == (reply, enhanced, rule) and (seen is None or seen[i] == (reply, enhanced))
            sessions += seen is not None
            ok(good, "mode %s, allow %s, window %s %s, from %s, id %s: %s %s to %s: %s" % (
                group[:6] + (client, user or "nobody", RECIPIENTS[i], rule or "accepted")),
               ["explain: %s" % (told,), "session: %s" % (seen and seen[i],), json.dumps(steps)])
    return sessions


def main():
    with open(HOME + "/pneu.conf") as f:
        base = f.read()
    configure(base, GROUPS[5])
    for client in "WV":
        answer = pop_login(CLIENTS[client])
        if client == "W":
            ok(answer.startswith(b"+OK"), "a POP3 login opens a window", [answer])
    sessions = 0
    for group in GROUPS:
        configure(base, group)
        sessions += check_group(group)
    print("# %d rows, %d of them seen in a session, too" % (count - 1, sessions))
    ok(count > 300, "there are more than 300 rows")
    print("1..%d" % count)
    sys.exit(failed > 0)


main()
