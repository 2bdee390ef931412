#!/bin/sh
# SPDX-License-Identifier: ISC
# What pneu status sees, and that it says all of it, as text and as JSON.
. "$(dirname "$0")/lib.sh"
make_home
status() { as timeout "$LIMIT" pneu -C "$H" status "$@" 2> "$T/err"; }
object() { # object WHAT KEY: of the first such object
	status --json | python3 -c 'import json, sys
print([o for o in map(json.loads, sys.stdin) if o["what"] == sys.argv[1]][0].get(sys.argv[2]))' "$@"
}

# ---- with nothing running: the journal
python3 - "$H/journal" <<'END'
import datetime, gzip, os, sys
def time(minutes):
    t = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=minutes)
    return t.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
def entry(code, minutes, rest):
    return "%s time=%s program=queue-run pid=1 %s\n" % (code, time(minutes), rest)
def write(n, *lines):
    with open("%s/%06d" % (sys.argv[1], n), "w") as f:
        f.writelines(lines)
filler = entry("7A", 30, "qid=01ARZ3NDEKTSV4RRFFQ69G5FAV") * 30000 # over 2 MiB
write(1, entry("XX", 200, "text=yesterday's"), entry("7A", 190, "x=y") * 30000)
write(2, entry("XX", 50, "text=red%1B[31m%C2%9B" + "%C3%A9" * 150), filler)
write(3, filler)
write(4, filler)
with gzip.open("%s/000001.gz" % sys.argv[1], "w") as f:
    f.write(b"an operator packed it")
END
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H/journal"
status > "$T/out"
like "an alarm of the hour is seen behind 6 MiB of later entries" "$(cat "$T/out")" '^!   alarms 1; the last, .*: red'
is "no octet of it reaches the terminal as a command" "$(LC_ALL=C tr -d '\n -~\200-\377' < "$T/out" | wc -c)" 0
is "nor one of the second set" "$(LC_ALL=C grep -c "$(printf '\302[\200-\237]')" "$T/out")" 0
like "it says how far back it looked" "$(cat "$T/out")" '^  journal: [0-9]{5,6} entries since 20[-0-9T:.]+Z; lost 0'
is "as JSON it is whole" "$(object alarms last | python3 -c 'print(len(input()))')" 160
is "and not well" "$(object alarms well)" False

for rule in local-trouble queue relay; do
	echo "9W time=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ) program=smtpd pid=1 rule=$rule text=x"
done > "$T/refused"
as sh -c 'cat >> "$1/journal/000004"' sh "$H" < "$T/refused"
is "mail that cannot be taken is trouble, by whichever rule; mail that is refused is none" \
	"$(object refusals number) $(object refusals well)" "2 False"

# ---- with nothing running: queue and disks
as touch "$H/queue/hold/01ARZ3NDEKTSV4RRFFQ69G5FAV"
like "what is held for days is forgotten by somebody" "$(status)" '^!   hold +1 +oldest .*d .*release'
as rm "$H/queue/hold/01ARZ3NDEKTSV4RRFFQ69G5FAV"
as rmdir "$H/queue/busy"; as touch "$H/queue/busy"
like "a state that cannot be read is not well" "$(status)" '^! queue busy: cannot be read: Not a directory'
is "in JSON neither" "$(status --json | grep -c '"part":"busy".*"well":false')" 1
as rm "$H/queue/busy"; as mkdir "$H/queue/busy"
cp -p "$H/pneu.conf" "$T/right"
conf storage "min_free = 1024G"
like "a full disk of the queue keeps mail out" "$(status)" '^! disk of queue .*nothing is accepted'
is "that of the mailboxes does not" "$(grep -c 'nothing is accepted' "$T/out"; status | grep -c 'nothing is accepted')" "0
1"
cat "$T/right" > "$H/pneu.conf"
rm -f "$H"/journal/*
full="a full disk is not well, whatever min_free says"
if [ "$(id -u)" = 0 ] && mkdir "$T/small" && mount -t tmpfs \
    -o size=64k,uid="$(id -u nobody)" tmpfs "$T/small" 2> /dev/null; then
	conf storage "min_free = 0"; conf mail "directory = $T/small"
	like "$full" "$(status)" '^! disk of mail .*[(]full[)]'
	umount "$T/small"; cat "$T/right" > "$H/pneu.conf"
else
	skip "$full" "needs root and tmpfs"
fi

# ---- running: the copy that runs serves while pneu.conf has errors
conf pneu "restart_min = 20ms"
cp -p "$H/pneu.conf" "$T/right"
check "the system becomes ready" start_pneu
check "all is well" status
conf smtpd "nonsense = 1"
status > "$T/out"
is "status answers while pneu.conf has errors, which is not well" "$? $(grep '^!' "$T/out")" \
	"111 ! pneu.conf has errors: no start, no reload  (see: pneu config check)"
like "it tells them" "$(cat "$T/err")" '^pneu.conf:[0-9]+: unknown setting nonsense'
like "and what it goes by" "$(cat "$T/err")" 'run/pneu.conf.1'
is "so does queue" "$(as pneu -C "$H" queue list 2> "$T/err")" "queue is empty"
soon "and journal" ' started' as pneu -C "$H" journal show --code=SB
as pneu -C "$H" config check > "$T/out" 2>&1
is "config check speaks of the file alone" $? 100
as pneu -C "$H" reload > "$T/out" 2>&1
is "and reload" $? 100
cat "$T/right" > "$H/pneu.conf"
conf pneu "hostname = a b"
like "an error that only a start finds is one" "$(status)" '^! pneu.conf has errors'
cat "$T/right" > "$H/pneu.conf"

as pneu -C "$H" stop pop3d > "$T/out"
python3 - "$H/run/pneu" > "$T/wire" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
print(s.makefile().read(), end="")
END
as pneu -C "$H" start pop3d > "$T/out"
keys() { sed -n '/^pneu pid=/p; /^service name=/p' "$1" | sed 's/=[^ ]*//g' | sort -u; }
is "PROTOCOL has what the supervisor says of itself" \
	"$(keys "$(dirname "$0")/../../doc/PROTOCOL.md")" "$(keys "$T/wire")"

