#!/bin/sh
# SPDX-License-Identifier: ISC
# Dovecot's IMAP server over the same Maildir: it sees every message, moves
# them from new to cur, sets flags, deletes, while mail comes in and POP3 reads;
# and what POP3 says afterwards is right: sizes, and the unique-ids of before.
. "$(dirname "$0")/lib.sh"
imap=/usr/lib/dovecot/imap dovecot=$(command -v dovecot || echo /usr/sbin/dovecot)
[ -x "$imap" ] && [ -x "$dovecot" ] || skip_all "no dovecot-imapd"
make_home
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
start_pneu || { ok 1 "the system becomes ready"; done_testing; }

# Dovecot as the owner of the home, all it keeps for itself in the scratch.
D=$T/dovecot IMAP=$(free_ports 1)
mkdir "$D" "$D/run" "$D/home"
user=$(id -un) group=$(id -gn)
[ "$(id -u)" -ne 0 ] || { user=nobody group=nogroup; chown -R nobody:nogroup "$D"; }
cat > "$D/dovecot.conf" <<END
protocols = imap
base_dir = $D/run
state_dir = $D/run
log_path = $D/log
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = $user
default_internal_group = $group
default_login_user = $user
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:$H/mail/example.org/bob
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=$user gid=$group home=$D/home
}
service imap-login {
  chroot =
  inet_listener imap {
    port = $IMAP
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
END
_exec_as "$dovecot" -F -c "$D/dovecot.conf" > "$T/dovecot.err" 2>&1 &
DOVECOT=$!
_end_too() { kill -TERM "$DOVECOT" 2> /dev/null; wait "$DOVECOT" 2> /dev/null; _end; }
trap _end_too EXIT
answers() { timeout 5 python3 "$D0/talk.py" "$IMAP" < /dev/null | grep -q '^\* OK'; }
D0=$(dirname "$0")
wait_for answers || { diag "$(cat "$T/dovecot.err" "$D/log")"; skip_all "dovecot does not start here"; }

cat > "$T/both.py" <<'END'
import imaplib, os, poplib, re, smtplib, sys, time
smtp, pop, imap = (int(x) for x in sys.argv[1:4])
box = sys.argv[4]
n = 0


def ok(good, title, *why):
    global n
    n += 1
    print("%s %d - %s" % ("ok" if good else "not ok", n, title), flush=True)
    if not good and why:
        print("#", *why, flush=True)


def send(*names):
    s = smtplib.SMTP("127.0.0.1", smtp, timeout=60)
    for name in names:
        body = ".dot\r\n" if name.startswith("dots") else "text\r\n"
        body *= 2000 if name.endswith("long") else 1
        s.sendmail("ann@example.net", ["bob@example.org"] +
            (["postmaster@example.org"] if name.startswith("two") else []),
            "From: ann@example.net\r\nSubject: %s\r\n\r\n%s" % (name, body))
    s.quit()


def until(what, *args):
    end = time.monotonic() + 60
    while not (got := what(*args)) and time.monotonic() < end:
        time.sleep(0.02)
    return got


def pop_all():
    """unique-id: (LIST's size, RETR's octets, subject)"""
    p = poplib.POP3("127.0.0.1", pop, timeout=60)
    p.user("bob@example.org")
    p.pass_("secret")
    all = {}
    total = 0
    for line in p.uidl()[1]:
        i, uid = line.decode().split()
        size = int(p.list(i).split()[2])
        lines = p.retr(i)[1]
        octets = sum(len(l) + 2 for l in lines)
        subject = [l for l in lines if l.startswith(b"Subject: ")][0][9:].decode()
        all[uid] = (size, octets, subject)
        total += size
    count, octets = p.stat()
    p.quit()
    ok(count == len(all) and octets == total, "STAT agrees with LIST", count, octets, total)
    ok(not [u for u, (size, octets, _) in all.items() if size != octets],
       "LIST's sizes are RETR's", all)
    return all


def count(where):
    return len([x for x in os.listdir(box + "/" + where) if "R" in x])


names = ["short", "dots", "dots-long", "long", "two", "two-dots-long", "é".encode().hex()]
send(*names)
ok(until(lambda: count("new") == len(names)), "the messages are in new/", os.listdir(box + "/new"))
before = pop_all()

i = imaplib.IMAP4("127.0.0.1", imap, timeout=60)
i.login("bob@example.org", "secret")
ok(int(i.select("INBOX")[1][0]) == len(names), "IMAP shows every message")
ok(count("new") == 0 and count("cur") == len(names), "and has moved them from new to cur",
   os.listdir(box + "/new"), os.listdir(box + "/cur"))
sizes, subjects = {}, {}
for num in i.search(None, "ALL")[1][0].split():
    data = i.fetch(num, "(RFC822.SIZE BODY.PEEK[])")[1][0]
    subject = re.search(rb"\r\nSubject: (.*)\r\n", data[1])[1].decode()
    sizes[subject] = int(re.search(rb"RFC822.SIZE (\d+)", data[0])[1])
    subjects[subject] = (num, len(data[1]))
ok(sizes == {s: size for size, _, s in before.values()}, "with the sizes that POP3 gave",
   sizes, before)
ok(sizes == {s: size for s, (_, size) in subjects.items()}, "which are what it sends", subjects)
from_, = i.fetch(subjects["short"][0], "(ENVELOPE)")[1][:1]
ok(b'"short"' in from_ and b'"ann"' in from_, "our first line does not stop it from reading the header", from_)
i.store(subjects["short"][0], "+FLAGS", r"(\Seen \Flagged)")
i.store(subjects["dots"][0], "+FLAGS", r"(\Answered \Seen work)")
ok(any(x.endswith(":2,FS") for x in os.listdir(box + "/cur")), "it renames for flags", os.listdir(box + "/cur"))
after = pop_all()
ok(after == before, "POP3 says the same as before: unique-ids, sizes, content", before, after)

send("during-1", "during-2")
ok(until(lambda: i.noop() and int(i.select("INBOX")[1][0]) == len(names) + 2), "mail that comes in during its session is seen")
i.store(subjects["two"][0], "+FLAGS", r"\Deleted")
i.store(subjects["long"][0], "+FLAGS", r"\Deleted")
i.expunge()
left = pop_all()
ok({s for _, _, s in left.values()} == set(names) - {"two", "long"} | {"during-1", "during-2"},
   "what IMAP deleted is gone from POP3, the rest is there", left)
ok(all(left[u] == before[u] for u in left if u in before), "unchanged", before, left)

# One message that IMAP made itself, and one that it copied: names not ours.
i.append("INBOX", r"(\Seen)", None, b"Subject: appended\r\n\r\n.a\r\nb\r\n")
left = pop_all()
ok("appended" in {s for _, _, s in left.values()}, "what IMAP put there itself is served by POP3 too", left)
ok(pop_all() == left, "under a unique-id that stays", left)

# A session of each at once; POP3 deletes what IMAP has open, and the reverse.
p = poplib.POP3("127.0.0.1", pop, timeout=60)
p.user("bob@example.org")
p.pass_("secret")
listed = {l.split()[1].decode(): l.split()[0].decode() for l in p.uidl()[1]}
uid = [u for u, (_, _, s) in left.items() if s == "dots"][0]
p.dele(listed[uid])
i.select("INBOX")
mine = i.search(None, "SUBJECT", "during-1")[1][0].split()[0]
i.store(mine, "+FLAGS", r"\Deleted")
i.expunge()
uid2 = [u for u, (_, _, s) in left.items() if s == "during-1"][0]
uid3 = [u for u, (_, _, s) in left.items() if s == "during-2"][0]
i.store(i.search(None, "SUBJECT", "during-2")[1][0].split()[0], "+FLAGS", r"\Flagged")
try:
    said = p.retr(listed[uid2])[0].decode()
except poplib.error_proto as e:
    said = str(e)
ok("-ERR" in said, "a message that vanished under a POP3 session is an error reply", said)
try:
    said = p.retr(listed[uid3])[0].decode()
except poplib.error_proto as e:
    said = str(e)
ok("+OK" in said, "one that was renamed under it is found again", said)
p.quit()
left = pop_all()
ok({"dots", "during-1"}.isdisjoint(s for _, _, s in left.values()) and "during-2" in {s for _, _, s in left.values()},
   "both deletes hold", left)
i.noop()
ok(int(i.select("INBOX")[1][0]) == len(left), "IMAP has as many as POP3", left)
i.logout()
END
python3 "$T/both.py" "$SMTP" "$POP" "$IMAP" "$H/mail/example.org/bob" > "$T/tap" 2>&1
_s=$?
cat "$T/tap"
_n=$(grep -Ec '^(not )?ok ' "$T/tap")
_failed=$(grep -c '^not ok ' "$T/tap")
ok $_s "all of it was tried" || diag "$(tail -n 5 "$D/log")"
grep -E 'Error|Warning|Panic|Fatal' "$D/log" > "$T/dovecot.bad"
is "Dovecot has nothing to complain of" "$(cat "$T/dovecot.bad")" ""
check "status says that all is well" as pneu -C "$H" status
stop_pneu; is "it stops with 0" $? 0
is "no process died" "$(grep -ha '^SD ' "$H"/journal/*)" ""
done_testing
