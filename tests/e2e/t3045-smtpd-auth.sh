#!/bin/sh
# SPDX-License-Identifier: ISC
# AUTH over SMTP: what is offered where, each mechanism, its errors, its ends.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
make_home
SUB=$(free_ports 1)
conf smtpd "listen = 127.0.0.1:$SUB submission
vrfy = full"
conf auth "hash_memory = 64K
failed_login = 1ms
scram_iterations = 4096
account_failures = 0"
add_user Bob@example.org 'open sesame' > "$T/out"
add_user ann@example.org ann > "$T/out"
check "the system becomes ready" start_pneu

b64() { printf "$1" | base64 -w 0; }
# Who hangs up has had his last guess (t9200), so the line stays open.
cat > "$T/talk.py" <<'X'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
s.recv(65536) # the greeting
s.sendall("".join(line + "\r\n" for line in sys.argv[2:]).encode("latin-1"))
while data := s.recv(65536): sys.stdout.write(data.decode().replace("\r", ""))
X
talk() { # talk PORT LINE...: what is answered after the greeting
	timeout 60 python3 "$T/talk.py" "$@" QUIT
}
codes() { # the codes after EHLO, up to QUIT's
	_p=$1; shift; talk "$_p" 'EHLO me' "$@" | grep -v '^250-' | sed -n '1!p' |
	    sed -E 's/^([0-9]{3} ([0-9]\.[0-9]+\.[0-9]+)?).*/\1/; s/ $//' | tr '\n' ' ' | sed 's/ 221 2.0.0 $//'
}
PLAIN=$(b64 '\0bob@example.org\0open sesame')

like "submission announces what it takes" "$(talk "$SUB" 'EHLO me')" '^250-AUTH SCRAM-SHA-256 PLAIN LOGIN$'
! talk "$SMTP" 'EHLO me' | grep -q AUTH; ok $? "port 25 does not"
is "and knows no such command" "$(codes "$SMTP" "AUTH PLAIN $PLAIN")" '502 5.5.1'
is "PLAIN with the first line" "$(codes "$SUB" "AUTH PLAIN $PLAIN")" '235 2.7.0'
is "PLAIN when it is asked for" "$(codes "$SUB" 'AUTH PLAIN' "$PLAIN")" '334 235 2.7.0'
is "in any case" "$(codes "$SUB" "auth plain $PLAIN")" '235 2.7.0'
is "LOGIN" "$(codes "$SUB" 'AUTH LOGIN' "$(b64 bob)" "$(b64 'open sesame')")" '334 334 235 2.7.0'
is "LOGIN with the name in the first line" "$(codes "$SUB" "AUTH LOGIN $(b64 bob)" "$(b64 'open sesame')")" '334 235 2.7.0'
like "LOGIN asks in the words that clients know" "$(talk "$SUB" 'EHLO me' 'AUTH LOGIN' "$(b64 bob)" '*')" '^334 VXNlcm5hbWU6$'
is "an authorization identity may be his own" \
    "$(codes "$SUB" "AUTH PLAIN $(b64 'BOB@example.org\0bob\0open sesame')")" '235 2.7.0'
is "and nobody else's" "$(codes "$SUB" "AUTH PLAIN $(b64 'ann@example.org\0bob\0open sesame')")" '535 5.7.8'
is "a wrong password" "$(codes "$SUB" "AUTH PLAIN $(b64 '\0bob\0no')")" '535 5.7.8'
is "an unknown user" "$(codes "$SUB" "AUTH PLAIN $(b64 '\0nobody\0no')")" '535 5.7.8'
is "and then a right one" "$(codes "$SUB" "AUTH PLAIN $(b64 '\0bob\0no')" "AUTH PLAIN $PLAIN")" '535 5.7.8 235 2.7.0'
is "twice" "$(codes "$SUB" "AUTH PLAIN $PLAIN" "AUTH PLAIN $PLAIN")" '235 2.7.0 503 5.5.1'
is "VRFY says who there is to who has logged in, and to nobody else" \
    "$(codes "$SUB" 'VRFY ann@example.org' 'VRFY no@example.org' "AUTH PLAIN $PLAIN" 'VRFY ann@example.org' 'VRFY no@example.org')" \
    '252 2.5.0 252 2.5.0 235 2.7.0 250 2.1.5 550 5.1.1'
