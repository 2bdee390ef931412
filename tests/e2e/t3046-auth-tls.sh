#!/bin/sh
# SPDX-License-Identifier: ISC
# Logins over TLS, SMTP and POP3: SCRAM bound to its channel, what does not match,
# and the programs that people use.
. "$(dirname "$0")/lib.sh"
command -v openssl > /dev/null || skip_all "there is no openssl"
make_home
set -- $(free_ports 3); SUB=$1 SUBS=$2 POPS=$3
conf smtpd "listen = 127.0.0.1:$SUB submission
listen = 127.0.0.1:$SUBS tls submission"
conf pop3d "listen = 127.0.0.1:$POPS tls"
as certs -C "$H" init > "$T/out" 2>&1
openssl req -x509 -nodes -days 30 -newkey rsa:2048 -subj /CN=localhost -out "$T/rsa.pem" -keyout "$T/rsa.key" > "$T/out" 2>&1
cat "$T/rsa.pem" "$T/rsa.key" | as tee "$H/tls/rsa.pem" > "$T/out"; as chmod 640 "$H/tls/rsa.pem"
[ -z "$USERS" ] || chown pneu:pneu-tls "$H/tls/rsa.pem"
conf tls "certificate = own tls/server.pem tls/server.key
certificate = own tls/rsa.pem"
conf auth "hash_memory = 64K
failed_login = 1ms
scram_iterations = 4096
account_failures = 0
plaintext = no"
add_user bob@example.org 'open sesame' > "$T/out"
cp "$H/tls/ca.pem" "$T/ca.pem"; chmod 644 "$T/ca.pem"
check "the system becomes ready" start_pneu || done_testing

cat > "$T/scram.py" <<'X'
import base64, hashlib, hmac, socket, ssl, sys
protocol, port, ca, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
tls = ssl.create_default_context(cafile=ca)
if kind == "resumed12": tls.maximum_version = ssl.TLSVersion.TLSv1_2
def connect(session=None): return tls.wrap_socket(socket.create_connection(("127.0.0.1", port), 60), server_hostname="localhost", session=session)
s = connect()
if kind.startswith("resumed"): # twice: the second ticket is one that was made for a resumed session
    shown = s.getpeercert(True)
    for _ in 1, 2:
        s.recv(4096)
        s = connect(s.session)
        if not s.session_reused: sys.exit("a full handshake")
else: shown = s.getpeercert(True)
f = s.makefile("rb")
e, d = base64.b64encode, base64.b64decode
def line():
    l = f.readline()
    while protocol == "smtp" and l[3:4] == b"-": l = f.readline()
    return l
