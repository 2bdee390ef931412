#!/bin/sh
# SPDX-License-Identifier: ISC
# Clients that do not keep to TLS, or to its time; tickets that are of all workers
# and grow old; a new certificate under a hundred sessions.
. "$(dirname "$0")/lib.sh"
command -v openssl > /dev/null || skip_all "there is no openssl"
D=$(dirname "$0")
make_home
add_user bob@example.org pw > "$T/out"
set -- $(free_ports 2); SMTPS=$1 POPS=$2
conf smtpd "listen = 127.0.0.1:$SMTPS tls
clients_per_address = 0
max = 110"
conf pop3d "listen = 127.0.0.1:$POPS tls"
conf tls "certificate = own tls/server.pem tls/server.key
handshake_timeout = 3s
ticket_time = 2s"
as certs -C "$H" init > "$T/out" 2>&1
check "the system becomes ready" start_pneu || done_testing
cp "$H/tls/ca.pem" "$T/ca.pem"; chmod 644 "$T/ca.pem"
attack() { timeout 120 python3 "$D/tls_attack.py" "$1" "$T/ca.pem" "$2" $3 2>&1; }
s_client() { timeout 30 openssl s_client -CAfile "$T/ca.pem" -verify_return_error "$@" 2>&1 < /dev/null; }

# Half a handshake.
half_hello() { like "a ClientHello cut or spoilt anywhere ends the session ($1)" "$(attack cut "$2" $3)" '^[0-9]+ \[\]$'; }
half_hello smtpd "$SMTP" STARTTLS
half_hello "smtpd, tls" "$SMTPS"
half_hello pop3d "$POP" STLS
half_hello "pop3d, tls" "$POPS"
for v in tls1 tls1_1; do
	like "$v is refused by smtpd" "$(s_client -connect "127.0.0.1:$SMTPS" -$v -cipher ALL@SECLEVEL=0)" 'alert protocol version|no protocols available'
	like "$v is refused by pop3d" "$(s_client -connect "127.0.0.1:$POP" -starttls pop3 -$v -cipher ALL@SECLEVEL=0)" 'alert protocol version|no protocols available'
done
like "pop3d does not renegotiate" "$({ sleep 1; echo R; sleep 1; } | timeout 20 openssl s_client -connect "127.0.0.1:$POPS" -tls1_2 -legacy_renegotiation 2>&1)" 'no renegotiation'
like "plain text after 220 is no TLS" "$(python3 - "$SMTP" <<'PY'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
s.recv(4096); s.sendall(b"STARTTLS\r\n"); s.recv(4096)
s.sendall(b"RSET\r\n")
got = b""
try:
    while True:
        more = s.recv(4096)
        if not more: break
        got += more
except ConnectionError: pass
print("ended", got[:3] in (b"", b"\x15\x03\x01", b"\x15\x03\x03"))
PY
)" '^ended True$'
is "a message whose session ends within DATA is begun" "$(attack data "$SMTP" | tr '\n' ' ')" "354 354 "
check "a whole one comes after it" swaks --server "localhost:$SMTP" --tls --tls-verify --tls-ca-path "$T/ca.pem" --from a@b.test --to bob@example.org --silent 2
in_mailbox() { [ "$(find "$H/mail/example.org/bob/new" -type f | wc -l)" = "$1" ]; }
wait_for in_mailbox 1; ok $? "and it is the only one"

# Tickets: the first 16 octets are their key's name.
key_name() {
	rm -f "$T/session"
	{ sleep 0.5; echo QUIT; } | timeout 30 openssl s_client -connect "127.0.0.1:$SMTPS" -tls1_2 -crlf -quiet -sess_out "$T/session" > "$T/out" 2>&1
	openssl sess_id -in "$T/session" -noout -text | grep -A1 'session ticket:' | sed -n 's/^ *0000 - \(.*\)   .*/\1/p' | cut -c1-47
}
first=$(key_name); like "a ticket has a key" "$first" '^([0-9a-f]{2}[ -]){15}[0-9a-f]{2}$'
is_other() { now=$(key_name) && [ -n "$now" ] && [ "$now" != "$first" ]; }
wait_for is_other; ok $? "which changes with time"
cat > "$T/resume.py" <<'PY'
import smtplib, socket, ssl, sys, time
port, c = int(sys.argv[1]), ssl.create_default_context(cafile=sys.argv[2])
def connect(session=None):
    s = c.wrap_socket(socket.create_connection(("127.0.0.1", port), 30),
                      server_hostname="localhost", session=session)
    s.recv(4096)
    return s
held = [connect() for _ in range(12)] # workers that are another's
first = held[0].session
more = [connect(first) for _ in range(12)]
print("resumed", sum(s.session_reused for s in more))
begin = time.monotonic()
while connect(first).session_reused and time.monotonic() < begin + 30:
    time.sleep(0.2)
print("full after", 1 < time.monotonic() - begin < 20)
print("a new one", connect(connect().session).session_reused)
s, begin = connect(), time.monotonic()
while time.monotonic() < begin + 30: # each time with the newest one
    time.sleep(0.5)
    s = connect(s.session)
    if not s.session_reused: break
print("its heirs, full after", 3 < time.monotonic() - begin < 20)
PY
is "a ticket is good with all workers, and for its time" "$(timeout 60 python3 "$T/resume.py" "$SMTPS" "$T/ca.pem" 2>&1 | tr '\n' ' ')" "resumed 12 full after True a new one True its heirs, full after True "

# A new certificate, under a hundred sessions.
serial() { s_client -connect "127.0.0.1:$SMTPS" | openssl x509 -noout -serial; }
before=$(serial)
mkfifo "$T/go"
attack hold "$SMTP" 100 < "$T/go" > "$T/held" & hold=$!
exec 8> "$T/go"
wait_for grep -q held "$T/held"
as certs -C "$H" init --again > "$T/out" 2>&1
is_new() { s=$(serial) && [ -n "$s" ] && [ "$s" != "$before" ]; }
wait_for is_new; ok $? "a new certificate is shown"
check "a reload besides" as pneu -C "$H" reload
echo go >&8; exec 8>&-
wait $hold; is "and a hundred sessions go on" "$(tail -n 1 "$T/held")" "alive 100"

# A thousand half-open handshakes, of 200 addresses.
attack half "$SMTPS" 1000 > "$T/out"
like "a thousand half-open handshakes keep good clients out no longer than their time" "$(awk '$1 > 15 { late++ } END { print NR, late + 0 }' "$T/out")" '^5 0$'
diag "seconds: $(tr '\n' ' ' < "$T/out")"
stop_pneu; is "it stops with 0" $? 0
is "no process died" "$(journal_text | grep -c '^S[A-Z] .* signal=')" 0
done_testing