is "before EHLO" "$(talk "$SUB" "AUTH PLAIN $PLAIN" | head -1 | cut -c1-9)" '503 5.5.1'
is "after HELO" "$(talk "$SUB" 'HELO me' "AUTH PLAIN $PLAIN" | sed -n 2p | cut -c1-9)" '503 5.5.1'
is "in a transaction" "$(codes "$SUB" "AUTH PLAIN $PLAIN" 'MAIL FROM:<bob@example.org>' "AUTH PLAIN $PLAIN")" '235 2.7.0 250 2.1.0 503 5.5.1'
is "no mechanism" "$(codes "$SUB" AUTH)" '501 5.5.4'
is "one that is not offered" "$(codes "$SUB" 'AUTH CRAM-MD5' 'AUTH SCRAM-SHA-256-PLUS')" '504 5.5.4 504 5.5.4'
is "no base64" "$(codes "$SUB" 'AUTH PLAIN ====' 'AUTH PLAIN A' "AUTH PLAIN $PLAIN $PLAIN" 'AUTH PLAIN' '!')" \
    '501 5.5.2 501 5.5.2 501 5.5.2 334 501 5.5.2'
is "= is an empty first line" "$(codes "$SUB" 'AUTH PLAIN =' 'AUTH LOGIN =')" '501 5.5.2 501 5.5.2'
is "parts that are missing, or too many" "$(codes "$SUB" "AUTH PLAIN $(b64 'bob')" "AUTH PLAIN $(b64 '\0bob')" \
    "AUTH PLAIN $(b64 '\0\0x')" "AUTH PLAIN $(b64 '\0bob\0a\0b')")" '501 5.5.2 501 5.5.2 501 5.5.2 501 5.5.2'
is "* cancels" "$(codes "$SUB" 'AUTH PLAIN' '*' NOOP)" '334 501 5.7.0 250 2.0.0'
is "commands are not heard in an exchange" "$(codes "$SUB" 'AUTH PLAIN' 'NOOP' 'NOOP')" '334 501 5.5.2 250 2.0.0'
long() { head -c "$1" /dev/zero | tr '\0' A; }
is "12288 octets of base64 are a line" "$(codes "$SUB" "AUTH PLAIN $(long 12288)" 'AUTH PLAIN' "$(long 12288)")" \
    '501 5.5.2 334 501 5.5.2'
is "more are too many" "$(codes "$SUB" "AUTH PLAIN $(long 12400)" 'AUTH PLAIN' "$(long 12400)" NOOP)" \
    '500 5.5.6 334 500 5.5.6 250 2.0.0'
is "another command is no longer for that" "$(codes "$SUB" "NOOP $(long 3000)")" '500 5.5.2'
is "MAIL takes AUTH=, and xtext only" \
    "$(codes "$SUB" "AUTH PLAIN $PLAIN" 'MAIL FROM:<a@example.org> AUTH=<>' RSET 'MAIL FROM:<a@example.org> AUTH=a+40b' RSET 'MAIL FROM:<a@example.org> AUTH=a+0Ab')" \
    '235 2.7.0 250 2.1.0 250 2.0.0 250 2.1.0 250 2.0.0 501 5.5.4'
is "elsewhere it is not known" "$(codes "$SMTP" 'MAIL FROM:<a@example.org> AUTH=<>')" '555 5.5.4'
wrong="AUTH PLAIN $(b64 '\0bob\0no')"
like "six failures end the session" "$(codes "$SUB" "$wrong" "$wrong" "$wrong" "$wrong" "$wrong" "$wrong" "$wrong")" \
    '^(535 5.7.8 ){6}421 4.7.0'

