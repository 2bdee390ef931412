#!/bin/sh
# SPDX-License-Identifier: ISC
# queue-add behind its socket: many clients, descriptors, notices to queue-run.
. "$(dirname "$0")/lib.sh"
H=$T/home; mkdir -p "$H/queue" "$H/run"; : > "$H/pneu.conf"
[ "$(id -u)" -ne 0 ] || { chown -R nobody:nogroup "$H"; }
timeout 300 python3 - "$B/queue-add" "$H" > "$T/out" 2>&1 <<'PY'
import array, hashlib, os, signal, socket, subprocess, sys, time
prog, home = sys.argv[1:]
os.chdir(home)
A = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
n = 0
def qid():
    global n
    n += 1
    return "01M86GNVVYGA7B4C4WREP6" + "".join(A[n >> s & 31] for s in (15, 10, 5, 0))
def ok(good, title):
    print(("ok - " if good else "not ok - ") + title, flush=True)
def listen(name):
    s = socket.socket(socket.AF_UNIX)
    s.bind(name); os.chmod(name, 0o666); s.listen(64); s.settimeout(60)
    return s
def connect():
    s = socket.socket(socket.AF_UNIX); s.connect("run/queue-add"); s.settimeout(60)
    return s
def lines(s, count):
    b = b""
    while b.count(b"\n") < count:
        d = s.recv(65536)
        if not d: break
        b += d
    return b.decode().splitlines()
def one(q, body=b"Subject: x\r\n\r\ny\r\n"):
    return (b"add qid=%s from=<a@example.org>\nto path=<b@example.org>\ndata size=%d\n" %
        (q.encode(), len(body)) + body + b"end\n")
add = listen("run/queue-add"); run = listen("run/queue-run")
p = subprocess.Popen([prog, "-C", home], stdin=add, stdout=subprocess.DEVNULL)
told, _ = run.accept(); told.settimeout(60)
ok(lines(told, 1) == [], "a connection ends, so that queue-run looks what was left by who served before it")

clients = [connect() for _ in range(10)]
ids = [[qid() for _ in range(20)] for _ in clients]
for c, i in zip(clients, ids): c.sendall(b"".join(one(q) for q in i))
got = [lines(c, 20) for c in clients]
told, _ = run.accept(); told.settimeout(60)
ok(all(g == ["ok qid=" + q for q in i] for g, i in zip(got, ids)), "each client has its answers in its order")
every = {q for i in ids for q in i}
notices = lines(told, 200)
ok({x.split()[2][4:] for x in notices} == every and all(x.startswith("one version=1 qid=") for x in notices), "queue-run is told of each, once")
ok(all(open("queue/in/" + q, "rb").readline() == b"Pneu: " + x.encode() + b"\r\n" for x in notices for q in [x.split()[2][4:]]), "a notice is the first line of the file")

c = clients[0]; q = qid(); body = b"Subject: big\r\n\r\n" + b"0123456789\r\n" * 20000
c.sendall(b"add qid=%s from=<>\nto path=<b@example.org>\ndata fd=1\n" % q.encode())
msg, anc, _, _ = c.recvmsg(4096, socket.CMSG_SPACE(4))
fd = array.array("i", anc[0][2][:4])[0]; f = dict(x.split("=") for x in msg.decode().split()[1:])
ok(msg.startswith(b"write ") and os.lseek(fd, 0, os.SEEK_CUR) == int(f["offset"]), "a descriptor comes, at its offset")
clients[1].sendall(one(qid())); ok(lines(clients[1], 1)[0].startswith("ok "), "nobody waits for who writes it"); lines(told, 1)
os.write(fd, body); os.fsync(fd); os.close(fd)
c.sendall(b"written size=%d digest=%s dots=0\nend\n" % (len(body), hashlib.blake2b(body, digest_size=32).hexdigest().encode()))
ok(lines(c, 1) == ["ok qid=" + q] and lines(told, 1)[0].startswith("apart qid=" + q), "what it wrote is accepted, and told")
content = open("queue/message/%s/%s" % (q[:6], q), "rb").read()
ok(content == b"Return-Path: <>\r\nDelivered-To: b@example.org\r\n" + body, "octet by octet")
c.sendall(one(q)); ok(lines(c, 1) == ["exists qid=" + q], "its digest is believed when it comes again")

