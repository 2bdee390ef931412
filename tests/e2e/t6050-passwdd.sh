#!/bin/sh
# SPDX-License-Identifier: ISC
# A user changes his own password, name and phone: the dialogue, who may, what is
# in force, what a taken passwdd cannot do, and that a kill leaves all whole.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
make_home
set -- $(free_ports 3); PW=$1 PWS=$2 SUB=$3
conf auth "hash_memory = 64K
scram_iterations = 4096
failed_login = 1ms
account_failures = 4"
conf pneu "restart_min = 1ms
restart_max = 5ms"
conf smtpd "listen = 127.0.0.1:$SUB submission"
for u in bob ann sue kim joe; do add_user $u@example.org "old $u"; done > "$T/out"
as certs -C "$H" init > "$T/out" 2>&1
conf tls "certificate = own tls/server.pem tls/server.key"
cp "$H/tls/ca.pem" "$T/ca.pem"; chmod 644 "$T/ca.pem"
check "the system becomes ready" start_pneu
is "nothing of it runs where nobody listens" "$(ls "$H/run" | grep -c self; pids_of passwdd; pids_of directory-self)" 0
conf passwdd "listen = 127.0.0.1:$PW
listen = 127.0.0.1:$PWS tls
clients_per_address = 0
max_errors = 20"
check "passwdd.listen is taken up" reload_pneu
say() { printf "$1" | timeout 60 python3 "$D/talk.py" "$PW" | tr -d '\r' | cut -c 1-20; }
says() { timeout 60 python3 "$D/tls_talk.py" "$PWS" "$T/ca.pem" localhost 2>&1 | tr -d '\r' | cut -c 1-20; }
pop() { timeout 60 curl -s -o "$T/out" "pop3://127.0.0.1:$POP/" -u "$1@example.org:$2"; echo $?; }
cat > "$T/scram.py" <<'X'
import base64, hashlib, hmac, socket, sys
port, user, password = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode()
s = socket.create_connection(("127.0.0.1", port), 60); f = s.makefile("rb")
e, d = base64.b64encode, base64.b64decode
def ask(b):
    if b is not None: s.sendall(b + b"\r\n")
    l = f.readline()
    while l[3:4] == b"-": l = f.readline()
    return l
ask(None); ask(b"EHLO me")
bare = b"n=" + user + b",r=abcdef"
first = d(ask(b"AUTH SCRAM-SHA-256 " + e(b"n,," + bare))[4:])
a = dict((x[:1], x[2:]) for x in first.split(b","))
final = b"c=biws,r=" + a[b"r"]
key = hmac.digest(hashlib.pbkdf2_hmac("sha256", password, d(a[b"s"]), int(a[b"i"])), b"Client Key", "sha256")
proof = hmac.digest(hashlib.sha256(key).digest(), bare + b"," + first + b"," + final, "sha256")
last = ask(e(final + b",p=" + e(bytes(x ^ y for x, y in zip(key, proof)))))
print((ask(b"") if last[:3] == b"334" else last)[:3].decode())
X
scram() { timeout 60 python3 "$T/scram.py" "$SUB" "$1@example.org" "$2"; }

is "the dialogue of poppassd" "$(say 'user bob@example.org\npass old bob\nnewpass  new b\303\266b \nquit\n')" '200 Pneu ready to ch
300 send the passwor
200 logged in; newpa
200 password changed
200 bye
<closed>'
is "the new one is in force at once, by POP3 and by SCRAM" "$(pop bob ' new böb '; scram bob ' new böb ')" '0
235'
is "and the old one is not" "$(pop bob 'old bob'; scram bob 'old bob')" '67
535'
is "one session, more changes; the new password counts for them" \
    "$(say 'USER ann\nPASS old ann\nNAME Ann \303\204rger\nphone +49 1\nnewpass two\nphone\nnewpass three\nquit\n' | sed 1,3d)" '200 name changed
