#!/bin/sh
# SPDX-License-Identifier: ISC
# A guess costs its pause, or it is the last one of its connection.
. "$(dirname "$0")/lib.sh"
make_home
add_user bob@example.org secret > "$T/out"
conf pop3d "failed_login = 300ms"
check "the system becomes ready" start_pneu
cat > "$T/guess.py" <<'X'
import socket, sys, time
port, shut = int(sys.argv[1]), sys.argv[2] == "shut"
s = socket.create_connection(("127.0.0.1", port), 20)
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
      "paused", time.monotonic() - begin >= 0.9)
X
guess() { python3 "$T/guess.py" "$POP" "$1"; }
is "who waits may guess on" "$(guess stay)" "guesses 2 in True paused True"
is "who shuts his side has had his last guess" "$(guess shut)" "guesses 1 in False paused False"
done_testing
