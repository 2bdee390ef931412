#!/bin/sh
# SPDX-License-Identifier: ISC
# directory: a text that was lost is not taken for an empty directory.
. "$(dirname "$0")/lib.sh"

make_home
add_user bob@example.org secret > "$T/out"
dir() { as directory -C "$H" "$@" > "$T/out" 2>&1; }
says() { cat "$T/out"; }
knows_bob() { echo 'resolve to=bob@example.org' | as resolve -C "$H" 2>&1 | cut -d' ' -f1; }
logs_in() { echo 'auth user=bob password=secret' | as auth -C "$H" 2>&1 | cut -d' ' -f1; }
for t in entries secrets; do
	f=$(echo "$H"/*/$t); cp -p "$f" "$T/$t"
	rm "$f"
	dir compile --at-start; is "without $t a start compiles nothing" "$? $(knows_bob) $(logs_in)" '111 deliver ok'
	dir compile; like "nor does an operator" "$? $(says)" "^111 directory: [a-z]*/$t is gone, or not mounted"
	dir add ann@example.org; is "and nothing is changed" "$? $(knows_bob) $(logs_in)" '111 deliver ok'
	cp -p "$T/$t" "$f"; : > "$f"
	dir check; like "a check of one that lost its records says so" "$(says)" "warning: [a-z]*/$t has no record, but its database has: bring it back"
	is "and does not say to compile it" "$(says | grep -c 'makes them anew')" 0
	dir compile; is "it is not compiled" "$? $(knows_bob) $(logs_in)" '111 deliver ok'
	dir compile --at-start; is "nor at a start" "$? $(knows_bob) $(logs_in)" '111 deliver ok'
	like "which is told" "$(says)" "^directory: [a-z]*/$t has no record, but its database has"
	dir add ann@example.org; is "and it is not edited" "$? $(knows_bob) $(logs_in)" '111 deliver ok'
	cp -p "$T/$t" "$f"
	dir check; is "brought back it is as it was" "$?" 0
done

# One that was cut short: a full disk, a copy that did not end.
for n in 1 2 3 4 5; do add_user u$n@example.org secret; done > "$T/out"
last() { echo 'resolve to=u5@example.org' | as resolve -C "$H" 2>&1 | cut -d' ' -f1
	echo 'auth user=u5 password=secret' | as auth -C "$H" 2>&1 | cut -d' ' -f1; }
for t in entries secrets; do
	f=$(echo "$H"/*/$t); cp -p "$f" "$T/$t"
	head -c -2 "$T/$t" > "$f"
	dir compile --at-start; is "a start compiles no $t that end within a line" "$?" 111
	like "which is told" "$(says)" "^directory: [a-z]*/$t ends within a line"
	dir check; like "and found by a check" "$(says)" "^[a-z]*/$t:[0-9]*: warning: the last line has no end"
	head -n 2 "$T/$t" > "$f"
	dir compile --at-start; is "nor some that lack most of their lines" "$?" 111
	like "which is told as well" "$(says)" "^directory: [a-z]*/$t has not half of the records"
	dir add ann@example.org; is "and they are not edited" "$? $(last | tr '\n' ' ')" '111 deliver ok '
	cp -p "$T/$t" "$f"
done
dir check; is "brought back they are as they were" "$?" 0
printf '# ours' >> "$H/directory/entries"; dir compile --force
is "an operator may leave a line without its end" "$? $(last | tr '\n' ' ')" '0 deliver ok '
dir compile --at-start; is "and a start has nothing to do" "$? $(says)" '0 the databases fit the texts already'
cp -p "$T/entries" "$H/directory/entries"; dir compile

# The same at a start, and one while another command is at work.
: > "$H/directory/entries"
check "the system starts over a lost text" start_pneu
is "with the databases that it had" "$(knows_bob) $(logs_in)" 'deliver ok'
stop_pneu
like "and an alarm" "$(as pneu -C "$H" journal show --code=XX 2>&1)" 'directory compile'
cp -p "$T/entries" "$H/directory/entries"
echo 'alias smtp=late@example.org to=bob@example.org' >> "$H/directory/entries"
mkfifo "$T/hold"
python3 -c 'import fcntl, sys
l = open(sys.argv[1], "r+"); fcntl.flock(l, fcntl.LOCK_EX)
print("locked", flush=True); sys.stdin.read()' "$H/directory/lock" \
	< "$T/hold" > "$T/held" 2>&1 & held=$!
exec 8> "$T/hold"
wait_for grep -q locked "$T/held"
check "the system starts while a directory command is at work" start_pneu 8>&-
exec 8>&-; wait $held
stop_pneu
like "and says what it did without" "$(cat "$T/pneu.err")" 'another directory command is at work'

# What an operator means is done.
: > "$H/directory/entries"; dir compile --force
is "an operator may empty it" "$? $(knows_bob)" '0 perm'
done_testing