200 phone changed
200 password changed
200 phone changed
200 password changed
200 bye
<closed>'
like "a name is set, a phone without text is gone" "$(as directory -C "$H" show ann@example.org --json)" '"name": *"Ann Ärger"'
is "no phone" "$(as directory -C "$H" show ann@example.org | grep -c phone)" 0
is "the last password is hers" "$(pop ann two; pop ann three)" '67
0'
is "what is no dialogue" "$(say 'newpass x\npass x\nuser\nuser bob\nnewpass x\n user bob\nquit\n' | sed 1d)" '500 log in first: us
500 say user NAME fi
500 say: user NAME
300 send the passwor
500 log in first: us
500 unknown command,
200 bye
<closed>'
hundred=$(printf '%0100d' 0); long=$hundred$hundred$hundred
is "what no password, name and phone can be" \
    "$(say "user sue\npass old sue\nnewpass\nnewpass \nnewpass a\001b\nnewpass \377\nnewpass $long\nname $long\nname a\tb\nname $long$long\nquit\n" | sed 1,3d)" \
    '500 the password is 
500 the password is 
500 unknown command,
500 unknown command,
500 the password is 
500 a name is UTF-8 
500 unknown command,
500 a line has at mo
200 bye
<closed>'
is "and nothing of that was set" "$(pop sue 'old sue'; as directory -C "$H" show sue@example.org | grep -c name)" '0
0'
printf 'user sue\r\npass old sue\r\nphone 1' | timeout 60 python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60); s.sendall(sys.stdin.buffer.read()); s.shutdown(1)
while s.recv(4096): pass' "$PW"
is "half a line is no change" "$(as directory -C "$H" show sue@example.org | grep -c phone)" 0
is "so many errors end it" "$(say "$(printf 'x\\n%.0s' 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3)" | tail -n 2)" '500 too many errors,
<closed>'
is "so many changes are enough" "$(say "user sue\npass old sue\n$(printf 'phone %s\\n' 1 2 3 4 5 6 7 8 9 0 1)quit\n" | sed -n '13,14p')" '200 phone changed
500 too many changes'
is "over TLS" "$(printf 'user sue\r\npass old sue\r\nname Sue\r\nquit\r\n' | says | tail -n 2)" '200 name changed
200 bye'

conf auth "plaintext = no"; check "auth.plaintext = no is taken up" reload_pneu
is "then plain passwords are not taken" "$(say 'user sue\npass old sue\nquit\n' | sed -n 2,3p)" '500 passwords are no
500 say user NAME fi'
is "but over TLS" "$(printf 'user sue\r\npass old sue\r\nquit\r\n' | says | tail -n 1)" '200 bye'
sed -i '$d' "$H/pneu.conf"; check "it is taken up again" reload_pneu

# Guesses: the same lockouts as of the other services.
guess() { say "user $1\npass $2\nquit\n" | sed -n 3p; }
is "a wrong password" "$(guess joe x; guess joe y)" '500 wrong name or pa
500 wrong name or pa'
is "two here and two by POP3" "$(pop joe a; pop joe b)" '67
67'
is "lock the account out for both" "$(guess joe 'old joe'; pop joe 'old joe')" '500 too many failed 
67'
soon "the journal has the failures" '^KG .* program=passwdd .* user=joe ip=127.0.0.1 code=5.7.8' journal_text
soon "and the changes" '^KP .* program=directory-self .* user=bob@example.org ip=127.0.0.1 field=password outcome=ok' journal_text
is "and no secret" "$(journal_text | grep -c 'new%20b\|old%20\|=two\|=three')" 0

# What passwdd can ask, when somebody has taken it.
cat > "$T/ask.py" <<'X'
import re, socket, sys
def ask(name, line):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1] + "/run/" + name)
    s.sendall(line.encode() + b"\n"); s.shutdown(1); return s.makefile().read().strip()
def ticket(user, password, service):
    return re.search("ticket=(\\w+)", ask("auth", f"auth user={user} password={password} service={service}"))[1]
def change(user, t, value, field="password"):
    return ask("directory-self", f"change user={user}@example.org ticket={t} field={field} value={value}")[:15]
sue, kim = ticket("sue", "old%20sue", "passwd"), ticket("kim", "old%20kim", "passwd")
pop3 = ticket("kim", "old%20kim", "pop3")
print("forged", change("kim", "0" * 80, "x"), "other", change("kim", sue, "x"), "mailbox", change("kim", pop3, "x"))
print("smtp", "ticket" in ask("auth", "auth user=kim password=old%20kim service=smtp"))
print("field", change("kim", kim, "x", "path"), "entry", change("kim", kim, "a%0Ab", "name"))
print("good", change("kim", kim, "new"), "again", change("kim", kim, "newer"))
print("auth", ask("auth", f"change user=kim@example.org ticket={kim} field=name value=x"))
X
is "a ticket is for one user, this service, and the password that he has" "$(timeout 60 python3 "$T/ask.py" "$H")" \
    'forged perm code=5.7.8 other perm code=5.7.8 mailbox perm code=5.7.8
