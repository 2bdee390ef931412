#!/bin/sh
# SPDX-License-Identifier: ISC
# TLS in smtpd: STARTTLS and from the first octet; names, versions, changes.
. "$(dirname "$0")/lib.sh"
command -v openssl > /dev/null || skip_all "there is no openssl"
D=$(dirname "$0")
CA=$T/home/tls/ca.pem
make_home
add_user bob@example.org pw > "$T/out"
_p=$(free_ports 3); set -- $_p
IMPLICIT=$1 SUB=$2 ONLY=$3
as certs -C "$H" init > "$T/out" 2>&1; is "certs init makes a certificate" $? 0
is "not twice" "$(as certs -C "$H" init > "$T/out" 2>&1; echo $?)" 100
conf tls "certificate = own tls/server.pem tls/server.key
handshake_timeout = 2s"
conf smtpd "listen = 127.0.0.1:$IMPLICIT tls
listen = 127.0.0.1:$SUB tls submission
start = 4"
check "certs check finds nothing wrong" as certs -C "$H" check
like "certs show says names and end" "$(as certs -C "$H" show | tr '\n' ' ')" 'names +mx.example.org localhost 127.0.0.1 ::1 example.org +until +[0-9-]+ '
check "the system becomes ready" start_pneu || done_testing
cp "$CA" "$T/ca.pem"; chmod 644 "$T/ca.pem"

talk() { timeout 60 python3 "$D/tls_talk.py" "$@"; }
smtp() { printf 'EHLO me\r\nQUIT\r\n' | talk "$SMTP" "$T/ca.pem" localhost smtp "$@" 2>&1; }
plain() { printf "$1" | timeout 20 python3 "$D/talk.py" "$SMTP"; }
like "STARTTLS is announced" "$(plain 'EHLO me\r\nQUIT\r\n')" '^250.STARTTLS'
like "TLS 1.3 with its first cipher" "$(smtp facts)" '^TLSv1.3 TLS_AES_128_GCM_SHA256 mx.example.org'
like "TLS 1.2, too" "$(smtp facts 1.2)" '^TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 '
is "it is not announced again" "$(smtp | grep -c STARTTLS)" 0
like "the session is served" "$(smtp | tail -n 1)" '^221 '
like "TLS from the first octet" "$(printf 'EHLO me\r\nQUIT\r\n' | talk "$IMPLICIT" "$T/ca.pem" localhost facts)" '^220 mx.example.org'
like "and with a role" "$(printf 'EHLO me\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n' | talk "$SUB" "$T/ca.pem" localhost)" '^530 5\.7\.0'

# What was sent before the handshake.
is "what comes behind STARTTLS is dropped" "$(smtp 'inject=NOOP\r\nRSET\r\n' | grep -c '^2')" "$(smtp | grep -c '^2')"
like "the session starts over" "$(printf 'MAIL FROM:<a@b.test>\r\nQUIT\r\n' | talk "$SMTP" "$T/ca.pem" localhost smtp 'inject=EHLO evil\r\n')" '^503 5\.5\.1 send EHLO'
like "no argument" "$(plain 'EHLO me\r\nSTARTTLS now\r\nQUIT\r\n')" '^501 5\.5\.4'
like "not in a transaction" "$(plain 'EHLO me\r\nMAIL FROM:<a@b.test>\r\nSTARTTLS\r\nQUIT\r\n')" '^503 5\.5\.1 mail transaction'
like "not twice" "$(printf 'EHLO me\r\nSTARTTLS\r\nQUIT\r\n' | talk "$SMTP" "$T/ca.pem" localhost smtp)" '^503 5\.5\.1 TLS is in force'