# ---- running: deaths
for i in 1 2 3; do
	p=$(pids_of resolve); kill -KILL "$p"
	other() { _p=$(pids_of resolve); [ -n "$_p" ] && [ "$_p" != "$p" ]; }
	wait_for other
done
like "a service that dies again and again is not well" "$(status)" '^!   resolve .* dying .*restarts 3'
died() { status | grep -q '^!   processes that died 3; .*resolve killed by signal 9'; }
wait_for died; ok $? "and what died in the last hour is told"

# ---- a supervisor that does not answer, or not to the end
kill -STOP "$PNEU"
status > "$T/out"; s=$?
kill -CONT "$PNEU"
is "a supervisor that hangs is 111" $s 111
like "and is not called absent" "$(cat "$T/out")" "^! pneu: pid $PNEU runs, but does not answer: "
stop_pneu; is "it stops with 0" $? 0
cat > "$T/half.py" <<'END'
import fcntl, os, socket, sys
lock = open(sys.argv[1] + "/run/pneu.pid", "r+")
fcntl.lockf(lock, fcntl.LOCK_EX)
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1] + "/run/pneu")
os.chmod(sys.argv[1] + "/run/pneu", 0o666)
s.listen()
s.settimeout(20)
print("ready", flush=True)
c = s.accept()[0]
c.sendall(b"pneu pid=1 uptime-ms=1 generation=1 state=ready reloads=0 outcome=ok journal-waiting=0\n")
c.close()
sys.stdin.read() # its lock is held until then
END
mkfifo "$T/go"
python3 "$T/half.py" "$H" < "$T/go" > "$T/half" &
half=$!
exec 7> "$T/go"
wait_for grep -q ready "$T/half"
like "half an answer is none" "$(status)" '^! pneu: pid [0-9]+ runs, but does not answer: its answer broke off'
exec 7>&-
wait "$half"

# ---- a lock that no process has: there is nobody to ask, or to send a signal
cat > "$T/nobody.py" <<'END'
import fcntl, struct, sys
lock = open(sys.argv[1] + "/run/pneu.pid", "r+")
fcntl.fcntl(lock, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)) # F_OFD_SETLK
print("ready", flush=True)
sys.stdin.read() # it is held until then
END
mkfifo "$T/go2"
as env PATH="$PATH" python3 "$T/nobody.py" "$H" < "$T/go2" > "$T/nobody" &
nobody=$!
exec 7> "$T/go2"
wait_for grep -q ready "$T/nobody"
like "a lock of an open file is told" "$(status)" '^! pneu: run/pneu.pid is locked, and not by a supervisor'
as timeout "$LIMIT" pneu -C "$H" run > "$T/out" 2>&1
is "nothing is started on it" $? 100
exec 7>&-
wait "$nobody"
done_testing
