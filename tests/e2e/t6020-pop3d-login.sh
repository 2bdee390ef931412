#!/bin/sh
# SPDX-License-Identifier: ISC
# pop3d: who may log in, what it costs, and what the journal says of it.
. "$(dirname "$0")/lib.sh"
make_home
add_user bob@example.org 'open sesame' > "$T/out"
add_user ann@example.org pw > "$T/out"
add_user sue@example.org pw > "$T/out"
conf auth 'failed_login = 300ms
account_failures = 0'
conf pop3d 'login_timeout = 1m'
M=$H/mail/example.org/bob
as sh -c "printf 'A: b\r\n\r\nhi\r\n' > '$M/new/1000000001.a.host'"

# ---- without any daemon
alone() { printf '%s\r\n' "$@" | as timeout "$LIMIT" pop3d -C "$H" 2> "$T/err" | tr -d '\r'; }
like "no time stamp is in the greeting: no APOP" "$(alone QUIT | head -1)" '^\+OK [^<]*$'
is "a session in a shell pipeline, from greeting to QUIT" \
	"$(alone 'USER bob@example.org' 'PASS open sesame' STAT 'RETR 1' 'DELE 1' RSET QUIT | tail -n +3)" \
	"+OK 1 message
+OK 1 12
+OK 12 octets
A: b

hi
.
+OK will be deleted at QUIT
+OK nothing will be deleted
+OK bye"
is "and it says nothing else" "$(cat "$T/err")" ""
# Longer than a hand-over may take; it is looked at below.
(echo 'USER sue@example.org'; sleep 11; printf 'PASS pw\nQUIT\n') |
	as timeout "$LIMIT" pop3d -C "$H" > "$T/slow" 2>&1 &
slow=$!
like "a wrong password is refused" "$(alone 'USER bob@example.org' 'PASS x' QUIT)" '^-ERR \[AUTH\]'
is "a mailbox alone, as an operator" \
	"$(printf 'STAT\r\nQUIT\r\n' | as pop3-session -C "$H" -m example.org/bob | tr -d '\r')" \
	"+OK 1 message
+OK 1 12
+OK bye"
python3 - "$H/run" pop3-session auth << 'X'
import os, socket, sys
for name in sys.argv[2:]: socket.socket(socket.AF_UNIX).bind(os.path.join(sys.argv[1], name))
X
stat() { alone 'USER bob@example.org' 'PASS open sesame' STAT QUIT | tail -n 2; }
is "sockets that nobody listens on are none" "$(stat)" "+OK 1 12
+OK bye"
rm "$H/run/auth"
python3 - "$H/run/auth" > "$T/listens" << 'X' &
import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print("on", flush=True)
while s.accept(): pass
X
half=$!
wait_for grep -q on "$T/listens"
is "half of a system is none" "$(stat)" "+OK 1 12
+OK bye"
kill "$half"; rm "$H/run/auth" "$H/run/pop3-session"
as env PATH="$PATH" python3 - "$H" > "$T/out" 2>&1 << 'X'
import subprocess, sys
p = subprocess.Popen(["pop3d", "-C", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
p.stdin.write(b"USER bob@example.org\r\nPASS open sesame\r\n"); p.stdin.flush()
for _ in range(3): p.stdout.readline()
p.stdout.close()
p.stdin.write(b"STAT\r\n"); p.stdin.flush()
try: p.wait(60); print("ended")
except subprocess.TimeoutExpired: p.kill(); print("hangs")
X
is "it ends when nobody reads the answers" "$(cat "$T/out")" ended
# Two sockets, each with the session's deadline. struct timeval of a 64-bit time.
as env PATH="$PATH" python3 - "$H" > "$T/out" 2>&1 << 'X'
import socket, struct, subprocess, sys
ours, theirs = zip(socket.socketpair(), socket.socketpair())
p = subprocess.Popen(["pop3d", "-C", sys.argv[1]], stdin=theirs[0], stdout=theirs[1])
ours[0].sendall(b"USER bob@example.org\r\nPASS open sesame\r\nNOOP\r\n")
ours[1].settimeout(60)
got = b""
while got.count(b"\n") < 4: got += ours[1].recv(1000)
for s in theirs: print(struct.unpack("ll", s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16))[0] > 60)
ours[0].sendall(b"QUIT\r\n"); p.wait(60)
X
is "of two sockets both get the deadline of a session" "$(cat "$T/out")" "True
True"
printf 'STAT\r\n' | as pop3-session -C "$H" -m ../../etc > "$T/out" 2>&1
is "a path upwards is refused with 100" $? 100

# A ticket that came too late is no alarm; the test reads what the journal would.
as env PATH="$PATH" python3 - "$H" > "$T/late" 2> "$T/err" << 'X'
import array, hashlib, os, socket, subprocess, sys, time
os.chdir(sys.argv[1])
if not os.path.exists("run/journal"): os.mkfifo("run/journal")
journal = os.open("run/journal", os.O_RDONLY | os.O_NONBLOCK)
key, who = b"k" * 32, (b"sue@example.org", b"example.org/sue")
for seconds in -1, 1000:
    expiry = (int(time.time()) + seconds).to_bytes(8, "big")
    ticket = expiry + hashlib.blake2b(who[0] + b"\0" + who[1] + b"\0" + expiry, key=key, digest_size=32).digest()
    if seconds > 0: ticket = ticket[:-1] + bytes([ticket[-1] ^ 1])
    r, w = os.pipe(); os.write(w, key); os.close(w)
    ours, theirs = socket.socketpair(); client, other = socket.socketpair()
    p = subprocess.Popen(["pop3-session", "-C", "."], stdin=theirs, stdout=theirs, pass_fds=[r],
        env=dict(os.environ, PNEU_TICKET_KEY=str(r)), stderr=subprocess.DEVNULL)
    ours.sendmsg([b"session user=%s path=%s ticket=%s ip= unread=0\n" % (*who, ticket.hex().encode())],
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [other.fileno()]))])
    p.wait(60); other.close(); client.settimeout(60)
    print(os.read(journal, 4096)[:2].decode(), client.recv(100).decode().strip())