# A message, and what is told of its session.
printf 'EHLO me\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n' > "$T/in"
python3 - "$SMTP" "$T/ca.pem" > "$T/out" 2>&1 <<'PY'
import smtplib, ssl, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=30)
s._host = "localhost"
s.starttls(context=ssl.create_default_context(cafile=sys.argv[2]))
s.sendmail("a@b.test", ["bob@example.org"], b"Subject: x\r\n\r\nover TLS\r\n" + b"y" * 70 + b"\r\n" * 3)
big = b"Subject: big\r\n\r\n" + (b"z" * 70 + b"\r\n") * 30000
s.sendmail("a@b.test", ["bob@example.org"], big)
print(s.quit()[0])
PY
is "Python's smtplib sends mail" "$(cat "$T/out")" 221
in_mailbox() { [ "$(find "$H/mail/example.org/bob/new" -type f | wc -l)" = "$1" ]; }
wait_for in_mailbox 2; ok $? "which arrives, a small and a big one"
like "Received says ESMTPS" "$(cat "$H"/mail/example.org/bob/new/*)" ' with ESMTPS id '
like "and names the suite" "$(cat "$H"/mail/example.org/bob/new/* | tr '\t' ' ')" '^ tls TLS_AES_128_GCM_SHA256 \(TLSv1\.3\);'
soon "the journal has version, cipher and name" '^94 .* tls=TLSv1.3 cipher=TLS_AES_128_GCM_SHA256 sni=localhost' journal_text
printf 'Subject: c\r\n\r\ncurl\r\n' > "$T/mail"
check "curl sends with --ssl-reqd" curl -s --ssl-reqd --cacert "$T/ca.pem" "smtp://localhost:$SMTP" --mail-from a@b.test --mail-rcpt bob@example.org -T "$T/mail"
check "and to smtps" curl -s --cacert "$T/ca.pem" "smtps://localhost:$IMPLICIT" --mail-from a@b.test --mail-rcpt bob@example.org -T "$T/mail"
check "swaks sends" swaks --server "localhost:$SMTP" --tls --tls-verify --tls-ca-path "$T/ca.pem" --from a@b.test --to bob@example.org --silent 2
wait_for in_mailbox 5; ok $? "all of it arrives"

# Versions and names.
s_client() { timeout 20 openssl s_client -connect "127.0.0.1:$SMTP" -starttls smtp -brief "$@" 2>&1 < /dev/null; }
like "TLS 1.1 is refused" "$(s_client -tls1_1 -cipher ALL@SECLEVEL=0)" 'alert protocol version'
like "so are ciphers without forward secrecy" "$(s_client -tls1_2 -cipher AES128-GCM-SHA256)" 'handshake failure'
like "and CBC" "$(s_client -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA)" 'handshake failure'
like "renegotiation is refused" "$({ sleep 1; echo R; sleep 1; } | timeout 20 openssl s_client -connect "127.0.0.1:$SMTP" -starttls smtp -tls1_2 -legacy_renegotiation 2>&1)" 'no renegotiation'
for n in 'odd\' "$(printf '%0254d' 0)a" 'x y' '-'; do
	like "an odd name gets the default ($(printf %.9s "$n"))" "$(s_client -servername "$n")" '^CONNECTION ESTABLISHED|CN = mx.example.org|^250 '
done

# Tickets: of the pool, and of no other service.
like "a session is resumed in any worker, not by another listener's role" \
    "$(printf 'QUIT\r\n' | talk "$IMPLICIT" "$T/ca.pem" localhost "again=$IMPLICIT,$IMPLICIT,$SUB" | tr '\n' ' ')" \
    "$IMPLICIT resumed $IMPLICIT resumed $SUB full"

# Broken handshakes.
python3 - "$SMTP" "$IMPLICIT" > "$T/out" 2>&1 <<'PY'
import os, socket, sys, time
def shut(port, start, octets, slow=0):
    s = socket.create_connection(("127.0.0.1", port), timeout=30)
    if start:
        s.recv(4096); s.sendall(b"STARTTLS\r\n"); s.recv(4096)
    began = time.time()
    try:
        for o in ([octets] if not slow else [octets[i:i + 1] for i in range(len(octets))]):
            s.sendall(o)
            if slow:
                s.settimeout(slow)
                try:
                    if s.recv(1) == b"":
                        break
                except socket.timeout:
                    pass
        s.settimeout(30)
        while s.recv(4096):
            pass
    except OSError:
        pass
    return time.time() - began < 10