q = qid()
c.sendall(b"add qid=%s from=<>\nto path=<b@example.org>\ndata fd=1\n" % q.encode()); c.recvmsg(4096, socket.CMSG_SPACE(4))
dot = "queue/message/%s/.%s" % (q[:6], q)
there = os.path.exists(dot); c.close()
for _ in range(6000):
    if not os.path.exists(dot): break
    time.sleep(0.01)
ok(there and not os.path.exists(dot), "a client that goes away leaves nothing")

c = clients[1]; c.sendall(b"get out\n"); ok(c.recv(100) == b"", "who does not speak the protocol is ended")
told.close(); q = [qid(), qid()]
clients[2].sendall(one(q[0])); a = lines(clients[2], 1)
ok(a == ["ok qid=" + q[0]], "nobody waits for a queue-run that is gone")
told, _ = run.accept(); told.settimeout(60)
ok(lines(told, 1)[0].startswith("one version=1 qid=" + q[0]), "the next one is told")
clients[2].sendall(one(q[1])); lines(clients[2], 1)
ok(lines(told, 1)[0].startswith("one version=1 qid=" + q[1]), "and of what comes then")
# A queue-run that does not read: nothing waits, and the connection ends.
c = clients[2]; sent = 0
while sent < 4000:
    i = [qid() for _ in range(100)]; c.sendall(b"".join(one(x) for x in i))
    if lines(c, 100) != ["ok qid=" + x for x in i]: break
    sent += 100
ok(sent == 4000, "nobody waits for a queue-run that does not read")
run.setblocking(False)
try: run.accept(); more = True
except BlockingIOError: more = False
run.settimeout(60)
buf = b""
while True:
    d = told.recv(65536)
    if not d: break
    buf += d
ok(not more and all(x.startswith(b"one ") for x in buf.split(b"\n")[:-1]), "it is told whole lines, and then the end of that connection, of which there is one")
told.close(); q = qid(); c.sendall(one(q)); lines(c, 1)
told, _ = run.accept(); told.settimeout(60)
buf = b""
while q.encode() not in buf: # behind those of the last round, perhaps
    d = told.recv(65536)
    if not d: break
    buf += d
ok(b"one version=1 qid=" + q.encode() in buf, "when it has read the end, it is told again")

# Another queue-run has listed in/ since: it does not know of the connection to the one before.
told.close(); q = [q, qid()]
c.sendall(b"".join(one(x) for x in q)); a = lines(c, 2)
told, _ = run.accept(); told.settimeout(60)
ok(a == ["exists qid=" + q[0], "ok qid=" + q[1]] and lines(told, 1) == [], "a round that is not as it was told ends a connection that it reads")
run.close(); os.unlink("run/queue-run"); told.close()
a = []
for _ in range(2): c.sendall(one(qid())); a += lines(c, 1) # the first is past its hint
run = listen("run/queue-run"); c.sendall(one(qid())); a += lines(c, 1)
told, _ = run.accept(); told.settimeout(60)
ok([x.split()[0] for x in a] == ["ok"] * 3 and lines(told, 1) == [], "what could not be told is looked for with the next connection")
q = qid(); c.sendall(one(q)); lines(c, 1)
told.close(); told, _ = run.accept(); told.settimeout(60)
buf = b""
while q.encode() not in buf:
    d = told.recv(65536)
    if not d: break
    buf += d
ok(b"one version=1 qid=" + q.encode() in buf, "and then all is told again")

clients[3].sendall(one(qid())[:100]); fds = len(os.listdir("/proc/%d/fd" % p.pid))
for x in clients: x.close()
p.send_signal(signal.SIGTERM)
ok(p.wait(60) == 0, "SIGTERM ends it")
ok(not [x for x in os.listdir("queue/in") if x.startswith(".")], "no dot name is left")
PY
ok $? "the clients came to their end" || diag "$(tail -n 20 "$T/out")"
while IFS= read -r line; do
	case $line in
	'ok - '*) ok 0 "${line#ok - }" ;;
	'not ok - '*) ok 1 "${line#not ok - }" ;;
	esac
done < "$T/out"
done_testing
