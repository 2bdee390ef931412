#!/bin/sh
# SPDX-License-Identifier: ISC
# Deadlines, early talk, the end of the service.
. "$(dirname "$0")/lib.sh"
command -v python3 > /dev/null || skip_all "no python3"
make_home local.test
conf smtpd "timeout = 6s
data_timeout = 1s
clients_per_address = 3
start = 5
min_idle = 1"
conf storage "min_free = 0"
add_user alice@local.test pw > "$T/out" || diag "$(cat "$T/out")"
start_pneu || { ok 1 "the system starts"; done_testing; }

cat > "$T/play.py" <<'EOF'
import socket, sys, time
port, what = int(sys.argv[1]), sys.argv[2]

def connect():
    s = socket.create_connection(("127.0.0.1", port), 20)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s, s.makefile("rb")

def reply(f):
    line = f.readline()
    while line[3:4] == b"-":
        line = f.readline()
    return line[:9].decode().strip()

def say(s, f, line):
    s.sendall(line.encode() + b"\r\n")
    return reply(f)

t0 = time.monotonic()

if what == "drip":
    s, f = connect(); reply(f)
    s.settimeout(0.2)
    got = b""
    while not got and time.monotonic() - t0 < 40:
        s.sendall(b"x")
        try:
            got = s.recv(100)
        except TimeoutError:
            pass
    print(got[:9].decode(), 5.5 < time.monotonic() - t0 < 30)
elif what == "silent":
    s, f = connect(); reply(f)
    print(reply(f), 5.5 < time.monotonic() - t0 < 30)
elif what == "data":
    s, f = connect(); reply(f)
    for line in ("EHLO x", "MAIL FROM:<>", "RCPT TO:<alice@local.test>", "DATA"):
        say(s, f, line)
    s.sendall(b"Subject: x\r\n")
    t0 = time.monotonic()
    print(reply(f), 0.5 < time.monotonic() - t0 < 5)
elif what == "many":
    held, heard = [], [] # one by one: of two at the same time both may be refused
    for _ in range(5):
        held.append(connect()); heard.append(reply(held[-1][1]))
    print(heard)
elif what == "stop":
    s, f = connect(); reply(f)
    say(s, f, "EHLO x")
    print("ready", flush=True)
    sys.stdin.readline()
    print(say(s, f, "NOOP"), f.read() == b"")
EOF
play() { timeout "$LIMIT" python3 "$T/play.py" "$SMTP" "$1"; }
nobody() { as pneu -C "$H" status --json | grep -q '"name":"smtpd".*"busy":0,'; }

play drip > "$T/drip" & dripping=$!
is "a silent client is told 421" "$(play silent)" "421 4.4.2 True"
wait "$dripping"
is "an octet now and then does not renew the deadline" "$(cat "$T/drip")" "421 4.4.2 True"
is "content that stops coming ends the session" "$(play data)" "421 4.4.2 True"
is "and nothing of it is queued" "$(ls -A "$H/queue/in")" ""
wait_for nobody
is "a client address has its limit" "$(play many)" \
    "['220 mx.ex', '220 mx.ex', '220 mx.ex', '421 4.7.0', '421 4.7.0']"

mkfifo "$T/go" "$T/says"
play stop < "$T/go" > "$T/says" &
player=$!
exec 8> "$T/go" 7< "$T/says"
read -r _ <&7
kill -TERM "$PNEU"
stops() { as pneu -C "$H" status --json | grep -q '"state":"stopping"'; }
wait_for stops
echo >&8
read -r said <&7
is "after SIGTERM the next command gets 421 and the end" "$said" "421 4.3.2 True"
wait "$player"
wait "$PNEU"
is "and the system ends well" $? 0
PNEU=
done_testing