hello = bytes.fromhex("16030100c8010000c40303") + bytes(180)
print(shut(int(sys.argv[1]), True, os.urandom(65536)),
      shut(int(sys.argv[2]), False, b"EHLO me\r\n"),
      shut(int(sys.argv[1]), True, b""),
      shut(int(sys.argv[2]), False, hello, 0.05))
PY
is "garbage, plain text, silence and a trickling hello end in time" "$(cat "$T/out")" "True True True True"
soon "and are told" '^9S .* rule=tls ' journal_text

# A new certificate, under sessions that go on.
cat > "$T/hold.py" <<'PY'
import smtplib, ssl, sys, os
c = ssl.create_default_context(cafile=sys.argv[2])
held = []
for _ in range(8):
    s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60); s._host = "localhost"
    s.starttls(context=c); held.append(s)
print(held[0].sock.getpeercert()["serialNumber"], flush=True)
sys.stdin.readline()
print(all(s.noop()[0] == 250 for s in held))
PY
serial() { smtp > /dev/null; python3 -c 'import ssl, sys, smtplib
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=30); s._host = "localhost"
s.starttls(context=ssl.create_default_context(cafile=sys.argv[2]))
print(s.sock.getpeercert()["serialNumber"])' "$SMTP" "$T/ca.pem"; }
before=$(serial)
mkfifo "$T/go"; python3 "$T/hold.py" "$SMTP" "$T/ca.pem" < "$T/go" > "$T/held" 2>&1 & hold=$!
exec 8> "$T/go"
wait_for test -s "$T/held"
as certs -C "$H" init --again > "$T/out" 2>&1
is_new() { s=$(serial) && [ -n "$s" ] && [ "$s" != "$before" ]; }
wait_for is_new; ok $? "a new certificate is used when its files have changed"
echo go >&8; exec 8>&-
wait $hold; like "and no session ends" "$(tail -n 1 "$T/held")" '^True$'
now=$(serial)
as openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$H/tls/other.key" 2> "$T/out"
as cp "$H/tls/other.key" "$H/tls/server.key"
soon "a key of another certificate is an alarm" '^XX .*the%20key%20is%20not%20that%20of%20the%20certificate' journal_text
is "and the one before stays in force" "$(serial)" "$now"
like "certs check says so" "$(as certs -C "$H" check 2>&1)" 'own: .*the key is not that of the certificate'
is "no key is in memory of smtpd's files" "$(pids_of smtpd | while read -r p; do ls -l "/proc/$p/fd" 2> /dev/null; done | grep -c '\.key')" 0
stop_pneu; is "it stops with 0" $? 0
is "no process died" "$(journal_text | grep -c '^S[A-Z] .* signal=')" 0

# Only with TLS.
as certs -C "$H" init --again > "$T/out" 2>&1
conf smtpd "tls = only"
check "it starts with tls = only" start_pneu
like "MAIL before STARTTLS is refused" "$(plain 'EHLO me\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n')" '^530 5\.7\.0 Must issue'
like "what may come before may" "$(plain 'NOOP\r\nHELP\r\nRSET\r\nEHLO me\r\nQUIT\r\n' | tr '\n' ' ')" '^220.*250 2.0.0 ok.*214.*250 2.0.0 ok.*221'
stop_pneu
[ -z "$USERS" ] || done_testing
like "smtpd alone starts tls-keys by itself" "$(python3 - "$H" "$T/ca.pem" 2>&1 <<'PY'
import os, socket, ssl, subprocess, sys
a, b = socket.socketpair()
argv = ["smtpd", "-C", sys.argv[1]]
if os.getuid() == 0:
    argv = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] + argv
p = subprocess.Popen(argv, stdin=b, stdout=b, env=dict(os.environ)); b.close()
a.settimeout(30); a.recv(4096); a.sendall(b"STARTTLS\r\n"); a.recv(4096)
s = ssl.create_default_context(cafile=sys.argv[2]).wrap_socket(a, server_hostname="localhost")
s.sendall(b"NOOP\r\nQUIT\r\n")
got = b""
while True:
    more = s.recv(4096)
    if not more: break
    got += more
print(got.decode(), p.wait(30))
PY
)" '^221 '
done_testing
