#!/bin/sh
# SPDX-License-Identifier: ISC
# The mail programs that people have, over TLS, each of which verifies the server:
# STARTTLS and STLS, TLS from the first octet; and none believes a stranger.
. "$(dirname "$0")/lib.sh"
command -v openssl > /dev/null || skip_all "there is no openssl"
make_home
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
set -- $(free_ports 2); SMTPS=$1 POPS=$2
conf smtpd "listen = 127.0.0.1:$SMTPS tls"
conf pop3d "listen = 127.0.0.1:$POPS tls"
conf tls "certificate = own tls/server.pem tls/server.key"
as certs -C "$H" init > "$T/out" 2>&1
check "the system becomes ready" start_pneu || done_testing
HOME=$T/me; mkdir "$HOME"; cd "$HOME" || exit 99
export HOME LC_ALL=C.UTF-8
cp "$H/tls/ca.pem" good.pem
openssl req -x509 -nodes -days 30 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj "/CN=stranger" -out other.pem -keyout other.key 2> "$T/out"
body() { printf 'From: ann@example.net\nTo: bob@example.org\nSubject: from %s\n\nHello from %s.\n' "$1" "$1"; }

# send_X HOW CA: HOW is starttls or tls; the message is "X HOW".
smtp_port() { if [ "$1" = tls ]; then echo "$SMTPS"; else echo "$SMTP"; fi; }
pop_port() { if [ "$1" = tls ]; then echo "$POPS"; else echo "$POP"; fi; }
send_curl() {
	body "curl-$1" > in
	[ "$1" = tls ] && _u=smtps || _u=smtp
	curl -sS --crlf --ssl-reqd --cacert "$2" "$_u://localhost:$(smtp_port "$1")" \
	    --mail-from ann@example.net --mail-rcpt bob@example.org -T in
}
send_swaks() {
	body "swaks-$1" > in
	[ "$1" = tls ] && _o=--tls-on-connect || _o=--tls
	swaks --server "localhost:$(smtp_port "$1")" $_o --tls-verify --tls-ca-path "$2" \
	    --from ann@example.net --to bob@example.org --helo pc7.example.net --data @in
}
send_msmtp() {
	[ "$1" = tls ] && _s=off || _s=on
	body "msmtp-$1" | msmtp -C /dev/null --host=localhost --port="$(smtp_port "$1")" \
	    --from=ann@example.net --domain=pc7.example.net --tls=on --tls-starttls=$_s \
	    --tls-trust-file="$2" --auth=off bob@example.org
}
send_smtplib() {
	body "smtplib-$1" > in
	python3 - "$1" "$2" "$(smtp_port "$1")" <<'PY'
import smtplib, ssl, sys
how, ca, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
c = ssl.create_default_context(cafile=ca)
if how == "tls":
    s = smtplib.SMTP_SSL("localhost", port, timeout=60, context=c)
else:
    s = smtplib.SMTP("localhost", port, timeout=60)
    s.starttls(context=c)
s.sendmail("ann@example.net", ["bob@example.org"], open("in", "rb").read()
    .replace(b"\n", b"\r\n"))
s.quit()
PY
}
send_s_client() { # no client at all: what a person types
	{
		printf 'EHLO pc7\r\nMAIL FROM:<ann@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n'
		sleep 1
		body "s_client-$1" | sed 's/$/\r/'
		printf '.\r\nQUIT\r\n'
		sleep 1
	} | {
		[ "$1" = tls ] && _o= || _o="-starttls smtp"
		timeout 60 openssl s_client -quiet -connect "localhost:$(smtp_port "$1")" $_o \
		    -CAfile "$2" -verify_return_error -verify_hostname localhost > out 2>&1
	}
	grep '^250 .* queued as ' out || { cat out; return 1; }
}
# read_X HOW CA: the subjects of all messages, in X.got.
read_curl() {
	[ "$1" = tls ] && _u=pop3s || _u=pop3
	curl -sS --ssl-reqd --cacert "$2" "$_u://localhost:$(pop_port "$1")/" -u bob@example.org:secret > list || return
	while read -r n _; do
		curl -sS --ssl-reqd --cacert "$2" "$_u://localhost:$(pop_port "$1")/$n" -u bob@example.org:secret || return
	done < list > curl.got
}
read_poplib() {
	python3 - "$1" "$2" "$(pop_port "$1")" > poplib.got <<'PY'
import poplib, ssl, sys
how, ca, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
c = ssl.create_default_context(cafile=ca)
if how == "tls":
    p = poplib.POP3_SSL("localhost", port, timeout=60, context=c)
else:
    p = poplib.POP3("localhost", port, timeout=60)
    p.stls(context=c)
p.user("bob@example.org"); p.pass_("secret")
for i in range(1, p.stat()[0] + 1):
    print(b"\n".join(p.retr(i)[1]).decode())
p.quit()
PY
}
read_mpop() {
	[ "$1" = tls ] && _s=off || _s=on
	rm -f uidls mpop.got
	cat > mpoprc <<-END
	account default
	host localhost
	port $(pop_port "$1")
	user bob@example.org
	password secret
	tls on
	tls_starttls $_s
	tls_trust_file $HOME/$2
	auth user
	keep on
	uidls_file $HOME/uidls
	delivery mbox $HOME/mpop.got
	END
	chmod 600 mpoprc
	mpop -C mpoprc -Q
}
read_fetchmail() {
	[ "$1" = tls ] && _o="ssl" || _o="sslproto TLS1.2+"
	rm -f fetchmail.got fetch.ids
	cat > fetchmailrc <<-END
	set no bouncemail
	poll localhost service $(pop_port "$1") protocol POP3 auth password
	  user "bob@example.org" password "secret" keep fetchall no rewrite
	  $_o sslcertck sslcertfile "$HOME/$2" sslcertpath "/nonexistent"
	  mda "cat >> fetchmail.got"
	END
	chmod 600 fetchmailrc
	fetchmail -f fetchmailrc --nodetach --nosyslog --pidfile fetch.pid -i fetch.ids
}
read_s_client() {
	{
		printf 'USER bob@example.org\r\n'; sleep 1
		printf 'PASS secret\r\n'; sleep 1
		_i=0
		while [ $_i -lt "$count" ]; do _i=$((_i + 1)); printf 'RETR %d\r\n' $_i; done
		printf 'QUIT\r\n'; sleep 1
	} | {
		[ "$1" = tls ] && _o= || _o="-starttls pop3"
		timeout 60 openssl s_client -quiet -connect "localhost:$(pop_port "$1")" $_o \
		    -CAfile "$2" -verify_return_error -verify_hostname localhost > s_client.got 2>&1
	}
	grep '^+OK bye' s_client.got || { cat s_client.got; return 1; }
}