# What it is for: the message knows who sent it.
talk "$SUB" 'EHLO me' "AUTH PLAIN $PLAIN" 'MAIL FROM:<bob@example.org>' 'RCPT TO:<ann@example.org>' DATA > "$T/out"
python3 - "$SUB" <<'X'
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname="me", timeout=60)
s.login("bob", "open sesame")
s.sendmail("bob@example.org", ["ann@example.org"], b"Subject: known\r\n\r\nhello\r\n")
s.quit()
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname="me", timeout=60)
s.login("bob", "open sesame")
s.sendmail("bob@example.org", ["ann@example.org"], b"Subject: known\r\n\r\nhello\r\n")
s.quit()
X
ok $? "Python's smtplib logs in and sends"
wait_for sh -c "ls $H/mail/example.org/ann/new/* > $T/out 2>&1"
like "the message says how it came" "$(cat "$H"/mail/example.org/ann/new/*)" 'with ESMTPA id'
soon "a login has its entry" '^9I .* user=Bob@example.org ip=127.0.0.1 helo=me mechanism=PLAIN' journal_text
soon "a failure, too" '^9F .* user=bob ip=127.0.0.1 code=5.7.8' journal_text
! journal_text | grep -q 'sesame'; ok $? "no password is in the journal"

# Programs that people use.
scram() { # scram MECHANISM USER PASSWORD: gsasl's exchange with our server, 0: it was let in
	timeout 60 gsasl --smtp --connect "127.0.0.1:$SUB" --no-starttls -m "$1" -a "$2" -p "$3" < /dev/null > "$T/gsasl" 2>&1
}
if command -v gsasl > "$T/out"; then
	check "gsasl logs in by SCRAM-SHA-256, and believes our signature" scram SCRAM-SHA-256 bob@example.org 'open sesame'
	soon "so says the journal" '^9I .* mechanism=SCRAM-SHA-256' journal_text
	! scram SCRAM-SHA-256 bob@example.org 'open' ; ok $? "not with another password"
	like "which is refused in the same words" "$(cat "$T/gsasl")" '535 5.7.8'
	! scram SCRAM-SHA-256 nobody@example.org 'open' ; ok $? "nor as nobody"
	like "nor is that told" "$(cat "$T/gsasl")" '535 5.7.8'
	check "gsasl logs in by PLAIN" scram PLAIN bob 'open sesame'
	check "gsasl logs in by LOGIN" scram LOGIN bob 'open sesame'
else
	skip "gsasl" "it is not here"
fi
for m in PLAIN LOGIN; do
	check "swaks logs in by $m" timeout 60 swaks --server "127.0.0.1:$SUB" --auth "$m" --auth-user bob \
	    --auth-password 'open sesame' --from bob@example.org --to ann@example.org
done
check "curl logs in" sh -c "printf 'Subject: curl\r\n\r\nx\r\n' | timeout 60 curl -sS --url smtp://127.0.0.1:$SUB \
    --mail-from bob@example.org --mail-rcpt ann@example.org -u 'bob:open sesame' -T -"
for m in plain login scram-sha-256; do
	printf 'host 127.0.0.1\nport %s\nfrom bob@example.org\nauth %s\nuser bob@example.org\npassword open sesame\ntls off\n' \
	    "$SUB" "$m" > "$T/msmtprc"
	chmod 600 "$T/msmtprc"
	check "msmtp logs in by $m" sh -c "printf 'Subject: msmtp\n\nx\n' | timeout 60 msmtp -C $T/msmtprc ann@example.org"
done

