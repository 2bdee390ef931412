#!/bin/sh
# SPDX-License-Identifier: ISC
# TLS in pop3d: STLS and from the first octet; the session behind the relay.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
make_home
add_user bob@example.org pw > "$T/out"
POPS=$(free_ports 1)
as certs -C "$H" init > "$T/out" 2>&1; is "certs init makes a certificate" $? 0
conf tls "certificate = own tls/server.pem tls/server.key
handshake_timeout = 2s"
conf pop3d "listen = 127.0.0.1:$POPS tls
max_errors = 50"
check "the system becomes ready" start_pneu || done_testing
cp "$H/tls/ca.pem" "$T/ca.pem"; chmod 644 "$T/ca.pem"
pop() { timeout 60 python3 "$D/tls_talk.py" "$POP" "$T/ca.pem" localhost pop3 "$@" 2>&1; }
pops() { timeout 60 python3 "$D/tls_talk.py" "$POPS" "$T/ca.pem" localhost "$@" 2>&1; }
plain() { printf "$1" | timeout 20 python3 "$D/talk.py" "$POP"; }

like "CAPA has STLS" "$(plain 'CAPA\r\nQUIT\r\n')" '^STLS'
is "and no more under TLS" "$(printf 'CAPA\r\nQUIT\r\n' | pop | grep -c '^STLS')" 0
like "where passwords are taken" "$(printf 'CAPA\r\nQUIT\r\n' | pop)" '^USER'
like "no argument" "$(plain 'STLS now\r\nQUIT\r\n')" '^-ERR'
is "what comes behind STLS is dropped" "$(printf 'QUIT\r\n' | pop 'inject=NOOP\r\nNOOP\r\n' | wc -l)" 1
like "the conversation starts over" "$(printf 'PASS pw\r\nQUIT\r\n' | pop 'inject=USER bob@example.org\r\n')" '^-ERR say USER first'
like "not twice" "$(printf 'STLS\r\nQUIT\r\n' | pop)" '^-ERR TLS is in force'
like "nothing is said before a command" "$(printf 'QUIT\r\n' | pop | head -n 1)" '^\+OK bye'
like "TLS from the first octet begins with the greeting" "$(printf 'QUIT\r\n' | pops facts | sed -n 2p)" '^\+OK Pneu'

python3 - "$SMTP" <<'PY'
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=30)
for n in range(3):
    s.sendmail("a@b.test", ["bob@example.org"], b"Subject: %d\r\n\r\n" % n + (b".%d" % n + b"y" * 70 + b"\r\n") * (3 if n else 60000))
s.quit()
PY
in_mailbox() { [ "$(find "$H/mail/example.org/bob/new" -type f | wc -l)" = "$1" ]; }
wait_for in_mailbox 3
cat > "$T/read.py" <<'PY'
import hashlib, poplib, ssl, sys
c = ssl.create_default_context(cafile=sys.argv[3])
def digest(p):
    p.user("bob@example.org"); p.pass_("pw")
    n, size = p.stat()
    return [hashlib.sha256(b"\r\n".join(p.retr(i + 1)[1])).hexdigest() for i in range(n)], size
p = poplib.POP3("127.0.0.1", int(sys.argv[1]), timeout=60); a = digest(p); p.quit()
p = poplib.POP3("localhost", int(sys.argv[1]), timeout=60); p.stls(context=c); b = digest(p); p.quit()
p = poplib.POP3_SSL("localhost", int(sys.argv[2]), timeout=60, context=c); d = digest(p)
print(a == b == d, len(a[0]))
# Many commands in one write, none of whose answers are read meanwhile.
p.sock.sendall(b"RETR 1\r\n" * 20 + b"NOOP\r\n" * 3000)
for _ in range(20): p._longcmd
f = p.file
got = 0
for _ in range(20):
    assert f.readline().startswith(b"+OK")
    while True:
        l = f.readline(); got += len(l)
        if l == b".\r\n": break
print(got > 20 * 4000000, all(f.readline().startswith(b"+OK") for _ in range(3000)))
p.dele(3); p.quit()
PY
is "mail is the same by both ways, and pipelined" "$(timeout 120 python3 "$T/read.py" "$POP" "$POPS" "$T/ca.pem" 2>&1 | tr '\n' ' ')" "True 3 True True "
wait_for in_mailbox 2; ok $? "DELE and QUIT remove the message"
like "curl reads by pop3s" "$(curl -s --cacert "$T/ca.pem" "pop3s://localhost:$POPS/2" -u bob@example.org:pw)" '^Subject: 1'
like "and by STLS" "$(curl -s --ssl-reqd --cacert "$T/ca.pem" "pop3://localhost:$POP/" -u bob@example.org:pw)" '^2 [0-9]+'
python3 - "$POPS" "$T/ca.pem" <<'PY'
import poplib, ssl, sys
p = poplib.POP3_SSL("localhost", int(sys.argv[1]), timeout=60, context=ssl.create_default_context(cafile=sys.argv[2]))
p.user("bob@example.org"); p.pass_("pw"); p.dele(1)
p.sock.unwrap() if False else p.sock.close()
PY
in_session() { pgrep -P "$(pids_of pop3-session | head -n 1)" > "$T/out"; as pneu -C "$H" status | grep -E ' pop3-session .* busy 0'; }
wait_for in_session
is "a connection that is cut deletes nothing" "$(find "$H/mail/example.org/bob/new" -type f | wc -l)" 2
like "silence and garbage end the handshake" "$(python3 - "$POP" <<'PY'
import os, socket, sys
out = []
for octets in b"", os.urandom(5000):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30)
    s.recv(4096); s.sendall(b"STLS\r\n"); s.recv(4096)
    try:
        s.sendall(octets)
        while s.recv(4096): pass
    except ConnectionError: pass
    out.append("ended")
print(*out)
PY
)" '^ended ended$'
stop_pneu; is "it stops with 0" $? 0
conf pop3d "tls = only"
check "it starts with tls = only" start_pneu
like "no password without TLS" "$(plain 'USER bob@example.org\r\nQUIT\r\n')" '^-ERR \[AUTH\]'
like "with TLS there is" "$(printf 'USER bob@example.org\r\nPASS pw\r\nSTAT\r\nQUIT\r\n' | pop)" '^\+OK 2 [0-9]+'
stop_pneu; is "it stops with 0" $? 0
is "no process died" "$(journal_text | grep -c '^S[A-Z] .* signal=')" 0
done_testing
