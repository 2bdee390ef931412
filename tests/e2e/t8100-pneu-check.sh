#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: mostly other programs
# pneu check: a new home is clean; each check finds what it is for.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
make_home
P() { as env RES_OPTIONS='timeout:1 attempts:1' pneu -C "$H" check "$@" 2>&1; }
as cp "$H/pneu.conf" "$H/clean.conf"
found() { # found TITLE LINE-ERE: and the exit status is that of a finding
	got=$(P); _s=$?
	like "$1" "$got" "^$2"
	is "  with exit status 100" $_s 100
	as cp "$H/clean.conf" "$H/pneu.conf"
}
unlike() { printf '%s\n' "$2" | grep -Eq -- "$3" && _r=1 || _r=0; ok $_r "$1" || diag "got: $2"; }

got=$(P); s=$?
is "a new home is clean" $s 0
like "and says so" "$got" '^12 checks: OK$'
unlike "without a finding" "$got" '^(error|risk|unknown)'
got=$(P --json)
like "in JSON, too" "$got" '^\{"check":"verdict","checks":12,"errors":0,"risks":0,"notes":[0-9]+,"unknown":0\}$'

conf relay "allow = all"
found "an open relay" 'risk +config +pneu.conf:[0-9]+: warning: \[relay\] allow = all: this is an open relay'
as cp "$H/pneu.conf" "$H/pneu.conf.was"; conf smtpd "max = none"
got=$(P); is "an error in pneu.conf ends it" $? 100
like "with its line" "$got" '^pneu.conf:[0-9]+: '
as cp "$H/clean.conf" "$H/pneu.conf"
as chmod 755 "$H/secrets"
found "an owner or a mode" 'risk +config +warning: secrets has uid .*chmod'
as chmod 700 "$H/secrets"

conf relay "allow = list"
as sh -c "printf '# ours\n192.0.2.0/24\n0.0.0.0/0\n' > '$H/lists/accept'"
found "half of the world in lists/accept" 'error +relay +lists/accept:3: 0.0.0.0/0: '
conf relay "allow = list"
as sh -c "printf '2001:db8::/32\n10.0.0.0/8\n' > '$H/lists/accept'"
unlike "but not one's own networks" "$(P)" '^error +relay'
as cp "$H/clean.conf" "$H/pneu.conf"; rm -f "$H/lists/accept"

conf auth "mode = local+relay"
found "that strangers cannot deliver" "error +strangers +\[auth\] mode = local\+relay: at 127.0.0.1:$SMTP NO OTHER SYSTEM CAN"

python3 -c 'import socket, sys, signal
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("there", flush=True); signal.pause()' "$SMTP" > "$T/there" 2>&1 &
other=$!
wait_for grep -q there "$T/there" || diag "$(cat "$T/there")"
found "who has our port" "error +ports +(python3, pid [0-9]+|a program of uid [0-9]+ \(root sees which\)) has 127.0.0.1:$SMTP, which \[smtpd\] listen says"
kill "$other"; wait "$other" 2> /dev/null

as sed -i "s/^hostname = .*/hostname = localhost/" "$H/pneu.conf"
found "a name that is none" 'error +name +pneu.conf:[0-9]+: \[pneu\] hostname: this system calls itself localhost'
as sed -i "s/127.0.0.1:$SMTP/127.0.0.77:$SMTP/; s/^hostname = .*/hostname = nobody.invalid/" "$H/pneu.conf"
found "a name without an address" 'risk +dns +pneu.conf:[0-9]+: \[pneu\] hostname: nobody.invalid has no address'
as sed -i "s/127.0.0.1:$SMTP/192.0.2.77:$SMTP/; s/^hostname = .*/hostname = nobody.invalid/" "$H/pneu.conf"
like "an address that is not ours is an error of the file" "$(P)" '^error +config +pneu.conf:[0-9]+: .*no interface'
as sed -i "s/192.0.2.77:$SMTP/127.0.0.77:$SMTP/" "$H/pneu.conf"
like "an address without a name" "$(P)" "^risk +addresses +\[smtpd\] listen = 127.0.0.77:$SMTP: neither"
as cp "$H/clean.conf" "$H/pneu.conf"

as pneu -C "$H" certs init > "$T/out" 2>&1
as chmod 644 "$H/tls/server.key"
conf tls "certificate = own tls/server.pem tls/server.key"
found "a key that all can read" 'error +certificates +own: tls/server.key: everybody'
as chmod 600 "$H/tls/server.key"

add_user bob@example.org pw > "$T/out" 2>&1
as directory -C "$H" alias add x@example.org y@example.org > "$T/out" 2>&1
found "an alias to nobody" 'risk +directory +directory/entries:[0-9]+: x@example.org: leads to y@example.org'
as directory -C "$H" alias remove x@example.org > "$T/out" 2>&1
conf resolve "domain = example.net"
found "a domain without a postmaster" 'risk +directory .*example.net has no postmaster'
as directory -C "$H" alias add '*@example.org' bob@example.org --catch-all > "$T/out" 2>&1
found "a catch-all" 'risk +catch-all +\*@example.org takes mail'
as directory -C "$H" alias remove '*@example.org' > "$T/out" 2>&1

conf storage "min_free = 1000G"
found "no room" 'risk +storage +queue, .*below \[storage\] min_free'

# ---- mailboxes that nobody reads ----
box=$H/mail/example.org/bob
as touch "$box/new/1700000000.01ARZ3NDEKTSV4RRFFQ69G5FAVR1,S=2,W=2"
unlike "old mail alone is no finding: somebody was there" "$(P)" '^risk'
as touch -d '40 days ago' "$box" "$box/cur"
found "mail that waits, and nobody comes" 'risk +uncollected +mail/example.org/bob: nobody has read it for 40 days'
as touch "$box/cur"
unlike "a Maildir reader has been there" "$(P)" '^risk'
as touch -d '40 days ago' "$box" "$box/cur"
printf 'STAT\r\nQUIT\r\n' | as pop3-session -C "$H" -m example.org/bob > "$T/out" 2>&1
like "a POP3 session" "$(cat "$T/out")" '^\+OK 1 '
unlike "leaves its time" "$(P)" '^risk'
[ -e "$box/login" ]; is "and nothing else" $? 1
done_testing
