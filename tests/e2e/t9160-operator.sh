#!/bin/sh
# SPDX-License-Identifier: ISC
# An operator's day: every command's help and its wrong use, the queue's verbs
# while mail flows, status, the configuration's errors, a refusal's trace.
. "$(dirname "$0")/lib.sh"
make_home
conf queue "retry_min = 30m" # nothing is tried again but what is asked for
for u in bob away; do add_user $u@example.org secret; done > "$T/out" 2>&1
op() { as timeout "$LIMIT" pneu -C "$H" "$@" < /dev/null; }

# ---- help and wrong use, with nothing running
for v in init run stop reload status services config explain queue directory journal; do
	op $v --help > "$T/out" 2> "$T/err"; s=$?
	is "pneu $v --help is 0, on the standard output" "$s $(cat "$T/err")" "0 "
	like "and has usage, options, exit status" "$(tr '\n' ' ' < "$T/out")" \
	    '^usage: .*--home=DIR .*Exit status: 0 .*Manual: [a-z]+\(8\), beside the source: man -l \*/[a-z]+\.8 '
done
wrong() { # wrong WORDS ARGUMENT...: 100, and one line says this
	_want=$1; shift
	op "$@" > "$T/out" 2> "$T/err"; s=$?
	is "wrong: pneu $* is 100" $s 100
	like "and says what to do" "$(cat "$T/err")" "$_want"
	is "and nothing that could be taken for an answer" "$(cat "$T/out")" ""
}
printf 'resolve to=bob@example.org' | as resolve -C "$H" > "$T/out" 2> "$T/err"
is "a request without its line feed is not passed over" "$? $(cat "$T/out" "$T/err")" "111 resolve: the input ends within a line"
as pop3-session -C "$H" < /dev/null > "$T/out" 2> "$T/err"
is "pop3-session in a shell says what it wants" "$? $(grep -c -e '-m PATH' "$T/err")" "100 1"
wrong 'pneu --help' # no verb at all
wrong 'bogus is not one of the verbs' bogus
wrong '^queue: unrecognized option' queue --bogus
wrong '^pneu status: unrecognized option' status --bogus
wrong 'say list, show, hold' queue bogus
wrong 'show: say which queue id' queue show
wrong 'list takes no queue id' queue list 01ARZ3NDEKTSV4RRFFQ69G5FAV
wrong '26 letters and digits' queue show bogus
wrong 'no such message in the queue' queue show 01ARZ3NDEKTSV4RRFFQ69G5FAV
wrong 'no such message in the queue' queue hold 01ARZ3NDEKTSV4RRFFQ69G5FAV
is "which is said once" "$(grep -c 'no such message' "$T/err")" 1
wrong 'say which: queue ids, or --state, or --address' queue release
wrong 'state is one of: in out' queue list --state=nowhere
wrong 'say show, trace WHAT, verify or rotate' journal bogus
wrong 'show takes options alone' journal show bob@example.org
wrong 'trace: say one queue id, Message-ID or address' journal trace
wrong 'neither a code nor a name' journal show --code=QQ
wrong 'say 2026-11-24T03:04, or 30m' journal show --since=tomorrow
wrong 'a number from 1 to' journal trace --most=none x
wrong 'knows no message by that name' journal trace nobody@nowhere
wrong 'say add, change, remove' directory bogus
wrong 'add: wrong number of addresses' directory add
wrong 'is there already' directory add bob@example.org
wrong 'is not a local domain; put .domain = example.com. under' directory add x@example.com
wrong 'bob: not a full address like' directory show bob
wrong 'bob@@example.org: .*bad address' directory show bob@@example.org
wrong 'is not in the directory' directory show nobody@example.org
wrong 'one of: check, show' config
wrong 'smtpd: not expected' config show smtpd
wrong 'no address' explain
is "the journal says that no entry fits" "$(op journal show --ip=192.0.2.9 2>&1; echo $?)" "journal: no entry matches
0"
is "the queue, that nothing waits" "$(op queue list)" "queue is empty"
is "or nothing that was asked for" "$(op queue list --address=bob@example.org)" "no such message in the queue"
wrong 'not expected' status now
wrong 'pneu does not run here' stop
op status > "$T/out" 2> "$T/err"
is "status of what does not run is 111" $? 111
like "and says how to start it" "$(cat "$T/out")" '^! pneu does not run here \(`pneu run` starts it\)'
is "config check of a right one is 0" "$(op config check; echo $?)" "pneu.conf: OK
0"