# SCRAM by hand: bad nonce, bad binding, downgrade.
cat > "$T/scram.py" <<'X'
import base64, hashlib, hmac, socket, sys
port, kind = int(sys.argv[1]), sys.argv[2]
s = socket.create_connection(("127.0.0.1", port), 60); f = s.makefile("rb")
e, d = base64.b64encode, base64.b64decode
def say(b): s.sendall(b + b"\r\n")
def line():
    l = f.readline()
    while l[3:4] == b"-": l = f.readline()
    return l
line(); say(b"EHLO me"); line()
header = b"y,," if kind == "could" else b"n,,"
bare = b"n=bob@example.org,r=abcdef"
say(b"AUTH SCRAM-SHA-256 " + e(header + bare)); first = d(line()[4:])
a = dict((x[:1], x[2:]) for x in first.split(b","))
nonce = b"abcdef" if kind == "nonce" else a[b"r"]
c = e(b"p=tls-unique,,zz" if kind == "binding" else header)
final = b"c=" + c + b",r=" + nonce
salted = hashlib.pbkdf2_hmac("sha256", b"open sesame", d(a[b"s"]), int(a[b"i"]))
key = hmac.digest(salted, b"Client Key", "sha256")
message = bare + b"," + first + b"," + final
proof = bytes(x ^ y for x, y in zip(key, hmac.digest(hashlib.sha256(key).digest(), message, "sha256")))
say(b"NOOP x" if kind == "command" else e(final + b",p=" + e(proof))); last = line()
if kind in ("right", "could", "late"):
    want = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
    print("signature", d(last[4:]) == b"v=" + e(want))
    say(b"eA==" if kind == "late" else b""); last = line()
print(last[:9].decode())
X
by_hand() { timeout 60 python3 "$T/scram.py" "$SUB" "$1" | tr '\n' ' '; }
is "SCRAM by hand is let in" "$(by_hand right)" 'signature True 235 2.7.0 '
is "also where the client could have bound, and nobody offered it" "$(by_hand could)" 'signature True 235 2.7.0 '
is "another nonce is refused" "$(by_hand nonce)" '535 5.7.8 '
is "another binding is refused" "$(by_hand binding)" '535 5.7.8 '
is "a word more after the signature is refused" "$(by_hand late)" 'signature True 501 5.5.2 '
is "a command in place of the proof is refused" "$(by_hand command)" '501 5.5.2 '

# Who has left may fetch what is there, and send nothing.
as directory -C "$H" remove ann@example.org > "$T/out" 2>&1
is "a removed user cannot log in to SMTP" "$(codes "$SUB" "AUTH PLAIN $(b64 '\0ann@example.org\0ann')")" '535 5.7.8'
check "and can to POP3" timeout 60 curl -sS "pop3://127.0.0.1:$POP" -u 'ann@example.org:ann'

# Without TLS, where the administrator says no.
conf auth "plaintext = no"
check "auth.plaintext = no is taken up" reload_pneu
! talk "$SUB" 'EHLO me' | grep -q AUTH; ok $? "then nothing is announced"
is "and nothing taken" "$(codes "$SUB" "AUTH PLAIN $PLAIN" "AUTH SCRAM-SHA-256 $(b64 'n,,n=bob,r=x')" 'AUTH FOO')" \
    '538 5.7.11 538 5.7.11 504 5.5.4'
sed -i 's/^plaintext = no/plaintext = yes\nscram = no/' "$H/pneu.conf"
check "auth.scram = no is taken up" reload_pneu
like "then SCRAM is not announced" "$(talk "$SUB" 'EHLO me')" '^250-AUTH PLAIN LOGIN$'
is "and not taken" "$(codes "$SUB" "AUTH SCRAM-SHA-256 $(b64 'n,,n=bob,r=x')")" '504 5.5.4'
printf 'other\n' | as directory -C "$H" passwd bob@example.org --password-stdin > "$T/out"
! grep Bob "$H/secrets/secrets" | grep -q scram=; ok $? "nor are keys kept of a new password"
done_testing
