#!/bin/sh
# SPDX-License-Identifier: ISC
# pop3-session: what is deleted, when, and what others do to the mailbox meanwhile.
. "$(dirname "$0")/lib.sh"
make_home
conf pneu 'sandbox = required'
for u in bob ann; do add_user $u@example.org pw > "$T/out"; done
M=$H/mail/example.org/bob
as sh -c "cd '$M/new' && for i in 1 2 3 4 5; do printf 'A: b\r\n\r\n%s\r\n' \$i > 100000000\$i.a; done"
check "the system becomes ready" start_pneu
cat > "$T/pop.py" <<'X'
import os, poplib, socket, sys, time
port, box = int(sys.argv[1]), sys.argv[2]
def login():
    p = poplib.POP3("127.0.0.1", port, timeout=60)
    p.user("bob@example.org"); p.pass_("pw")
    return p
def error(call, *args):
    try: call(*args)
    except poplib.error_proto as e: return e.args[0].decode()
    return "no error"
def free():
    """A login as soon as no other session has the mailbox."""
    while True:
        try: return login()
        except poplib.error_proto as e:
            if b"IN-USE" not in e.args[0]: raise
def session():
    """The one process in the mailbox: one that has said bye may still be there."""
    while True:
        pids = [p for p in os.listdir("/proc") if p.isdigit() and stands(p) == box]
        if len(pids) == 1: return int(pids[0])
def stands(pid):
    try: return os.readlink(f"/proc/{pid}/cwd")
    except OSError: return ""
def held():
    return " ".join(sorted(os.listdir(box + "/new") + os.listdir(box + "/cur")))
X
py() { (cd "$T" && python3 -c "from pop import *
$1" "$POP" "$M"); }
all='1000000001.a 1000000002.a 1000000003.a 1000000004.a 1000000005.a'
is "a connection that breaks deletes nothing" "$(py 'p = login(); p.dele(1); p.dele(2); p.close(); free().quit(); print(held())')" "$all"
is "a reader that moves to cur/ and sets flags does no harm" "$(py '
p = login()
os.rename(box + "/new/1000000002.a", box + "/cur/1000000002.a:2,S")
print(p.retr(2)[1][-1], p.list()[1][1], p.uidl()[1][1]); p.dele(2)
os.rename(box + "/cur/1000000002.a:2,S", box + "/cur/1000000002.a:2,RS")
p.quit(); print(held())')" "b'2' b'2 11' b'2 1000000002.a'
1000000001.a 1000000003.a 1000000004.a 1000000005.a"
is "a message that vanishes is an error reply, and the numbers keep" "$(py '
p = login(); os.unlink(box + "/new/1000000003.a")
print(error(p.retr, 2)); print(p.retr(3)[1][-1]); p.dele(2); p.dele(3); print(p.quit()); print(held())')" \
	"-ERR this message is gone, another program removed it
b'4'
b'+OK bye'
1000000001.a 1000000005.a"
is "mail that comes during a session stays" "$(py '
p = login(); open(box + "/new/1000000006.a", "w").close(); print(p.stat()[0]); p.dele(1); p.quit(); print(held())')" \
	"2
1000000005.a 1000000006.a"
is "what cannot be removed is said" "$(py '
p = login(); p.dele(1)
os.rename(box + "/new/1000000005.a", box + "/keep"); os.mkdir(box + "/new/1000000005.a")
print(error(p.quit)); os.rmdir(box + "/new/1000000005.a"); os.rename(box + "/keep", box + "/new/1000000005.a")')" \
	'-ERR [SYS/TEMP] some deleted messages may not be removed'
is "UIDL and order are the same in the next session" "$(py '
p = login(); a = p.uidl()[1]; p.quit(); p = login(); print(a == p.uidl()[1]); p.quit()')" True

# ---- the session is killed in UPDATE
is "a session that is killed removes nothing it had not" "$(py '
import subprocess, signal
p = login(); p.dele(1); os.kill(session(), signal.SIGKILL)
try: p.noop()
except Exception: pass
print(held()); p = free(); print(p.stat()[0]); p.quit()')" "1000000005.a 1000000006.a
2"

# ---- confinement, as the kernel tells it
is "the session stands in its mailbox, with a filter, without privileges" "$(py '
p = login(); pid = session()
s = dict(x.split(":\t", 1) for x in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in x)
print(s["Seccomp"], s["NoNewPrivs"], sorted(os.path.realpath(f"/proc/{pid}/fd/{n}").replace(box, "box")
    for n in os.listdir(f"/proc/{pid}/fd") if os.path.isdir(f"/proc/{pid}/fd/{n}")))
p.quit()')" "2 1 ['box', 'box/cur', 'box/new']"
is "a second session is told so" "$(py 'p = login(); print(error(login)); p.quit()')" \
	'-ERR [IN-USE] another session has this mailbox'
as mv "$M/new" "$M/gone"; as touch "$M/new"
is "a mailbox that cannot be read is a refusal" "$(py 'print(error(login))')" \
	'-ERR [SYS/TEMP] the mailbox cannot be read'
rm "$M/new"; mv "$M/gone" "$M/new"
stop_pneu
as journal -C "$H" show > "$T/journal" 2>&1
like "the journal says why some were not removed" "$(cat "$T/journal")" 'XX.*text="remove: Is a directory'
like "and who had the mailbox" "$(cat "$T/journal")" 'KF.*text="another session has this mailbox'
like "and why it could not be read" "$(cat "$T/journal")" 'XX.*text="open new: Not a directory'
like "a deletion is in the journal, message by message" "$(cat "$T/journal")" 'KZ'

# ---- all at work
conf pop3-session 'max = 1'
conf pop3-session 'start = 1'
conf pop3-session 'min_idle = 1'
check "it starts again" start_pneu
is "one session too many is told to come later, and let in when there is room" "$(py '
p = login()
def other():
    q = poplib.POP3("127.0.0.1", port, timeout=60); q.user("ann@example.org"); q.pass_("pw"); q.quit()
print(error(other)); p.quit()
end = time.monotonic() + 60
while (got := error(other)) != "no error" and time.monotonic() < end: time.sleep(0.01)
print(got)')" '-ERR [SYS/TEMP] too many sessions, come again later
no error'
stop_pneu
done_testing
