#!/bin/sh
# SPDX-License-Identifier: ISC
# AUTH over POP3: each mechanism, its errors, programs that people use.
. "$(dirname "$0")/lib.sh"
make_home
conf auth "hash_memory = 64K
failed_login = 1ms
scram_iterations = 4096
account_failures = 0"
add_user Bob@example.org 'open sesame' > "$T/out"
as directory -C "$H" add mute@example.org > "$T/out"
check "the system becomes ready" start_pneu
b64() { printf "$1" | base64 -w 0; }
cat > "$T/talk.py" <<'X'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
s.recv(65536) # the greeting
s.sendall("".join(line + "\r\n" for line in sys.argv[2:]).encode("latin-1"))
while data := s.recv(65536): sys.stdout.write(data.decode().replace("\r", ""))
X
talk() { timeout 60 python3 "$T/talk.py" "$POP" "$@" QUIT; }
says() { talk "$@" | sed -E 's/^(\+OK|\+ |-ERR( \[[A-Z\/]+\])?).*/\1/' | sed '$d' | tr '\n' ' ' | sed 's/ *$//'; }
PLAIN=$(b64 '\0bob\0open sesame')

like "CAPA names the mechanisms" "$(talk CAPA)" '^SASL SCRAM-SHA-256 PLAIN$'
is "PLAIN with the first line" "$(says "AUTH PLAIN $PLAIN" STAT)" '+OK +OK'
is "PLAIN when it is asked for" "$(says 'AUTH PLAIN' "$PLAIN" STAT)" '+  +OK +OK'
is "a wrong password" "$(says "AUTH PLAIN $(b64 '\0bob\0no')" STAT)" '-ERR [AUTH] -ERR'
is "an unknown user, a user without a password" \
    "$(says "AUTH PLAIN $(b64 '\0nobody\0no')" "AUTH PLAIN $(b64 '\0mute\0no')")" '-ERR [AUTH] -ERR [AUTH]'
is "an authorization identity that is another" "$(says "AUTH PLAIN $(b64 'ann\0bob\0open sesame')" STAT)" '-ERR [AUTH] -ERR'
is "no base64, no mechanism, * cancels" "$(says 'AUTH PLAIN ====' AUTH 'AUTH FOO' 'AUTH PLAIN' '*')" '-ERR -ERR -ERR +  -ERR'
long=$(head -c 12000 /dev/zero | tr '\0' A)
is "a response of 12000 octets is a line" "$(says 'AUTH PLAIN' "$long" 'AUTH FOO')" '+  -ERR -ERR'
like "a longer one is none, and that is said" "$(talk 'AUTH PLAIN' "$long$long" NOOP | tr '\n' ' ')" '^\+ +-ERR that response is too long -ERR .*\+OK bye'
is "six failures end the session" "$(wrong="AUTH PLAIN $(b64 '\0bob\0no')"
	talk "$wrong" "$wrong" "$wrong" "$wrong" "$wrong" "$wrong" "$wrong" | grep -c 'wrong name')" 6
soon "a login has its entry" '^KI .* user=Bob@example.org' journal_text
soon "a failure, too" '^KF .* user=bob ip=127.0.0.1 code=5.7.8' journal_text

cat > "$T/scram.py" <<'X'
import base64, hashlib, hmac, socket, sys
port, user, password = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode()
s = socket.create_connection(("127.0.0.1", port), 60); f = s.makefile("rb")
e, d = base64.b64encode, base64.b64decode
def say(b): s.sendall(b + b"\r\n"); return f.readline()
f.readline()
bare = b"n=" + user + b",r=abcdef"
first = d(say(b"AUTH SCRAM-SHA-256 " + e(b"n,," + bare))[2:])
a = dict((x[:1], x[2:]) for x in first.split(b","))
final = b"c=biws,r=" + a[b"r"]
salted = hashlib.pbkdf2_hmac("sha256", password, d(a[b"s"]), int(a[b"i"]))
key = hmac.digest(salted, b"Client Key", "sha256")
message = bare + b"," + first + b"," + final
proof = bytes(x ^ y for x, y in zip(key, hmac.digest(hashlib.sha256(key).digest(), message, "sha256")))
last = say(e(final + b",p=" + e(proof)))
if last.startswith(b"+ "):
    want = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
    print("signature", d(last[2:]) == b"v=" + e(want), say(b"")[:3].decode(), say(b"STAT")[:3].decode(), a[b"s"].decode())
else: print(last[:11].decode(), a[b"s"].decode(), a[b"i"].decode())
X
scram() { timeout 60 python3 "$T/scram.py" "$POP" "$@"; }
like "SCRAM opens the mailbox" "$(scram bob 'open sesame')" '^signature True \+OK \+OK '
like "not with another password" "$(scram bob no)" '^-ERR \[AUTH\] [A-Za-z0-9+/]{22}== 4096$'
like "an unknown user has a salt, too" "$(scram nobody no)" '^-ERR \[AUTH\] [A-Za-z0-9+/]{22}== 4096$'
salts() { for u in nobody nobody@example.org NOBODY mute bob; do scram $u no | cut -d' ' -f3; done | tr '\n' ' '; }
before=$(salts)
is "the same for each spelling of the name" "$(echo "$before" | awk '{ print $1 == $2, $2 == $3, $3 == $4, $4 == $5 }')" '1 1 0 0'
check "the system stops" stop_pneu
check "the system becomes ready again" start_pneu
is "and for ever" "$(salts)" "$before"

check "curl logs in" timeout 60 curl -sS "pop3://127.0.0.1:$POP" -u 'bob@example.org:open sesame' --login-options 'AUTH=PLAIN'
check "curl logs in as it likes" timeout 60 curl -sS "pop3://127.0.0.1:$POP" -u 'bob@example.org:open sesame'
for m in user plain scram-sha-256; do
	printf 'account x\nhost 127.0.0.1\nport %s\nuser bob@example.org\nauth %s\npassword open sesame\ntls off\ndelivery mbox %s\nuidls_file %s\naccount default : x\n' \
	    "$POP" "$m" "$T/mbox" "$T/uidls" > "$T/mpoprc"
	chmod 600 "$T/mpoprc"
	check "mpop logs in by $m" timeout 60 mpop -C "$T/mpoprc"
done
conf auth "plaintext = no"
check "auth.plaintext = no is taken up" reload_pneu
! talk CAPA | grep -q 'SASL\|USER'; ok $? "then nothing is announced"
is "and nothing taken" "$(says "AUTH PLAIN $PLAIN" 'AUTH PLAIN' 'AUTH SCRAM-SHA-256' 'USER bob')" \
    '-ERR [AUTH] -ERR [AUTH] -ERR [AUTH] -ERR [AUTH]'
done_testing
