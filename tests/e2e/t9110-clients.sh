#!/bin/sh
# SPDX-License-Identifier: ISC
# The mail programs that people have: each of seven sends a message, each of
# six fetches all of them by POP3, and every body is what was typed.
. "$(dirname "$0")/lib.sh"
make_home
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
check "the system becomes ready" start_pneu
HOME=$T/me; mkdir "$HOME"; cd "$HOME" || exit 99
export HOME LC_ALL=C.UTF-8 TERM=xterm MAILRC=/dev/null
unset MAIL EMAIL

body() { printf 'Hello from %s.\n.\n..two dots\né has eight bits\n' "$1"; }
message() { # message NAME: header and body
	printf 'From: ann@example.net\nTo: bob@example.org\nSubject: from %s\n' "$1"
	printf 'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n'
	printf 'Content-Transfer-Encoding: 8bit\n\n'
	body "$1"
}
# LF for these clients at their input; what they make of it is their business.
send_curl() {
	message curl > curl.in
	curl -sS --crlf "smtp://127.0.0.1:$SMTP" --mail-from ann@example.net \
	    --mail-rcpt bob@example.org -T curl.in
}
send_swaks() {
	message swaks > swaks.in
	swaks --server "127.0.0.1:$SMTP" --from ann@example.net \
	    --to bob@example.org --helo pc7.example.net --data @swaks.in
}
send_msmtp() {
	message msmtp | msmtp -C /dev/null --host=127.0.0.1 --port="$SMTP" \
	    --from=ann@example.net --domain=pc7.example.net --tls=off \
	    --auth=off bob@example.org
}
send_s_nail() {
	body s-nail | s-nail -:/ -Sv15-compat -Smta="smtp://127.0.0.1:$SMTP" \
	    -Ssmtp-auth=none -Ssmtp-config=-all -Sttycharset=utf-8 \
	    -r ann@example.net -s 'from s-nail' bob@example.org
}
send_mutt() {
	cat > muttrc <<-END
	set smtp_url="smtp://127.0.0.1:$SMTP/"
	set ssl_starttls=no
	set ssl_force_tls=no
	set from=ann@example.net
	set use_from=yes
	set use_envelope_from=yes
	set copy=no
	set charset=utf-8
	END
	body mutt | mutt -F muttrc -s 'from mutt' bob@example.org
}
send_smtplib() {
	message smtplib > smtplib.in
	python3 -c '
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60)
import email, email.policy
m = email.message_from_binary_file(open("smtplib.in", "rb"),
    policy=email.policy.default)
s.send_message(m)
s.quit()' "$SMTP"
}
send_netcat() { # no client at all: what a person types, line by line
	message netcat | sed 's/^\./../; s/$/\r/' > typed
	python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
f = s.makefile("rb")
def say(octets, want):
    s.sendall(octets)
    got = f.readline().decode()
    print(got, end="")
    if not got.startswith(want):
        sys.exit("wanted " + want)
say(b"", "220 ")
say(b"HELO pc7\r\n", "250 ")
say(b"MAIL FROM:<ann@example.net>\r\n", "250 ")
say(b"RCPT TO:<bob@example.org>\r\n", "250 ")
say(b"DATA\r\n", "354 ")
for line in open("typed", "rb"):
    s.sendall(line)
say(b".\r\n", "250 2.0.0 queued as ")
say(b"QUIT\r\n", "221 ")' "$SMTP"
}