X
is "a ticket that came too late is a failed login, a forged one an alarm" "$(cat "$T/late")" \
	"KF -ERR [SYS/TEMP] login is not possible now
XX -ERR [SYS/TEMP] login is not possible now"

# ---- in the system
check "the system becomes ready" start_pneu
cat > "$T/pop.py" <<'X'
import poplib, socket, sys, time
port = int(sys.argv[1])
def connect():
    s = socket.create_connection(("127.0.0.1", port), 60)
    return s, s.makefile("rb")
def lines(text):
    s, f = connect()
    s.sendall(text)
    return [x.decode().rstrip("\r\n") for x in f]
def login(user="bob@example.org", password="open sesame"):
    p = poplib.POP3("127.0.0.1", port, timeout=60)
    p.user(user); p.pass_(password)
    return p
def error(call):
    try: call()
    except poplib.error_proto as e: return str(e)
    return "no error"
X
py() { (cd "$T" && python3 -c "from pop import *
$1" "$POP"); }
is "a whole session in one segment is answered in order" \
	"$(py 'print(*[x.split()[0] for x in lines(b"CAPA\r\nUSER bob@example.org\r\nPASS open sesame\r\nSTAT\r\nRETR 1\r\nDELE 1\r\nRSET\r\nQUIT\r\n") if x])')" \
	'+OK +OK TOP USER SASL UIDL RESP-CODES AUTH-RESP-CODE PIPELINING EXPIRE IMPLEMENTATION . +OK +OK +OK +OK A: hi . +OK +OK +OK'
is "a second session of one mailbox is told IN-USE" \
	"$(py 'p = login(); print(error(login)); p.quit(); login().quit()')" \
	"b'-ERR [IN-USE] another session has this mailbox'"
is "another mailbox is free meanwhile" \
	"$(py 'p = login(); print(login("ann@example.org", "pw").stat()); p.quit()')" '(0, 0)'
is "failed logins cost more each time" "$(py '
p = poplib.POP3("127.0.0.1", port, timeout=60); t = []
for i in range(2):
    a = time.monotonic(); p.user("bob@example.org"); error(lambda: p.pass_("x")); t.append(time.monotonic() - a)
print(t[0] >= 0.3, t[1] >= 0.6)')" 'True True'
is "many of them end the session" "$(py '
import re
s, f = connect()
s.sendall(b"".join(b"USER bob@example.org\r\nPASS x%d\r\n" % i for i in range(2)) + b"XYZZY\r\n" * 30)
got = f.read().decode()
print("too many" in got, got.count("-ERR") <= 22)')" 'True True'
sed -i 's/^login_timeout.*/login_timeout = 2s/' "$H/pneu.conf"
check "it takes a shorter deadline" reload_pneu
is "who says nothing is closed by the login deadline" \
	"$(py 'a = time.monotonic(); s, f = connect(); f.read(); print(time.monotonic() - a < 30)')" True
is "who sends an octet now and then too" "$(py '
a = time.monotonic(); s, f = connect(); s.settimeout(0.3)
try:
    for i in range(150):
        s.sendall(b"x")
        try:
            if s.recv(100) == b"": break
        except TimeoutError: pass
except OSError: pass
print(time.monotonic() - a < 30)')" True
printf 'USER ann@example.org\r\nPASS pw\r\nSTAT\r\nQUIT\r\n' | as pop3d -C "$H" > "$T/piped" 2>&1
is "from a pipe, the session has both its ends, and pop3d ends with it" "$(tail -n 2 "$T/piped" | tr -d '\r')" "+OK 0 0
+OK bye"
is "a password of a form that none has is told, and costs what a wrong one does" "$(py '
a = time.monotonic()
for x in lines(b"USER bob@example.org\r\nPASS a\tb\r\nUSER bob@example.org\r\nPASS m\xfcller\r\nQUIT\r\n") + lines(
    b"USER bob@example.org\r\nPASS " + b"7" * 300 + b"\r\nPASS \t\r\nQUIT\r\n"):
    if x.startswith("-"): print(x.split("248")[0])
print(time.monotonic() - a >= 1.2)')" \
	'-ERR [AUTH] a password is UTF-8 text without control characters, at most 
-ERR [AUTH] a password is UTF-8 text without control characters, at most 
-ERR [AUTH] a password is UTF-8 text without control characters, at most 
-ERR say USER first
True'
is "so is a user name" "$(py '
a = time.monotonic()
for name in b"al\0ice", b"a\x1b[2J", b"m\xfcller", b"7" * 300:
    for x in lines(b"USER " + name + b"\r\nPASS x\r\nQUIT\r\n")[1:3]: print(x.split("248")[0])
print(time.monotonic() - a >= 1.2)')" \
	"$(for i in 1 2 3 4; do
	echo '-ERR [AUTH] a user name is UTF-8 text without control characters, at most '
	echo '-ERR say USER first'
done; echo True)"
handing='
import socket, array, time, sys
def hand(octets):
    a, b = socket.socketpair()
    s = socket.socket(socket.AF_UNIX); s.connect("run/pop3-session")
    s.sendmsg([octets], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [b.fileno()]))])
    a.settimeout(60)
    return a, b, s
