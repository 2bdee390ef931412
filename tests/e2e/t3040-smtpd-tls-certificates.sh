#!/bin/sh
# SPDX-License-Identifier: ISC
# Several certificates of TLS: by name, RSA beside EC; those of clients; authorities
# that come in and go out; files that a transfer as text has damaged.
. "$(dirname "$0")/lib.sh"
command -v openssl > /dev/null || skip_all "there is no openssl"
make_home
add_user bob@example.org pw > "$T/out"
TLSP=$(free_ports 1)
conf smtpd "listen = 127.0.0.1:$TLSP tls"
W=$T/w; mkdir "$W"
openssl() { command openssl "$@" > "$T/openssl" 2>&1 || { diag "openssl $1: $(cat "$T/openssl")"; exit 99; }; }
EC="ec -pkeyopt ec_paramgen_curve:P-256"
authority() { # authority NAME
	openssl req -x509 -nodes -days 30 -newkey $EC -subj "/CN=authority $1" -out "$W/$1.pem" -keyout "$W/$1.key"
}
signed() { # signed FILE AUTHORITY KIND DAYS CN NAMES
	openssl req -nodes -newkey $3 -subj "/CN=$5" -out "$W/csr" -keyout "$W/$1.key"
	printf 'subjectAltName=%s\n' "$6" > "$W/ext"
	openssl x509 -req -in "$W/csr" -CA "$W/$2.pem" -CAkey "$W/$2.key" -CAcreateserial -days "$4" -extfile "$W/ext" -out "$W/$1.pem"
}
install_pair() { # install_pair FILE...: into the home, as its owner
	for _f; do cat "$W/$_f.pem" | as tee "$H/tls/$_f.pem"; cat "$W/$_f.key" | as tee "$H/tls/$_f.key"; done > "$T/out"
	as chmod 640 "$H"/tls/*.key
	[ -z "$USERS" ] || chown pneu:pneu-tls "$H"/tls/*.key
}
authority site; authority clients; authority others
signed two-ec site "$EC" 30 two-ec DNS:two.example.org
signed two-rsa site rsa:2048 30 two-rsa DNS:two.example.org
signed wild site "$EC" 30 wild "DNS:*.wild.example.org"
signed me clients "$EC" 30 "Ann, of the office" DNS:pc7.example.net
signed stranger others "$EC" 30 stranger DNS:pc8.example.net
as certs -C "$H" init > "$T/out" 2>&1
install_pair two-ec two-rsa wild
cat "$W/wild.key" | as tee -a "$H/tls/wild.pem" > "$T/out"
[ -z "$USERS" ] || chown pneu:pneu-tls "$H/tls/wild.pem"
conf tls "certificate = own tls/server.pem tls/server.key
certificate = two tls/two-ec.pem tls/two-ec.key
certificate = two tls/two-rsa.pem tls/two-rsa.key
certificate = wild tls/wild.pem"
cat "$W/site.pem" "$H/tls/ca.pem" > "$W/believed.pem"
# What a client is shown: CN version key cipher, or how it failed.
cat > "$T/ask.py" <<'PY'
import socket, ssl, sys
port, ca, sni = int(sys.argv[1]), sys.argv[2], sys.argv[3]
words = dict(w.split("=", 1) for w in sys.argv[4:])
c = ssl.create_default_context(cafile=ca)
c.check_hostname = False
if "version" in words:
    c.minimum_version = c.maximum_version = ssl.TLSVersion[words["version"]]
if "ciphers" in words:
    c.set_ciphers(words["ciphers"])
if "cert" in words:
    c.load_cert_chain(words["cert"] + ".pem", words["cert"] + ".key")
try:
    s = c.wrap_socket(socket.create_connection(("127.0.0.1", port), 30),
                      server_hostname=sni or None)
    cn = dict(x[0] for x in s.getpeercert()["subject"])["commonName"]
    greeting = s.recv(4096)
    print(cn, s.version(), greeting[:3].decode())
    for line in ([b"EHLO me", b"MAIL FROM:<a@b.test>",
                  b"RCPT TO:<bob@example.org>", b"DATA",
                  b"Subject: x\r\n\r\n."] if "mail" in words else []):
        s.sendall(line + b"\r\n")
        s.recv(4096)
    s.sendall(b"QUIT\r\n")
    while s.recv(4096):
        pass
except (OSError, ssl.SSLError) as e:
    print("failed:", e)
PY
ask() { timeout 60 python3 "$T/ask.py" "$TLSP" "$W/believed.pem" "$@"; }
check "the system becomes ready" start_pneu || done_testing

is "the first is the default" "$(ask '')" "mx.example.org TLSv1.3 220"
is "its own name" "$(ask localhost)" "mx.example.org TLSv1.3 220"
is "another name has another" "$(ask two.example.org)" "two-ec TLSv1.3 220"
is "capitals are the same name" "$(ask TWO.example.ORG)" "two-ec TLSv1.3 220"
is "a client that can only do RSA is shown RSA" "$(ask two.example.org version=TLSv1_2 ciphers=ECDHE-RSA-AES128-GCM-SHA256)" "two-rsa TLSv1.2 220"
is "one that can both, EC" "$(ask two.example.org version=TLSv1_2)" "two-ec TLSv1.2 220"
is "a name below *" "$(ask a.wild.example.org)" "wild TLSv1.3 220"
is "but not two below, which gets the default" "$(ask a.b.wild.example.org)" "mx.example.org TLSv1.3 220"
is "an unknown name gets the default" "$(ask no.such.test)" "mx.example.org TLSv1.3 220"
is "certs show has each pair" "$(as certs -C "$H" show --json | python3 -c 'import json, sys
print(*sorted(json.loads(l)["label"] for l in sys.stdin))')" "own two two wild"
ask two.example.org mail=yes > "$T/out"
soon "the journal has the name that was asked for" 'sni=two.example.org' journal_text

# Certificates of clients.
clients() { # clients RULE
	sed -i '/^client_certificates/d' "$H/pneu.conf"
	conf tls "client_certificates = $1"
	reload_pneu > "$T/out" 2>&1 || diag "$(cat "$T/out")"
}
chmod 755 "$W"; chmod 644 "$W"/*.pem
check "an authority of clients comes in" as certs -C "$H" import-ca office "$W/clients.pem"
cat "$W/clients.pem" "$W/others.pem" > "$W/both.pem"
as ln "$H/ca/office.pem" "$H/office-before"
check "and comes in again, with another" as certs -C "$H" import-ca office "$W/both.pem"
is "as a new file: who reads the old one has all of it" "$(grep -c BEGIN "$H/office-before") $(grep -c BEGIN "$H/ca/office.pem") $(as ls -A "$H/ca")" "1 2 office.pem"
as certs -C "$H" import-ca office "$W/clients.pem" > "$T/out" 2>&1
like "what is none does not" "$(as certs -C "$H" import-ca leaf "$W/me.pem" 2>&1)" "certificate 1 is no authority's"
like "nor what is no certificate" "$(as certs -C "$H" import-ca conf "$H/pneu.conf" 2>&1)" 'pneu.conf: there is no certificate'
like "and a label is no path" "$(as certs -C "$H" import-ca ../x "$W/clients.pem" 2>&1)" 'a label has letters'
clients ask
is "asked, a client with none is served" "$(ask '')" "mx.example.org TLSv1.3 220"
is "and one whose authority nobody knows" "$(ask '' cert="$W/stranger" mail=yes)" "mx.example.org TLSv1.3 220"
is "and one with a good one" "$(ask '' cert="$W/me" mail=yes)" "mx.example.org TLSv1.3 220"
soon "whose name is in the journal" 'certificate=[^ ]*Ann' journal_text
is "the other's is not" "$(journal_text | grep -c 'certificate=[^ ]*stranger')" 0
clients require
like "required, one with none is refused" "$(ask '')" '^failed: .*(certificate required|CERTIFICATE_REQUIRED)'
like "and one of a stranger" "$(ask '' cert="$W/stranger" version=TLSv1_2)" '^failed: .*(unknown ca|UNKNOWN_CA)'
is "a good one is served" "$(ask '' cert="$W/me")" "mx.example.org TLSv1.3 220"
is "by TLS 1.2, too" "$(ask two.example.org cert="$W/me" version=TLSv1_2)" "two-ec TLSv1.2 220"
clients no

# assign, export-ca.
like "a key of another is refused" "$(as certs -C "$H" assign smtp-server x tls/two-ec.pem tls/two-rsa.key 2>&1)" 'the key is not that of the certificate'
like "so is a place that is none" "$(as certs -C "$H" assign imap x tls/two-ec.pem 2>&1)" 'imap is none of: smtp-server pop-server'
check "assign sets one" as certs -C "$H" assign smtp-server two tls/two-rsa.pem tls/two-rsa.key
is "instead of all that were" "$(as certs -C "$H" show --json | grep -c label)" 1
shows() { ask "$1" | grep -q "^$2 "; }
wait_for shows '' two-rsa; ok $? "in force at once"
check "assign with one file" as certs -C "$H" assign pop-server wild tls/wild.pem
wait_for shows '' wild; ok $? "has the key in it"
check "and without files that of init" as certs -C "$H" assign smtp-server own
wait_for shows '' mx.example.org; ok $? "is in force"
check "export-ca" as certs -C "$H" export-ca "$H/ours.pem"
is "writes the authority's certificate alone" "$(grep -c 'PRIVATE' "$H/ours.pem") $(command openssl verify -CAfile "$H/ours.pem" "$H/tls/server.pem" 2>&1 | sed 's/.*: //')" "0 OK"
like "not over a file that is there" "$(as certs -C "$H" export-ca "$H/ours.pem" 2>&1)" 'ours.pem.*exists'

# Files that were copied as text.
wrong() { # wrong TITLE ERE < FILE
	as tee "$H/tls/bad.pem" > "$T/out"
	like "$1" "$(as certs -C "$H" assign smtp-server bad tls/bad.pem tls/two-ec.key 2>&1)" "$2"
}
command openssl x509 -in "$W/two-ec.pem" -outform DER -out "$W/der"
mangle() { python3 -c 'import sys; b = sys.stdin.buffer.read(); sys.stdout.buffer.write(eval(sys.argv[1]))' "$1"; }
wrong "DER is told how to be converted" 'it is DER: convert it' < "$W/der"
mangle 'b[:40] + b"\n" + b[41:]' < "$W/der" | mangle 'b.replace(b"\n", b"\r\n")' > "$W/bad"
wrong "DER with CR put before LF" 'binary mode' < "$W/bad"
mangle 'bytes(o & 127 for o in b)' < "$W/der" > "$W/bad"
wrong "DER without eighth bits" 'eighth bits are gone' < "$W/bad"
mangle 'b.decode().encode("cp037")' < "$W/two-ec.pem" > "$W/bad"
wrong "PEM in EBCDIC" 'EBCDIC' < "$W/bad"
mangle 'b[:200] + b"\0" + b[200:]' < "$W/two-ec.pem" > "$W/bad"
wrong "octets 0" 'octets 0' < "$W/bad"
mangle 'b[:len(b) // 2]' < "$W/two-ec.pem" > "$W/bad"
wrong "half of it" 'there is no certificate' < "$W/bad"
wrong "nothing" 'it is empty' < /dev/null
mangle 'b.replace(b"\n", b"\r\n")' < "$W/two-ec.pem" | as tee "$H/tls/bad.pem" > "$T/out"
check "PEM with CR LF is as good" as certs -C "$H" assign smtp-server crlf tls/bad.pem tls/two-ec.key
wait_for shows '' two-ec; ok $? "and shown"
signed old site "$EC" 5 old DNS:mx.example.org
install_pair old
as certs -C "$H" assign smtp-server old tls/old.pem tls/old.key > "$T/out" 2>&1
like "certs check warns of an end that is near" "$(as certs -C "$H" check 2>&1)" '(days|until|end)'
is "with 100" "$(as certs -C "$H" check > "$T/out" 2>&1; echo $?)" 100
stop_pneu; is "it stops with 0" $? 0
is "no process died" "$(journal_text | grep -c '^S[A-Z] .* signal=')" 0
done_testing