in_mailbox() { [ "$(find "$H/mail/example.org/bob/new" -type f | wc -l)" = "$1" ]; }
there() {
	case $1 in
	smtplib | poplib) return 0 ;;
	s_client) command -v openssl ;;
	*) command -v "$1" ;;
	esac > "$T/out"
}
sent= count=0
for c in curl swaks msmtp smtplib s_client; do
	for how in starttls tls; do
		there $c || { skip "$c sends, $how" "no $c"; continue; }
		check "$c sends, $how" "send_$c" $how good.pem && count=$((count + 1)) sent="$sent
Subject: from $c-$how"
		"send_$c" $how other.pem > "$T/out" 2>&1
		ok $((! $?)) "and not to whom it does not believe"
	done
done
wait_for in_mailbox $count; ok $? "all are in the mailbox, and nothing else"
is "all of them by TLS" "$(grep -l 'with ESMTPS id' "$H"/mail/example.org/bob/new/* | wc -l)" $count
sent=$(printf '%s\n' "$sent" | sed 1d | sort)
for c in curl poplib mpop fetchmail s_client; do
	for how in stls tls; do
		there $c || { skip "$c reads, $how" "no $c"; continue; }
		check "$c fetches, $how" "read_$c" $how good.pem
		is "$c has each" "$(tr -d '\r' < $c.got | grep '^Subject: ' | sort)" "$sent"
		"read_$c" $how other.pem > "$T/out" 2>&1
		ok $((! $?)) "and not from whom it does not believe"
	done
done
in_mailbox $count; ok $? "and they are still there"
cd / || exit 99
stop_pneu; is "it stops with 0" $? 0
is "no process died" "$(journal_text | grep -c '^S[A-Z] .* signal=')" 0
done_testing
