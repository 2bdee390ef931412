#!/bin/sh
# SPDX-License-Identifier: ISC
# A guess costs its pause, or it is the last one of its connection.
. "$(dirname "$0")/lib.sh"
make_home
add_user bob@example.org secret > "$T/out"
add_user ann@example.org secret > "$T/out"
conf auth "failed_login = 2s"
check "the system becomes ready" start_pneu
cat > "$T/guess.py" <<'X'
import socket, sys, time
port, shut = int(sys.argv[1]), sys.argv[2] == "shut"
s = socket.create_connection(("127.0.0.1", port), 60)
begin = time.monotonic()
for word in "one", "two", "secret":
    s.sendall(b"USER bob@example.org\r\nPASS %s\r\n" % word.encode())
s.sendall(b"QUIT\r\n")
if shut:
    s.shutdown(socket.SHUT_WR)
text = ""
try: # a server that has had enough may close on what it did not read
    while data := s.recv(4096):
        text += data.decode()
except ConnectionResetError:
    pass
print("guesses", text.count("[AUTH]"), "in", "message" in text,
      "paused", time.monotonic() - begin >= 6)
X
guess() { python3 "$T/guess.py" "$POP" "$1"; }
is "who waits may guess on" "$(guess stay)" "guesses 2 in True paused True"
is "who shuts his side has had his last guess" "$(guess shut)" "guesses 1 in False paused False"
# Each guess is paid, in however many connections. All come from this machine,
# where the name pays: a proxy that speaks for ann as well is not held up.
cat > "$T/again.py" <<'X'
import poplib, socket, sys, threading, time
port, order = int(sys.argv[1]), []
def login(user):
    begin = time.monotonic()
    p = poplib.POP3("127.0.0.1", port, timeout=60); p.user(user); p.pass_("secret"); p.quit()
    order.append(user[:3])
    return time.monotonic() - begin
begin = time.monotonic()
many = [socket.create_connection(("127.0.0.1", port), 60) for n in range(4)]
for n, s in enumerate(many): s.sendall(b"USER bob@example.org\r\nPASS guess%d\r\n" % n)
for s in many:
    while b"[AUTH]" not in s.recv(4096): pass
    s.close()
# By now bob owes a pause for each guess but the first, which ann does not wait for.
other = threading.Thread(target=login, args=("BOB@example.org",))
other.start(); login("ann@example.org"); other.join()
took = time.monotonic() - begin
print("first", *order)
print("paid", took >= 6, "in time", took < 60)
print("free", min(login("bob@example.org") for n in range(3)) < 2)
X
is "many connections make no more guesses" "$(python3 "$T/again.py" "$POP")" "first ann BOB
paid True in time True
free True"
# A pipe that has been written and closed is polled as hung up all the time: a
# pause of two seconds would be as much CPU.
cat > "$T/pipe.py" <<'X'
import resource, subprocess, sys
said = subprocess.run(["pop3d", "-C", sys.argv[1]], stdout=subprocess.PIPE, timeout=60,
    input=b"USER bob@example.org\r\nPASS x\r\nQUIT\r\n").stdout
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(said.split(b"\r\n")[2][:11].decode(), used.ru_utime + used.ru_stime < 1)
X
is "a pause is no work where the client is a pipe" \
	"$(as env PATH="$PATH" python3 "$T/pipe.py" "$H")" "-ERR [AUTH] True"
done_testing
