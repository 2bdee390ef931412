#!/bin/sh
# SPDX-License-Identifier: ISC
# pneu start, stop, restart of single services: remembered, in order, shown.
. "$(dirname "$0")/lib.sh"
D=$(dirname "$0")
make_home
conf pneu "drain = 2s"
add_user bob@example.org pw > "$T/out"
P() { as env SUDO_USER=ann pneu -C "$H" "$@" 2>&1; }
state() { P status | grep -E "^.. +$1 "; }
answers() { printf 'QUIT\r\n' | timeout 20 python3 "$D/talk.py" "$1" 2>&1; }
send() { printf 'EHLO me\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@example.org>\r\nBDAT 18 LAST\r\nSubject: x\r\n\r\nhi\r\nQUIT\r\n' | timeout 20 python3 "$D/talk.py" "$SMTP"; }
in_box() { [ "$(ls "$H/mail/example.org/bob/new" | wc -l)" -eq "$1" ]; }
check "the system becomes ready" start_pneu

P start > "$T/out"; is "start without a service is a wrong use" $? 100
like "and says what there is" "$(cat "$T/out")" 'which service\?.*`pneu run`'
P stop imap > "$T/out"; is "so is a service that is none" $? 100
P stop resolve > "$T/out"; is "what others need is not stopped under them" $? 100
like "and they are named" "$(cat "$T/out")" 'resolve is not stopped while queue-run runs, which needs it'
P stop journal-write > "$T/out"; is "nor is the journal" $? 100

is "pop is stopped" "$(P stop pop | tail -n 2)" "pop3-session: stopped
pop3d: stopped"
like "status shows by whom and since when" "$(state pop3d)" 'stopped by ann since 20..-..-..T'
check "and is well" as pneu -C "$H" status
answers "$POP" > "$T/out"; isnt=$?
is "nobody listens there" "$((isnt != 0))" 1
like "SMTP goes on" "$(answers "$SMTP")" '^220 '
soon "the journal has it" '^SP .*service=pop3d by=ann' journal_text

# Delivery stopped: mail is taken, and waits.
check "the framework is stopped" as pneu -C "$H" stop framework
is "in order, queue-run before what it delivers by" "$(pids_of queue-run)$(pids_of deliver-mailbox)" ""
like "mail is accepted all the same" "$(send)" '^250 2\.0\.0 queued'
is "and waits in the queue" "$(ls "$H/queue/in" | wc -l) $(in_box 0 && echo none)" "1 none"
check "a reload goes well" reload_pneu
is "and starts nothing that was stopped" "$(pids_of queue-run)$(pids_of pop3d)" ""
stop_pneu; is "the system stops" $? 0
check "and starts" start_pneu
is "without what was stopped" "$(pids_of queue-run)$(pids_of pop3d)" ""
like "as status says" "$(state queue-run)" 'stopped by .* since'
check "the framework is started" as pneu -C "$H" start framework
wait_for in_box 1; ok $? "and the mail delivered"
P start pop > "$T/out"; is "pop, too" $? 0
like "and it answers" "$(answers "$POP")" '^\+OK'
soon "the journal has it" '^SA .*service=pop3d by=ann' journal_text

# Restart: new processes, while a session goes on.
old=$(pids_of smtpd | sort | tr '\n' ' ') resolve=$(pids_of resolve)
mkfifo "$T/say"; timeout 40 python3 "$D/talk.py" "$SMTP" < "$T/say" > "$T/session" & session=$!
exec 8> "$T/say"; printf 'EHLO me\r\n' >&8
has_ehlo() { grep -q '^250 ' "$T/session"; }
wait_for has_ehlo
check "all is started anew" as pneu -C "$H" restart all
is_new() { [ "$(pids_of resolve)" != "$resolve" ] && ! P status | grep -q retires; }
printf 'NOOP\r\nQUIT\r\n' >&8; exec 8>&-
wait $session; like "a session that was there ends as its client wants" "$(cat "$T/session")" '^221 '
wait_for is_new; ok $? "then all processes are new"
is "those of the pools, too" "$(pids_of smtpd | sort | tr '\n' ' ' | grep -c "$old")" 0
like "and SMTP works" "$(send)" '^250 2\.0\.0 queued'
wait_for in_box 2; ok $? "and delivery"

# A session that does not end: --now.
rm "$T/say"; mkfifo "$T/say"; timeout 40 python3 "$D/talk.py" "$SMTP" < "$T/say" > "$T/session" & session=$!
exec 8> "$T/say"; printf 'EHLO me\r\n' >&8; wait_for has_ehlo
begin=$(date +%s)
P stop --now smtp > "$T/out"; is "stop --now ends sessions" $? 0
[ $(($(date +%s) - begin)) -lt 10 ]; ok $? "without waiting for them"
exec 8>&-; wait $session

# A port that somebody took meanwhile.
python3 -c 'import signal, socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("taken", flush=True)
signal.pause()' "$SMTP" > "$T/port" & taken=$!
wait_for test -s "$T/port"
P start smtpd > "$T/out"; is "a start whose port is taken fails" $? 100
like "with the reason" "$(cat "$T/out")" 'in use'
like "and it stays stopped" "$(state smtpd)" 'stopped by ann since'
kill $taken; wait $taken
check "free again, it starts" as pneu -C "$H" start smtp

# What lies in the file is not believed.
stop_pneu; is "the system stops" $? 0
printf 'stopped name=pop3d time=x by=eve\nnonsense\nstopped name=nobody time=x by=y\n' > "$T/services"
as cp "$T/services" "$H/services"
P start pop > "$T/out"; is "without a system a start is written down" $? 0
like "and said" "$(cat "$T/out")" 'pop3d: started; pneu does not run'
as cp "$T/services" "$H/services"
conf queue-run "autostart = no"
check "a file with lines that are none keeps nothing from starting" start_pneu
like "its good lines count" "$(state pop3d)" 'stopped by eve since x'
like "autostart = no leaves a service out" "$(state queue-run)" 'off: autostart = no'
check "until it is started" as pneu -C "$H" start queue-run
like "then it runs" "$(state queue-run)" ' ready '
reload_pneu > "$T/out"; soon "also over a reload" ' ready ' state queue-run
check "stop all leaves only what all need" as pneu -C "$H" stop all
is "the journal" "$(ps -o comm= --ppid "$PNEU" | sort -u)" "journal-write"
check "start all brings them back" as pneu -C "$H" start all
like "and all answers" "$(send)" '^250 2\.0\.0 queued'
stop_pneu; is "the system stops" $? 0
check "and starts again" start_pneu
like "autostart = no is in force again" "$(state queue-run)" 'off: autostart = no'
check "pneu stop --now stops it all" as pneu -C "$H" stop --now
PNEU=
done_testing