# ---- all errors of a configuration at once, each with its place
cp -p "$H/pneu.conf" "$T/pneu.conf"
printf '[smtpd]\nmax = -1\nlissten = 127.0.0.1:1\n[queue\nx\n' >> "$H/pneu.conf"
n=$(wc -l < "$T/pneu.conf")
op config check > "$T/out" 2>&1; is "config check of a wrong one is 100" $? 100
for i in 2 3 4 5; do
	like "its line $i is named" "$(cat "$T/out")" "^pneu.conf:$((n + i)): [a-z]"
done
as timeout "$LIMIT" pneu -C "$H" run > "$T/out" 2> "$T/err" < /dev/null
is "run refuses it as well" $? 100
like "with the same words" "$(cat "$T/err")" "pneu.conf:$((n + 3)): unknown setting lissten"
cat "$T/pneu.conf" > "$H/pneu.conf"
conf smtpd 'listen = nonsense'
wrong "^pneu.conf:$(wc -l < "$H/pneu.conf"): \[smtpd\]: listen = nonsense: not an address and a port like" config check
cat "$T/pneu.conf" > "$H/pneu.conf"
conf pop3d "listen = 127.0.0.1:$SMTP"
wrong "^pneu.conf:$(wc -l < "$H/pneu.conf"): \[pop3d\]: listen = 127.0.0.1:$SMTP: \[smtpd\] listens on 127.0.0.1:$SMTP" config check
cat "$T/pneu.conf" > "$H/pneu.conf"

# ---- while the system runs
start_pneu || { ok 1 "the system becomes ready"; done_testing; }
check "status is 0 when all is well" op status
is "--json: every line of it is an object" "$(op status --json | python3 -c '
import json, sys
print(all(type(json.loads(l)) is dict for l in sys.stdin))')" True
as mv "$H/mail/example.org/away" "$H/away"
cat > "$T/send.py" <<'END'
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname="pc7.example.net", timeout=60)
for to in sys.argv[2:]:
    try:
        s.sendmail("ann@example.net", [to], "Subject: to %s\r\n\r\nhello\r\n" % to)
    except smtplib.SMTPException as e:
        print(e)
