#!/bin/sh
# SPDX-License-Identifier: ISC
# The process of a pool that forks its workers: what its death means, and theirs.
. "$(dirname "$0")/lib.sh"
make_home
conf pneu "restart_min = 20ms
restart_max = 200ms"
conf smtpd "start = 2
min_idle = 1
add = 1
max = 6"
check "the system becomes ready" start_pneu
TALK="python3 $(dirname "$0")/talk.py"
leader() { pids_of smtpd | sort -n | head -n 1; }
greets() { timeout "$LIMIT" $TALK "$SMTP" < /dev/null | grep -q '^220 '; }
died() { [ "$(grep -c 'smtpd (pid .*was killed by' "$T/pneu.err")" -ge "$1" ]; }
is "two workers and their leader" "$(pids_of smtpd | wc -l)" 3
parents() { for p in $(pids_of smtpd); do awk '/^PPid/ { print $2 }' "/proc/$p/status"; done | sort -u; }
is "all are the supervisor's" "$(parents)" "$PNEU"

# ---- the leader dies: sessions go on, and there will be new workers
mkfifo "$T/say"
$TALK "$SMTP" 2 < "$T/say" > "$T/heard" 2>&1 &
exec 7> "$T/say"
greeted() { [ "$(grep -c '^220 ' "$T/heard")" -eq 2 ]; }
wait_for greeted; ok $? "two sessions"
first=$(leader)
second=$(pids_of smtpd | grep -vx "$first" | head -n 1)
as kill -KILL "$first"
wait_for died 1; ok $? "the leader's death is told"
mkfifo "$T/more"
$TALK "$SMTP" 3 < "$T/more" > "$T/new" 2>&1 &
exec 6> "$T/more"
served() { [ "$(grep -c '^220 ' "$T/new")" -eq 3 ]; }
wait_for served; ok $? "another forks: who comes now is served"
echo "NOOP" >&7
heard() { [ "$(grep -c '^250 ' "$T/heard")" -eq 2 ]; }
wait_for heard; ok $? "and the sessions of before go on"

# ---- a worker is killed: its leader goes, as its memory is known to somebody
before=$(pids_of smtpd)
as kill -SEGV "$second"
wait_for died 2; ok $? "a worker's death by a signal is told"
gone() { for p in $before; do kill -0 "$p" 2> /dev/null || echo "$p"; done | wc -l; }
two() { [ "$(gone)" -eq 2 ]; }
wait_for two; ok $? "and the leader ends with it, nobody else"
exec 7>&- 6>&-
wait_for greets; ok $? "who comes then is served"
like "both deaths are in the journal" "$(grep -ha '^SD ' "$H"/journal/* | tr '\n' ' ')" 'signal=9.*signal=(11|6)'

# ---- a reload: a leader of the new configuration, none of the old
check "a setting is changed, in force at once" as pneu -C "$H" config set smtpd.max 5
alone() { [ "$(pids_of smtpd | wc -l)" -eq 3 ]; }
wait_for alone; ok $? "one leader and its two workers are left"
status() { as pneu -C "$H" status 2>&1 | grep '^. *smtpd '; }
like "status shows who leads, and that nobody waits" "$(status)" " refused 0 leader $(leader)\$"

# ---- a client that waits for a worker, while nobody is silent
check "who is silent for seconds is not hurried" as pneu -C "$H" config set pneu.patience 3s
cat > "$T/crowd.py" <<'X'
import socket, sys, time
def begin():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60); s.recv(4096); return s
busy = [begin() for _ in range(5)]
late = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
while True:
    for s in busy: s.sendall(b"NOOP\r\n"); s.recv(4096)
    time.sleep(0.1)
X
python3 "$T/crowd.py" "$SMTP" 2> "$T/crowd" & crowd=$!
waits() { status | grep -q '^!.* busy 5 .* waiting 1 '; }
wait_for waits; ok $? "status shows how many clients wait"
kill "$crowd"; wait "$crowd" 2> /dev/null
nobody_waits() { status | grep -q '^  .* refused 0 leader'; }
wait_for nobody_waits; ok $? "and then nobody does"

# ---- a signal that is for workers, sent to all of the name: nobody inherits it
all=$(pids_of smtpd)
as kill -TERM $all
none() { for p in $all; do kill -0 "$p" 2> /dev/null && return 1; done; true; }
wait_for none; ok $? "a leader that gets SIGTERM ends, as do its workers"
wait_for greets; ok $? "and others serve"
wait_for alone; ok $? "as many as before"
all=$(pids_of smtpd)
as kill -HUP $all
wait_for none; ok $? "SIGHUP: the same"
wait_for greets; ok $? "and others serve"
stop_pneu; is "it stops with 0" $? 0
done_testing
