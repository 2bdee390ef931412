#!/bin/sh
# SPDX-License-Identifier: ISC
# Failed logins of SMTP and POP3 together lock out an account or an address; the
# operator sees it, and lets in again.
. "$(dirname "$0")/lib.sh"
make_home
SUB=$(free_ports 1)
conf smtpd "listen = 127.0.0.1:$SUB submission"
conf auth "hash_memory = 64K
failed_login = 1ms
cache = 0s
account_failures = 4
address_failures = 6
failures_window = 1h"
for u in bob ann sue; do add_user $u@example.org secret > "$T/out"; done
as directory -C "$H" change bob@example.org --login=BOBDOLE > "$T/out"
check "the system becomes ready" start_pneu
cat > "$T/login.py" <<'X'
import base64, socket, sys
kind, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
s = socket.create_connection(("127.0.0.1", port), 60); f = s.makefile("rb")
def say(text):
    s.sendall(text.encode() + b"\r\n")
    line = f.readline()
    while kind == "smtp" and line[3:4] == b"-": line = f.readline()
    return line
f.readline()
if kind == "pop": say("USER " + user); print(say("PASS " + password).decode()[:16].strip())
else:
    say("EHLO me")
    print(say("AUTH PLAIN " + base64.b64encode(b"\0%s\0%s" % (user.encode(), password.encode())).decode()).decode()[:9])
X
pop() { timeout 60 python3 "$T/login.py" pop "$POP" "$@"; }
smtp() { timeout 60 python3 "$T/login.py" smtp "$SUB" "$@"; }
is "failures of both services" "$(smtp bob a; pop bob b; smtp bobdole c; pop BOB d)" '535 5.7.8
-ERR [AUTH] wron
535 5.7.8
-ERR [AUTH] wron'
is "lock the account out, also for who has the password" "$(smtp bob secret; pop bob secret; smtp bob no)" '454 4.7.0
-ERR [SYS/TEMP]
454 4.7.0'
is "by every name that he logs in with" "$(smtp BobDole secret; pop bobdole secret)" '454 4.7.0
-ERR [SYS/TEMP]'
is "and no other" "$(smtp ann secret)" '235 2.7.0'
is "a name that nobody has is locked out in the same way" \
    "$(for n in 1 2 3 4 5; do smtp nobody x; done | tail -2)" '535 5.7.8
454 4.7.0'
soon "the journal says so" '^KL .* who=bob@example.org ip=127.0.0.1 service=pop3 seconds=3600' journal_text
soon "and what is refused meanwhile" '^9F .* user=bob ip=127.0.0.1 code=4.7.0' journal_text
like "status shows who" "$(as pneu -C "$H" status 2>&1)" 'locked out: account bob@example.org, 4 failed logins, until 20'
like "as JSON, too" "$(as pneu -C "$H" status --json 2>&1)" '"what":"locked-out","kind":"account","who":"nobody@example.org"'
like "that is no trouble of the system" "$(as pneu -C "$H" status 2>&1)" '^  locked out'

# The network: what auth is told of an address, as smtpd does.
cat > "$T/ask.py" <<'X'
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rb")
for line in sys.argv[2:]:
    s.sendall(line.encode() + b"\n"); print(f.readline().decode().split()[0:2][0], end=" ")
print()
X
ask() { timeout 60 python3 "$T/ask.py" "$H/run/auth" "$@"; }
from() { _ip=$1; shift; for _w; do set -- "$@" "auth user=${_w%:*} password=${_w#*:} ip=$_ip service=smtp"; shift; done; ask "$@"; }
is "who is known is not locked out by strangers" "$(from 198.51.100.7 sue:secret
    from 192.0.2.1 sue:a sue:b sue:c sue:d sue:secret
    from 198.51.100.7 sue:secret)" 'ok 
perm perm perm perm temp 
ok '
is "an address that tries many names is locked out" "$(from 192.0.2.2 a:x b:x c:x d:x e:x f:x ann:secret
    from 192.0.2.3 ann:secret)" 'perm perm perm perm perm perm temp 
ok '
is "so is a network of IPv6" "$(from 2001:db8::1 a1:x b1:x c1:x
    from 2001:db8::2 d1:x e1:x f1:x ann:secret
    from 2001:db8:0:1::1 ann:secret)" 'perm perm perm 
perm perm perm temp 
ok '
like "status shows the addresses" "$(as pneu -C "$H" status 2>&1 | tr '\n' ' ')" 'address 2001:db8::/64.*address 192.0.2.2|address 192.0.2.2.*address 2001:db8::/64'

check "the system stops" stop_pneu
check "the system becomes ready again" start_pneu
is "a restart lets nobody in" "$(smtp bob secret)" '454 4.7.0'
check "unlock lets an account in" as pneu -C "$H" unlock Bob@example.org
is "at once" "$(smtp bob secret)" '235 2.7.0'
soon "which is journalled" '^KU .* who=Bob@example.org by=[a-z]' journal_text
check "unlock lets an address in" as pneu -C "$H" unlock 192.0.2.2
check "and a network by any of its addresses" as pneu -C "$H" unlock 2001:db8::99
is "each at once" "$(from 192.0.2.2 ann:secret; from 2001:db8::5 ann:secret)" 'ok 
ok '
as pneu -C "$H" unlock carl@example.org > "$T/out" 2>&1; is "of whom nothing is counted, that is said" "$?" 100
like "in words" "$(cat "$T/out")" 'carl@example.org: no failed logins are counted'
as pneu -C "$H" unlock > "$T/out" 2>&1; is "without a name it is a usage error" "$?" 100
sed -i 's/^account_failures = 4/account_failures = 0/' "$H/pneu.conf"
check "no limit is taken up" reload_pneu
is "then no account is locked out" "$(for n in 1 2 3 4 5 6; do smtp bob x; done | sort -u; smtp nobody x)" '535 5.7.8
535 5.7.8'
done_testing