def say(b): s.sendall(b + b"\r\n"); return line()
at = 4 if protocol == "smtp" else 2
line()
if protocol == "smtp": say(b"EHLO me")
header = {"could": b"y,,", "unique": b"p=tls-unique,,"}.get(kind, b"p=tls-server-end-point,,")
data = hashlib.sha256(shown).digest()
if kind == "mismatch": data = hashlib.sha256(b"another").digest()
bare = b"n=bob@example.org,r=abcdef"
mechanism = b"SCRAM-SHA-256" + (b"" if kind == "could" else b"-PLUS")
answer = say(b"AUTH " + mechanism + b" " + e(header + bare))
if answer[:3] == b"334" or answer[:2] == b"+ ":
    first = d(answer[at:])
    a = dict((x[:1], x[2:]) for x in first.split(b","))
    final = b"c=" + e(header + data) + b",r=" + a[b"r"]
    salted = hashlib.pbkdf2_hmac("sha256", b"open sesame", d(a[b"s"]), int(a[b"i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    message = bare + b"," + first + b"," + final
    proof = bytes(x ^ y for x, y in zip(key, hmac.digest(hashlib.sha256(key).digest(), message, "sha256")))
    answer = say(e(final + b",p=" + e(proof)))
    if answer[:3] == b"334" or answer[:2] == b"+ ": answer = say(b"")
print(answer[:11].decode().strip())
X
smtp() { timeout 60 python3 "$T/scram.py" smtp "$SUBS" "$T/ca.pem" "$1"; }
pop() { timeout 60 python3 "$T/scram.py" pop "$POPS" "$T/ca.pem" "$1"; }
is "SCRAM-SHA-256-PLUS, bound by tls-server-end-point" "$(smtp right)" '235 2.7.0 w'
like "over POP3 too" "$(pop right)" '^\+OK'
is "a resumed session is bound to the certificate that was shown when it began" "$(smtp resumed 2>&1)" '235 2.7.0 w'
is "in TLS 1.2 too" "$(smtp resumed12 2>&1)" '235 2.7.0 w'
is "a binding to another certificate is refused" "$(smtp mismatch)" '535 5.7.8 w'
is "over POP3 too: somebody between has another one" "$(pop mismatch)" '-ERR [AUTH]'
is "a client that could bind, and was told that we cannot, is refused" "$(smtp could)" '535 5.7.8 w'
is "by POP3 as well" "$(pop could)" '-ERR [AUTH]'
is "tls-unique, which TLS 1.3 has not, is not taken" "$(smtp unique)" '501 5.5.2 n'

if command -v gsasl > "$T/out"; then
	bound() { # bound PORT PRIORITY OPTION...: gsasl over STARTTLS
		_port=$1 _priority=$2; shift 2
		timeout 60 gsasl "$@" --connect "localhost:$_port" --starttls --x509-ca-file "$T/ca.pem" --priority "$_priority" \
		    -m SCRAM-SHA-256-PLUS -a bob@example.org -p 'open sesame' < /dev/null > "$T/gsasl" 2>&1
	}
	check "gsasl binds by tls-exporter over TLS 1.3" bound "$SUB" 'NORMAL:-VERS-ALL:+VERS-TLS1.3' --smtp ||
	    diag "$(cat "$T/gsasl")"
	soon "so says the journal" '^9I .* mechanism=SCRAM-SHA-256-PLUS' cat "$H"/journal/*
else
	skip "gsasl" "it is not here"
fi

cat > "$T/programs.py" <<'X'
import poplib, smtplib, ssl, sys
sub, subs, pop, pops = map(int, sys.argv[1:5]); ca = sys.argv[5]
tls = ssl.create_default_context(cafile=ca)
text = b"Subject: x\r\n\r\nx\r\n"
c = smtplib.SMTP("localhost", sub, timeout=60); c.ehlo()
print("AUTH before TLS:", c.has_extn("auth"))
c.starttls(context=tls); c.login("bob", "open sesame"); c.sendmail("bob@example.org", ["bob@example.org"], text); c.quit()
c = smtplib.SMTP_SSL("localhost", subs, timeout=60, context=tls)
c.login("bob", "open sesame"); c.sendmail("bob@example.org", ["bob@example.org"], text); c.quit()
c = poplib.POP3("localhost", pop, timeout=60); print("SASL before TLS:", "SASL" in c.capa())
c.stls(context=tls); c.user("bob"); print(c.pass_("open sesame")[:3].decode()); c.quit()
c = poplib.POP3_SSL("localhost", pops, timeout=60, context=tls)
c.user("bob"); print(c.pass_("open sesame")[:3].decode()); c.quit()
X
is "Python's smtplib and poplib log in over STARTTLS, STLS and TLS, and nowhere before" \
    "$(timeout 100 python3 "$T/programs.py" "$SUB" "$SUBS" "$POP" "$POPS" "$T/ca.pem" 2>&1 | tr '\n' ' ')" \
    'AUTH before TLS: False SASL before TLS: False +OK +OK '
for m in plain login scram-sha-256; do
	printf 'host localhost\nport %s\nfrom bob@example.org\nauth %s\nuser bob@example.org\npassword open sesame\ntls on\ntls_starttls %s\ntls_trust_file %s\n' \
	    "$SUBS" "$m" off "$T/ca.pem" > "$T/msmtprc"; chmod 600 "$T/msmtprc"
	check "msmtp logs in by $m" sh -c "printf 'Subject: msmtp\n\nx\n' | timeout 60 msmtp -C $T/msmtprc bob@example.org"
	[ "$m" != login ] || continue
	printf 'account x\nhost localhost\nport %s\nuser bob@example.org\nauth %s\npassword open sesame\ntls on\ntls_starttls off\ntls_trust_file %s\ndelivery mbox %s\nuidls_file %s\naccount default : x\n' \
	    "$POPS" "$m" "$T/ca.pem" "$T/mbox" "$T/uidls" > "$T/mpoprc"; chmod 600 "$T/mpoprc"
	check "mpop logs in by $m" timeout 60 mpop -C "$T/mpoprc"
done
check "swaks logs in over STARTTLS" timeout 60 swaks --server "localhost:$SUB" --tls --tls-ca-path "$T/ca.pem" --auth-user bob \
    --auth-password 'open sesame' --from bob@example.org --to bob@example.org
check "curl over TLS" sh -c "printf 'Subject: curl\r\n\r\nx\r\n' | timeout 60 curl -sS --cacert $T/ca.pem --url smtps://localhost:$SUBS \
    --mail-from bob@example.org --mail-rcpt bob@example.org -u 'bob:open sesame' -T -"
arrived() { ls "$H"/mail/example.org/bob/new/* > "$T/out" 2>&1; }
wait_for arrived
for how in 'sslproto TLS1.2+' ssl; do
	[ "$how" = ssl ] && port=$POPS || port=$POP
	printf 'set no bouncemail\npoll localhost service %s protocol POP3 auth password\nuser bob@example.org password "open sesame" keep fetchall\n%s sslcertck sslcertfile %s sslcertpath /nonexistent\nmda "cat > %s"\n' \
	    "$port" "$how" "$T/ca.pem" "$T/fetched" > "$T/fetchmailrc"; chmod 600 "$T/fetchmailrc"
	check "fetchmail logs in, $how" env HOME="$T" timeout 60 fetchmail -f "$T/fetchmailrc" --nodetach --nosyslog \
	    --pidfile "$T/fetch.pid" -i "$T/fetch.ids"
	check "and has a message" grep -q '^Subject: ' "$T/fetched"
	rm -f "$T/fetched"
done
done_testing