smtp False
field  entry perm code=5.5.4
good ok again perm code=5.7.8
auth '
is "what was right is in force" "$(pop kim new)" 0

# Sessions that all know the same password: one of them sets another.
cat > "$T/race.py" <<'X'
import socket, sys, threading
def begin():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60); f = s.makefile("rb"); f.readline()
    for l in b"user sue", b"pass old sue": s.sendall(l + b"\r\n"); answer = f.readline()
    assert answer[:3] == b"200", answer
    return s, f
sessions, answers = [begin() for _ in range(4)], {}
def change(n):
    s, f = sessions[n]; s.sendall(b"newpass pw%d\r\n" % n); answers[n] = f.readline()[:3]
threads = [threading.Thread(target=change, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
won = [n for n in answers if answers[n] == b"200"]
print(len(won), sorted(answers.values()).count(b"500"), file=sys.stderr)
print("pw%d" % won[0] if won else "none")
X
won=$(timeout 120 python3 "$T/race.py" "$PW" 2> "$T/won")
is "of four changes at once one is made" "$(cat "$T/won")" "1 3"
as pneu -C "$H" unlock sue@example.org > "$T/out" 2>&1
is "and its password is in force" "$(pop sue "$won")" 0

as pneu -C "$H" config set auth.account_failures 0 > "$T/out" 2>&1; wait_for none_retires

# directory-self is killed again and again, while passwords change.
cat > "$T/kill.py" <<'X'
import os, random, signal, socket, subprocess, sys
port, pneu = int(sys.argv[1]), sys.argv[2]
may, made, kills = {"old bob"}, 0, 0
def login(password):
    s = socket.create_connection(("127.0.0.1", port), 60); f = s.makefile("rb"); f.readline()
    for l in b"user bob", b"pass " + password.encode(): s.sendall(l + b"\r\n"); a = f.readline()
    return (s, f) if a[:3] == b"200" else None
now, n = " new böb ", 0
while kills < 25:
    n += 1; new = "pw%d" % n
    s, f = login(now)
    pid = subprocess.run(["pgrep", "-P", pneu, "-x", "directory-self"], stdout=subprocess.PIPE).stdout.split()
    s.sendall(b"newpass " + new.encode() + b"\r\n")
    s.settimeout(random.choice((0.001, 0.003, 0.006, 0.01, 0.02, 0.05)))
    try: answer = s.recv(4096)
    except TimeoutError:
        answer = b""
        for p in pid:
            try: os.kill(int(p), signal.SIGKILL); kills += 1
            except ProcessLookupError: pass
    s.settimeout(60)
    if answer == b"":   # when this one is answered, what was killed is mended
        answer = f.readline(); s.sendall(b"name K\r\n"); f.readline()
    if answer[:3] == b"200": now = new; made += 1
    elif login(now) is None:
        assert login(new), "neither the old nor the new password of change %d" % n
        now = new
print(kills >= 25)
X
is "either the old password or the new one is in force" "$(LC_ALL=C.UTF-8 timeout 300 python3 "$T/kill.py" "$PW" "$PNEU" 2>&1)" True
as directory -C "$H" compile > "$T/out" 2>&1
check "and the directory is whole" as directory -C "$H" check
is "with all that it had" "$(as directory -C "$H" list --json | grep -c '"kind": *"entry"')" 6

echo nonsense >> "$H/directory/entries"
is "what the operator has to mend is not told the user" "$(say 'user ann\npass three\nname X\nquit\n' | sed -n 4p)" '500 not possible now'
soon "but him" '^XX .* program=directory-self .* what=directory' journal_text
stop_pneu; is "it stops with 0" $? 0
is "nothing else died" "$(journal_text | grep '^SD .* signal=' | grep -vc 'service=directory-self .*signal=9')" 0
sed -i '$d' "$H/directory/entries"
printf '#!/bin/sh\nexit 0\n' > "$T/yes"; chmod 755 "$T/yes"; conf auth "checkpassword = $T/yes"
[ -n "$USERS" ] || is "no daemon, and passwords that another system keeps" "$(printf 'user ann\npass any\nname Y\nnewpass x\nquit\n' | as passwdd -C "$H" | tr -d '\r' | cut -c 1-20 | sed 1,3d)" '200 name changed
500 passwords are ke
200 bye'
done_testing