s.quit()
END
send() { python3 "$T/send.py" "$SMTP" "$@"; }
check "some mail" send away@example.org away@example.org away@example.org bob@example.org
ids() { op queue list --json "$@" | python3 -c '
import json, sys
for l in sys.stdin: print(json.loads(l)["qid"])'; }
waiting() { [ "$(ids --state "$1" | wc -l)" -eq "$2" ]; }
wait_for waiting retry1 3; ok $? "three of them wait"
ids --state retry1 > "$T/ids"; A=$(sed -n 1p "$T/ids") B2=$(sed -n 2p "$T/ids") C=$(sed -n 3p "$T/ids")
like "list says why" "$(op queue list)" "^$A retry1 .*<away@example.org>.*mailbox"
soon "status says that somebody should look" '^! .*mailbox example.org/away' op status
op status > "$T/out" 2>&1; is "and is 111" $? 111
check "the journal begins a new receiver" op journal rotate
like "status still knows the alarm of the one before" "$(op status 2>&1)" '^! .*mailbox example.org/away'
check "hold one" op queue hold "$A" --reason='for the auditor'
check "delete one" op queue delete "$B2" --yes
is "three states are told apart" "$(op queue list | awk '{ print $1, $2 }' | grep -E "^($A|$B2|$C)" | sort)" "$A hold
$C retry1"
like "show has the reason" "$(op queue show "$A")" 'for%20the%20auditor|for the auditor'
like "show --content has the message" "$(op queue show --content "$A")" '^Subject: to away@example.org'
is "show --json is an object with it" "$(op queue show --json "$A" | python3 -c '
import json, sys
o = json.loads(sys.stdin.read()); print(o["qid"], o["state"])')" "$A hold"
is "and says what the text says" "$(op queue show --json "$A" | python3 -c '
import json, sys
o = json.loads(sys.stdin.read())
print(o["envelope"], o["content"], o["links"], o["accepted"][-1], [h.split()[0] for h in o["history"]])')" \
"queue/hold/$A $(op queue show "$A" | sed -n 's/^content *\([^,]*\),.*/\1/p') 1 Z ['try', 'held']"
is "config show --json has the words of a choice" "$(op config show --json | python3 -c '
import json, sys
print([o["choices"] for o in map(json.loads, sys.stdin) if o["key"] == "sandbox"])')" "[['auto', 'required', 'off']]"
is "stats counts them" "$(op queue stats | awk '$1 == "hold" || $1 == "retry1" { print $1, $2 }')" "retry1 1
hold 1"
is "stats --json too" "$(op queue stats --json | python3 -c '
import json, sys
print(all(type(json.loads(l)) is dict for l in sys.stdin))')" True
as mv "$H/away" "$H/mail/example.org/away"
check "flush" op queue flush "$C"
has() { [ "$(ls "$H/mail/example.org/$1/new" | wc -l)" -eq "$2" ]; }
wait_for has away 1; ok $? "delivers what waited for a retry, not what is held"
check "release" op queue release "$A"
wait_for has away 2; ok $? "delivers what was held"
nothing() { [ "$(op queue list)" = "queue is empty" ]; }
wait_for nothing; ok $? "then nothing waits"
is "the deleted one is nowhere" "$(grep -rl "$B2" "$H/queue" "$H/mail" | wc -l)" 0
soon "its trace says who deleted it" 'deleted by an operator' op journal trace "$B2"

# ---- refused at SMTP: found by the client's address
send nobody@example.org x@elsewhere.test > "$T/out" 2>&1
refused() { [ "$(op journal show --ip=127.0.0.1 | grep -c 'nobody@example.org\|x@elsewhere.test')" -eq 2 ]; }
wait_for refused; ok $? "journal show --ip finds the refusals"
like "trace tells them in words" "$(op journal trace nobody@example.org)" \
    'refused to pc7.example.net \[127.0.0.1\], from <ann@example.net>, to <nobody@example.org>: 550 5.1.1 no such user'
like "relaying too" "$(op journal trace x@elsewhere.test)" '550 5.7.1 relaying denied'
like "explain says the same" "$(op explain x@elsewhere.test)" '550 5.7.1'
is "as JSON with its steps" "$(op explain --json bob@example.org nobody@example.org 2> "$T/err" | python3 -c 'import json, sys
print(*[(o["outcome"], o.get("path", o.get("code")), len(o["steps"]) > 0) for o in map(json.loads, sys.stdin)])')" \
"('ok', 'mail/example.org/bob', True) ('perm', '5.1.1', True)"
like "a login is in the journal" "$(curl -s "pop3://127.0.0.1:$POP/" -u bob@example.org:wrong
wait_for sh -c "'$B/journal' -C '$H' show --code=login-failed | grep -q bob"
op journal show --code=login-failed)" 'bob@example.org .*127.0.0.1'
logged() { op journal show --code=login | grep -q 'user=bob@example.org'; }
curl -s "pop3://127.0.0.1:$POP/" -u bob@example.org:secret > "$T/out"
wait_for logged; ok $? "one that went well as well"
conf pop3d 'listen = localhost:110'
wrong 'listen = localhost:110: not an address' reload
cat "$T/pneu.conf" > "$H/pneu.conf"
like "the old configuration stays" "$(op status)" 'configuration 1: ready'
wrong 'is run by another supervisor, pid [0-9]+ \(`pneu stop` ends it\)' run
check "verify" op journal verify
check "rotate" op journal rotate
check "stop waits until it has stopped" op stop
kill -0 "$PNEU" 2> "$T/out"
wait "$PNEU"; is "with 0" $? 0
PNEU=
is "nothing was said but that" "$(cat "$T/pneu.err")" ""
done_testing
