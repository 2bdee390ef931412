#!/bin/sh
# SPDX-License-Identifier: ISC
# resolve on a listening socket: many clients, and a directory that changes.
. "$(dirname "$0")/lib.sh"

H=$T/home
mkdir -p "$H/directory" "$H/secrets" "$H/mail" "$H/run"
printf '[resolve]\ndomain = example.org\n' > "$H/pneu.conf"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H"
as directory -C "$H" add bob@example.org > "$T/out"
cat > "$T/run.py" <<'X'
import atexit, os, signal, socket, subprocess, sys, time
home, b = sys.argv[1], sys.argv[2]
n = 0
def ok(good, title):
    global n
    n += 1
    print(f"{'ok' if good else 'not ok'} {n} - {title}", flush=True)
    return good
path = sys.argv[3] + "/resolve.sock"
l = socket.socket(socket.AF_UNIX); l.bind(path); l.listen(256)
p = subprocess.Popen([b + "/resolve", "-C", home], stdin=l,
    stdout=subprocess.DEVNULL)
atexit.register(p.kill)
def client():
    s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(path)
    return s, s.makefile("rb")
def ask(c, line):
    c[0].sendall(line.encode() + b"\n")
    return c[1].readline().decode().rstrip("\n")
def until(c, line, want):
    end = time.monotonic() + 60
    while (got := ask(c, line)) != want and time.monotonic() < end:
        time.sleep(0.05)
    return got == want
def directory(*a):
    return subprocess.run([b + "/directory", "-C", home, *a],
        capture_output=True).returncode
c = client()
bob = "deliver to=bob@example.org transport=mailbox nexthop=example.org/bob"
ok(ask(c, "resolve to=bob@example.org") == bob, "a client is answered")
cs = [client() for _ in range(200)]
for i, k in enumerate(cs):
    k[0].sendall(b"".join(b"resolve to=bob+%d-%d@example.org\n" % (i, j) for j in range(50)))
good = all(k[1].readline().startswith(b"deliver to=bob+%d-%d@" % (i, j))
    for i, k in enumerate(cs) for j in range(50))
ok(good, "200 clients with 50 questions each have their own answers in order")
for k in cs: k[1].close(); k[0].close()
c[0].sendall(b"resolve to=bob@exam")
d = client()
ok(ask(d, "resolve to=bob@example.org") == bob, "half a question stops nobody else")
c[0].sendall(b"ple.org\n")
ok(c[1].readline().decode().strip() == bob, "and is answered when it is whole")
ann = "deliver to=ann@example.org transport=mailbox nexthop=example.org/ann"
directory("add", "ann@example.org")
ok(until(c, "resolve to=ann@example.org", ann), "a new user is known without a restart")
name = home + "/directory/entries.cdb"
good = open(name, "rb").read()
with open(name + ".new", "wb") as f: f.write(good[:-5])
os.chmod(name + ".new", 0o644); os.rename(name + ".new", name)
time.sleep(1.1)
ok(ask(c, "resolve to=ann@example.org") == ann, "a damaged database is not taken, the old one stays")
directory("remove", "ann@example.org")
ok(until(c, "resolve to=ann@example.org",
    "perm to=ann@example.org code=5.1.1 text=no%20such%20user"),
    "the next good one is")
e = client(); e[0].sendall(b"\0\0\0\n")
ok(e[1].readline() == b"", "who sends nonsense is ended")
ok(ask(c, "resolve to=bob@example.org") == bob, "the others go on")
p.send_signal(signal.SIGTERM)
ok(p.wait(60) == 0, "SIGTERM ends it well")
print(f"1..{n}")
X
mkdir "$T/sock"
python3 "$T/run.py" "$H" "$B" "$T/sock" 2> "$T/err"
_s=$?; [ $_s -eq 0 ] || diag "$(cat "$T/err")"
exit $_s
