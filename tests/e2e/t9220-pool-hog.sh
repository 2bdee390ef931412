#!/bin/sh
# SPDX-License-Identifier: ISC
# One client that holds a whole pool and says nothing, or pays for its guesses,
# gives it back when others come.
. "$(dirname "$0")/lib.sh"
make_home
GUESS=$(free_ports 1)
conf pop3d "listen = 127.0.0.1:$GUESS"
conf auth "failed_login = 30s"
for s in smtpd pop3d; do
	conf $s "start = 4
max = 4"
done
check "the system becomes ready" start_pneu
cat > "$T/hog.py" <<'X'
import concurrent.futures, select, socket, sys, time
smtp, pop, guess = map(int, sys.argv[1:])
def connect(port, address):
    s = socket.create_connection(("127.0.0.1", port), 60, (address, 0))
    return s, s.recv(512).decode()
def first(port, address, want):
    """Seconds until that client is let in."""
    begin = time.monotonic()
    while time.monotonic() - begin < 60:
        s, text = connect(port, address)
        if text.startswith(want):
            return time.monotonic() - begin
        s.close()
        time.sleep(0.1)
    return 99
hogs = [connect(smtp, "127.0.0.1") for _ in range(4)]
login = [connect(port, "127.0.0.1") for port in (pop, guess) for _ in range(4)]
for s, _ in login[4:]:
    s.sendall(b"USER bob@example.org\r\nPASS guess\r\n")
with concurrent.futures.ThreadPoolExecutor() as pool:
    late = list(pool.map(lambda p: first(*p), [(smtp, "127.0.0.2", "220"),
        (pop, "127.0.0.2", "+OK"), (guess, "127.0.0.2", "+OK")]))
print("in", [x < 5 for x in late])
told = select.select([s for s, _ in hogs], [], [], 60)[0]
print("told", told[0].recv(512)[:10])
X
python3 "$T/hog.py" "$SMTP" "$POP" "$GUESS" > "$T/out" 2>&1
is "who comes later is let in, who was silent is told" "$(cat "$T/out")" \
	"in [True, True, True]
told b'421 4.4.2 '"
done_testing
