#!/bin/sh
# SPDX-License-Identifier: ISC
# tls-keys and certs by themselves: a client that asks for too much, files that are
# not there, keys that OpenSSL takes from nobody, an authority without its key.
. "$(dirname "$0")/lib.sh"
command -v openssl > /dev/null || skip_all "there is no openssl"
make_home
as certs -C "$H" init > "$T/out" 2>&1
conf tls "certificate = own tls/server.pem tls/server.key"
cat > "$T/ask.py" <<'X'
import array, os, socket, subprocess, sys
home, path = sys.argv[1], sys.argv[2]
l = socket.socket(socket.AF_UNIX); l.bind(path); l.listen(64)
p = subprocess.Popen(sys.argv[3:] + ["-C", home], stdin=l)
def connect():
    s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(path)
    return s
def fds(): return len(os.listdir("/proc/%d/fd" % p.pid))
def ask(s, n):
    s.sendall(b"chains\n" * n)
    got, came = b"", 0
    while got.count(b"\n") < n:
        more, ancillary, _, _ = s.recvmsg(65536, 4096)
        if not more: break
        got += more
        for level, kind, data in ancillary:
            a = array.array("i"); a.frombytes(data[:len(data) // 4 * 4])
            came += len(a)
            for fd in a: os.close(fd)
    return got.count(b"ok size="), came
print("one", *ask(connect(), 1))
s = connect(); ask(s, 1)
before = fds()
print("many", ask(s, 200)[0], "more descriptors there:", fds() - before)
print("afterwards", *ask(s, 1))
p.terminate(); p.wait()
X
out=$(as timeout 60 python3 "$T/ask.py" "$H" "$H/run/asked" tls-keys 2>&1)
like "the chains come with a descriptor" "$out" '^one 1 1$'
like "who asks for them many times at once costs no descriptors" "$out" '^many 200 more descriptors there: 0$'
like "and is served afterwards" "$out" '^afterwards 1 1$'

# What OpenSSL takes from nobody would leave all certificates out.
pair() { # pair NAME OPTION...
	_pair=$1; shift
	openssl req -x509 -nodes -days 30 -subj "/CN=$_pair" -addext subjectAltName=DNS:mx.example.org "$@" \
	    -out "$T/$_pair.pem" -keyout "$T/$_pair.key" > "$T/out" 2>&1 || diag "$(cat "$T/out")"
	cat "$T/$_pair.pem" "$T/$_pair.key" | as tee "$H/tls/$_pair.pem" > "$T/out"
	as chmod 640 "$H/tls/$_pair.pem"
}
check_says() { printf '[pneu]\nhostname = mx.example.org\n[tls]\ncertificate = %s tls/%s.pem\n' "$1" "$1" > "$T/one.conf"
	chmod 644 "$T/one.conf"; as certs -C "$H" -c "$T/one.conf" check 2>&1; }
pair short -newkey rsa:1024
pair right -newkey rsa:2048
like "a key of RSA 1024 is too weak" "$(check_says short)" 'too weak'
like "one of 2048 is not" "$(check_says right)" '^certificates: OK'
for curve in P-384 P-521 secp256k1; do pair $curve -newkey ec -pkeyopt ec_paramgen_curve:$curve; done
like "a key of P-384 is taken" "$(check_says P-384)" '^certificates: OK'
like "one of P-521, which no client of TLS 1.2 could use, is not" "$(check_says P-521)" 'EC of the curves P-256 and P-384'
like "nor one of another curve" "$(check_says secp256k1)" 'EC of the curves P-256 and P-384'
openssl req -x509 -nodes -days 30 -newkey rsa:2048 -subj /CN=old -out "$T/ca.pem" -keyout "$T/ca.key" > "$T/out" 2>&1
openssl req -nodes -newkey rsa:2048 -subj /CN=mx.example.org -out "$T/csr" -keyout "$T/sha1.key" > "$T/out" 2>&1
openssl x509 -req -sha1 -in "$T/csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -CAcreateserial -out "$T/sha1.pem" > "$T/out" 2>&1
cat "$T/sha1.pem" "$T/ca.pem" "$T/sha1.key" | as tee "$H/tls/sha1.pem" > "$T/out"
as chmod 640 "$H/tls/sha1.pem"
like "a certificate signed by SHA-1 is too weak" "$(check_says sha1)" 'too weak'

# Files that are not there at the start.
printf '[tls]\ncertificate = gone tls/gone.pem tls/gone.key\n' > "$T/one.conf"
like "tls-keys tells of files that are not there" \
    "$(as tls-keys -C "$H" -c "$T/one.conf" 2>&1 < /dev/null)" 'certificate gone: open tls/gone.pem'

# An authority is not made anew behind its owner's back.
before=$(cksum < "$H/tls/ca.pem")
as mv "$H/tls/ca.key" "$H/tls/away"
! as certs -C "$H" --again init > "$T/out" 2>&1; ok $? "without the authority's key there is no new certificate"
like "it says what is missing" "$(cat "$T/out")" 'tls/ca.key'
is "and the authority is the same" "$(cksum < "$H/tls/ca.pem")" "$before"
as mv "$H/tls/away" "$H/tls/ca.key"
check "with it there is one" as certs -C "$H" --again init

# tls-auth-kept: who was known before STARTTLS is not known after it.
SUB=$(free_ports 1)
conf smtpd "listen = 127.0.0.1:$SUB submission"
conf auth "hash_memory = 64K"
add_user bob@example.org pw > "$T/out"
cp "$H/tls/ca.pem" "$T/ca.pem"; chmod 644 "$T/ca.pem"
check "the system becomes ready" start_pneu || done_testing
cat > "$T/kept.py" <<'X'
import smtplib, ssl, sys
c = smtplib.SMTP("localhost", int(sys.argv[1]), timeout=60); c.ehlo()
said = []
def say(*lines): said.extend(c.docmd(l)[0] for l in lines)
say("AUTH PLAIN AGJvYgBwdw==", "MAIL FROM:<bob@example.org>", "RCPT TO:<a@far.test>", "STARTTLS", "RSET")
said.append(c.starttls(context=ssl.create_default_context(cafile=sys.argv[2]))[0])
say("RCPT TO:<a@far.test>", "DATA", "AUTH PLAIN AGJvYgBwdw==", "EHLO me", "MAIL FROM:<bob@example.org>", "RCPT TO:<a@far.test>")
say("AUTH PLAIN AGJvYgBwdw==", "STARTTLS", "MAIL FROM:<bob@example.org>", "STARTTLS", "QUIT")
print(*said)
X
is "a login is forgotten at STARTTLS, which a transaction refuses; a second one is refused, and forgets nothing" \
    "$(timeout 60 python3 "$T/kept.py" "$SUB" "$T/ca.pem" 2>&1)" \
    "235 250 250 503 250 220 503 503 503 250 530 503 235 503 250 503 221"
done_testing
