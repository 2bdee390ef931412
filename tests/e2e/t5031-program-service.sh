#!/bin/sh
# SPDX-License-Identifier: ISC
# deliver-program as a service: many at once, and processes that are killed.
. "$(dirname "$0")/lib.sh"
make_home
mkdir "$T/out"; chmod 777 "$T/out"
mkfifo -m 666 "$T/together"
printf '#!/bin/sh\ntouch "$1/met.$$"; read -r _ < "$2"; exit 0\n' > "$T/meet"
printf '#!/bin/sh\necho $$ > "$1"; exec sleep 600\n' > "$T/slow"
chmod 755 "$T/meet" "$T/slow"
conf deliver-program "command = meet $T/meet $T/out $T/together"
conf deliver-program "command = slow $T/slow $T/out/slow"
printf 'Subject: x\r\n\r\nx\r\n' > "$T/m"
check "it runs" start_pneu
attempt() { _f=$1; shift; timeout "$LIMIT" python3 "$(dirname "$0")/attempt.py" "$H" "$_f" "$@" 2> "$T/err"; }
begin_slow() { # and $PROGRAM is the process that serves it
	rm -f "$T/out/slow"; attempt "$T/m" slow > "$T/answer" & client=$!
	wait_for test -s "$T/out/slow"; SLOW=$(cat "$T/out/slow")
	RUNNER=$(ps -o ppid= -p "$SLOW" | tr -d ' ') PROGRAM=$(ps -o ppid= -p "$RUNNER" | tr -d ' ')
}
gone() { ! kill -0 "$1" 2> /dev/null; }

names=meet; while [ ${#names} -lt 99 ]; do names=$names,meet; done
attempt "$T/m" "$names" --at-once > "$T/answer" & client=$!
met() { [ "$(ls "$T/out" | wc -l)" -eq 20 ]; }
wait_for met; ok $? "twenty commands run side by side"
exec 9<> "$T/together"; yes '' | head -n 20 >&9; wait $client
is "and each is answered" "$(grep -c '^ok n=1' "$T/answer")" 20

begin_slow
is "who reads the message is in a sandbox" "$(sed -n 's/^Seccomp:[^0-9]*//p' "/proc/$PROGRAM/status")" 2
is "who starts the command is not, nor is the command" "$(sed -n 's/^Seccomp:[^0-9]*//p' "/proc/$RUNNER/status" "/proc/$SLOW/status" | tr '\n' ' ')" "0 0 "
kill -KILL "$PROGRAM"; wait $client
is "is the first killed there is no answer" "$(cat "$T/answer")" '<closed>'
wait_for gone "$SLOW"; ok $? "and the command is ended"
begin_slow
kill -KILL "$RUNNER"; wait $client
like "is the second killed that is temp" "$(cat "$T/answer")" '^temp n=1 code=4.3.0 '
wait_for gone "$SLOW"; ok $? "and the command is ended"

begin_slow
check "a stop waits for a command, ten seconds" stop_pneu
wait $client
like "which is ended then, and temp" "$(cat "$T/answer")" '^temp n=1 code=4.3.0 text=slow:%20not%20done%20in%20time'
gone "$SLOW"; ok $? "and nothing is left"
done_testing
