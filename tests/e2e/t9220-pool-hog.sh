#!/bin/sh
# SPDX-License-Identifier: ISC
# One client that holds a whole pool and says nothing, or pays for its guesses,
# gives it back when others come; clients of two addresses that share it are left
# alone.
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
import concurrent.futures, socket, sys, time
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
def open_still(s):
    s.setblocking(False)
    try:
        return s.recv(512) == b"never"
    except BlockingIOError:
        return True
hogs = [connect(smtp, "127.0.0.1") for _ in range(4)]
login = [connect(port, "127.0.0.1") for port in (pop, guess) for _ in range(4)]
for s, _ in login[4:]:
    s.sendall(b"USER bob@example.org\r\nPASS guess\r\n")
with concurrent.futures.ThreadPoolExecutor() as pool:
    late = list(pool.map(lambda p: first(*p), [(smtp, "127.0.0.2", "220"),
        (pop, "127.0.0.2", "+OK"), (guess, "127.0.0.2", "+OK")]))
print("in", [2 < x < 40 for x in late])
print("told", hogs[0][0].recv(512)[:10])
for s, _ in hogs + login:
    s.close()
end = time.monotonic() + 60
while True: # until all of them are idle again
    pairs = [connect(smtp, a) for a in ["127.0.0.1", "127.0.0.2"] * 2]
    if all(text.startswith("220") for _, text in pairs) or time.monotonic() > end:
        break
    for s, _ in pairs:
        s.close()
    time.sleep(0.1)
print("pairs", *[text[:3] for _, text in pairs])
begin = time.monotonic()
while time.monotonic() - begin < 12:
    s, text = connect(smtp, "127.0.0.3")
    s.close()
    if not text.startswith("421"):
        print("let in", text)
    time.sleep(1)
print("shared", all(open_still(s) for s, _ in pairs))
X
python3 "$T/hog.py" "$SMTP" "$POP" "$GUESS" > "$T/out" 2>&1
is "who comes later is let in, who held all is told, who shares is left" "$(cat "$T/out")" \
	"in [True, True, True]
told b'421 4.4.2 '
pairs 220 220 220 220
shared True"
done_testing