# Each leaves the messages there and writes an mbox of its own.
read_curl() { # also what LIST says, since curl has no mbox
	curl -sS "pop3://127.0.0.1:$POP/" -u bob@example.org:secret > list || return
	while read -r n _; do
		echo "From ann@example.net Thu Jan  1 00:00:00 1970"
		curl -sS "pop3://127.0.0.1:$POP/$n" -u bob@example.org:secret |
		    tr -d '\r'
		echo
	done < list > curl.mbox
}
read_poplib() {
	python3 -c '
import poplib, sys
p = poplib.POP3("127.0.0.1", int(sys.argv[1]), timeout=60)
p.user("bob@example.org"); p.pass_("secret")
for i in range(1, p.stat()[0] + 1):
    text = p.retr(i)[1]
    sys.stdout.buffer.write(b"From ann@example.net Thu Jan  1 00:00:00 1970\n"
        + b"\n".join(text) + b"\n\n")
p.quit()' "$POP" > poplib.mbox
}
read_mpop() {
	cat > mpoprc <<-END
	account default
	host 127.0.0.1
	port $POP
	user bob@example.org
	password secret
	tls off
	auth user
	keep on
	uidls_file $HOME/mpop.uidls
	delivery mbox $HOME/mpop.mbox
	END
	chmod 600 mpoprc
	mpop -C mpoprc -Q
}
read_fetchmail() {
	cat > fetchmailrc <<-END
	set no bouncemail
	poll 127.0.0.1 service $POP protocol POP3 auth password
	  user "bob@example.org" password "secret" keep fetchall no rewrite
	  sslproto "" mda "(echo 'From a Thu Jan  1 00:00:00 1970'; cat; echo) >> fetchmail.mbox"
	END
	chmod 600 fetchmailrc
	fetchmail -f fetchmailrc --nodetach --nosyslog --pidfile fetch.pid \
	    -i fetch.ids
}
read_s_nail() {
	printf 'copy * %s\nexit\n' "$HOME/s-nail.mbox" |
	    timeout "$LIMIT" s-nail -:/ -Sv15-compat -Spop3-auth=plain \
	    -Spop3-no-apop -R -f "pop3://bob%40example.org:secret@127.0.0.1:$POP"
}
read_mutt() { # mutt wants a terminal: script(1) lends one
	cat > muttpop <<-END
	set folder=$HOME
	set ssl_starttls=no
	set ssl_force_tls=no
	set pop_user="bob@example.org"
	set pop_pass="secret"
	set pop_authenticators="user"
	set pop_delete=no
	set mbox_type=mbox
	set confirmappend=no
	set confirmcreate=no
	set quit=yes
	set delete=no
	set move=no
	set wait_key=no
	set auto_tag=yes
	END
	timeout "$LIMIT" script -qec "mutt -F muttpop -f pop://127.0.0.1:$POP/ \
	    -e 'push \"<tag-pattern>~A<enter><copy-message>$HOME/mutt.mbox<enter><exit>\"'" \
	    /dev/null < /dev/null
}

# An mbox: who wrote, and whether the text is what body() gave them.
cat > bodies.py <<'END'
import email, email.policy, re, sys
raw = open(sys.argv[1], "rb").read().replace(b"\r\n", b"\n")
for part in re.split(rb"(?m)^From \S+ .*\n", raw)[1:]:
    m = email.message_from_bytes(part, policy=email.policy.default)
    name = m["Subject"].removeprefix("from ")
    text = m.get_content().rstrip("\n") + "\n"
    want = "Hello from %s.\n.\n..two dots\né has eight bits\n" % name
    print(name, "right" if text == want else "WRONG: %r" % text)
END
has() { [ "$(ls "$H/mail/example.org/bob/new" | wc -l)" -eq "$1" ]; }

sent=
for c in curl swaks msmtp s_nail mutt smtplib netcat; do
	tool=$(echo "$c" | tr _ -)
	case $c in smtplib | netcat) tool=python3 ;; esac
	command -v "$tool" > "$T/out" || { skip "$c sends" "no $tool"; continue; }
	name=$(echo "$c" | tr _ -) want=$sent
	check "$name sends" "send_$c" && sent="$want$name right
"
done
wait_for has "$(printf %s "$sent" | wc -l)"
ok $? "all are in the mailbox" || diag "$(ls "$H/mail/example.org/bob/new")"
for c in curl poplib mpop fetchmail s_nail mutt; do
	tool=$(echo "$c" | tr _ -)
	[ "$c" != poplib ] || tool=python3
	command -v "$tool" > "$T/out" || { skip "$c reads" "no $tool"; continue; }
	name=$(echo "$c" | tr _ -)
	check "$name fetches" "read_$c"
	is "$name has each, with the right body" \
	    "$(python3 bodies.py "$name.mbox" 2>&1)" "$(printf %s "$sent")"
done
has "$(printf %s "$sent" | wc -l)"; ok $? "and they are still there"

# mpop deletes what it fetched; what it saw before it does not fetch again.
if command -v mpop > "$T/out"; then
	sed -i 's/^keep on/keep off/' mpoprc
	check "mpop fetches again and deletes" mpop -C mpoprc -Q
	is "nothing came twice" "$(grep -c '^From ' mpop.mbox)" \
	    "$(printf %s "$sent" | wc -l)"
	has 0; ok $? "the mailbox is empty"
fi
cd / || exit 99
stop_pneu; is "it stops with 0" $? 0
grep -v '^pneu: \(starts\|stops\)' "$T/pneu.err" > "$T/noise"
is "and has said nothing all the while" "$(cat "$T/noise")" ""
done_testing