session = b"session user=bob@example.org path=example.org/bob ticket=" + b"0" * 80 + b" ip= unread="
'
(cd "$H" && python3 -c "$handing"'
a, b, s = hand(session + b"0\nSTAT\r\n"); b.close(); a.recv(100)')
told() { as journal -C "$H" show --code=XX | grep -q '0, and 6 octets came'; }
wait_for told; ok $? "octets after a hand-over are refused"
is "a hand-over that drips is cut after ten seconds" "$(cd "$H" && python3 -c "$handing"'
begin = time.monotonic()
a, b, s = hand(session + b"60000\n"); b.close()
try:
    while time.monotonic() - begin < 50: s.sendall(b"x"); time.sleep(0.5)
except OSError: pass
print(time.monotonic() - begin < 40)')" True
wait "$slow"
is "who types his password late, alone with pop3d, is in" "$(tail -n 2 "$T/slow" | tr -d '\r')" "+OK 0 messages
+OK bye"
is "a forged ticket opens nothing" "$(cd "$H" && python3 -c '
import socket, array
a, b = socket.socketpair()
s = socket.socket(socket.AF_UNIX); s.connect("run/pop3-session")
s.sendmsg([b"session user=bob@example.org path=example.org/bob ticket=" + b"0" * 80 + b" ip= unread=6\nSTAT\r\n"],
    [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [b.fileno()]))])
b.close(); a.settimeout(60); print(a.recv(100).decode().strip())')" \
	'-ERR [SYS/TEMP] login is not possible now'
stop_pneu
as journal -C "$H" show > "$T/journal" 2>&1
for c in KI KF KE XX; do grep -q "$c" "$T/journal" || missing="$missing $c"; done
is "login, failure, end and alarm are in the journal" "$missing" ""
is "and why a user name" "$(grep ' KF ' "$T/journal" | grep -c 'the user name is too long')" 4
like "with that name" "$(cat "$T/journal")" ' KF .*user="a\\x1B\[2J"'
is "and why a password could not be one" "$(grep ' KF ' "$T/journal" | grep -c 'password has a control\|password is not UTF-8\|password is over 248')" 3
is "no password is" "$(grep -rc 'sesame' "$T/journal" "$H/journal" | grep -vc ':0$')" 0

# ---- where others could read along
conf auth 'plaintext = no'
like "no passwords in plain text: USER says so" "$(alone 'USER bob@example.org' QUIT)" '^-ERR \[AUTH\]'
is "and CAPA does not list it" "$(alone CAPA QUIT | grep -c '^USER$')" 0
done_testing
