#!/bin/sh
# SPDX-License-Identifier: ISC
# deliver-program: what a command gets, and what each of its ends means.
. "$(dirname "$0")/lib.sh"
H=$T/home; mkdir "$H" "$T/out"; chmod 777 "$T/out"
a_command() { conf deliver-program "command = $1"; }
sh_command() { # sh_command NAME: the script on the standard input
	{ echo '#!/bin/sh'; cat; } > "$T/$1"; chmod 755 "$T/$1"; a_command "$1 $T/$1"
}
conf resolve 'domain = example.org'
sh_command keep <<END
cat > $T/out/message; env | sort > $T/out/env; pwd > $T/out/pwd; umask > $T/out/umask; nice > $T/out/nice
printf '%s\n' "\$ORIGINAL_RECIPIENT" "\$RECIPIENT" "from \$SENDER" > $T/out/to
printf '%s\n' "\$@" > $T/out/args; ls /proc/self/fd | tr '\n' ' ' > $T/out/fds
echo 'taken as 4711'; echo second line
END
conf deliver-program "command = args $T/keep one  two three"
for status in 1 64 65 66 67 68 69 70 71 75 76 77 78 99 100 111 112 126 127 255; do
	conf deliver-program "command = exit$status $T/status $status"
done
printf '#!/bin/sh\necho "because of $1" >&2\nexit $1\n' > "$T/status"; chmod 755 "$T/status"
sh_command silent <<END
exit 75
END
sh_command signal <<END
kill -SEGV \$\$
END
sh_command large <<END
printf 'begin '; head -c 1000000 /dev/zero | tr '\0' x; exit 67
END
sh_command octets <<END
printf 'a\033[31m\377b\n'; exit 65
END
sh_command unread <<END
exec < /dev/null; sleep 0.1; echo not read
END
sh_command mute <<END
exec > /dev/null 2>&1; sleep 0.1; exit 0
END
sh_command child <<END
sleep 600 & echo \$! > $T/out/child; echo gone ahead
END
sh_command slow <<END
echo on my way; sleep 600 & echo \$! > $T/out/slow; wait
END
sh_command deaf <<END
trap '' TERM; echo \$\$ > $T/out/deaf; while :; do sleep 1; done
END
conf deliver-program "command = gone $T/nothing-here"
conf deliver-program "command = script $T/script"
printf '#!/nothing/here\n' > "$T/script"; chmod 755 "$T/script"
conf deliver-program 'deadline = 2s'
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H"
as pneu -C "$H" init > "$T/init" 2>&1
printf 'Return-Path: <ann@example.net>\r\nSubject: x\r\n\r\nbare\rCR\r\nlast' > "$T/m"
q=01JDG8T0ZZ0000000000000001
python=$(dirname "$0")/attempt.py
attempt() { _f=$1; shift; python3 "$python" "$H" "$_f" "$@" 2> "$T/err"; }
ended() { ! kill -0 "$(cat "$1")" 2> /dev/null; }

# ---- what it gets
is "exit 0 is delivered, with what the command said first" "$(attempt "$T/m" keep)" \
	"ok n=1 code=2.0.0 text=taken%20as%204711
end qid=$q"
is "on fd 0 the message, with LF" "$(od -c < "$T/out/message")" \
	"$(printf 'Return-Path: <ann@example.net>\nSubject: x\n\nbare\rCR\nlast' | od -c)"
is "an environment of its own" "$(grep -v '^_=\|^PWD=\|^SHLVL=\|^OLDPWD=' "$T/out/env")" \
"NEXTHOP=keep
ORIGINAL_RECIPIENT=bob@example.org
PATH=/usr/local/bin:/usr/bin:/bin
QUEUE_ID=$q
RECIPIENT=bob@example.org
SENDER=ann@example.net"
is "no descriptor but three (and that of ls)" "$(cat "$T/out/fds")" "0 1 2 3 "
is "the root as its directory, and nobody else may read what it writes" "$(cat "$T/out/pwd" "$T/out/umask" | tr '\n' ' ')" "/ 0077 "
is "mail goes before it" "$(cat "$T/out/nice")" "$(nice -n 10 nice)"
attempt "$T/m" args > "$T/got"
is "arguments are words" "$(cat "$T/out/args")" "one
two
three"
is "several recipients are lines, and each is answered" \
	"$(attempt "$T/m" keep bob@example.org '"a b"@example.org' --from '' | grep -c '^ok'; cat "$T/out/to")" \
	'2
bob@example.org
"a b"@example.org
bob@example.org
"a b"@example.org
from '
attempt "$T/m" keep --start 32 > "$T/got"
is "the message begins where the attempt says" "$(head -n 1 "$T/out/message")" "Subject: x"
head -c 3000000 /dev/urandom | base64 | sed "s/\$/$(printf '\r')/" > "$T/big"
attempt "$T/big" keep > "$T/got"
tr -d '\r' < "$T/big" | cmp - "$T/out/message"; ok $? "4 MB arrive as they are"

# ---- what its ends mean
attempt "$T/m" exit1,exit64,exit65,exit66,exit67,exit68,exit69,exit70,exit71,exit75,exit76,exit77,exit78,exit99,exit100,exit111,exit112,exit126,exit127,exit255 > "$T/got"
while read -r status word code; do
	scope=$(case $status in 126 | 127) echo ' scope=nexthop' ;; esac)
	is "exit status $status is $word $code" "$(head -n 2 "$T/got")" \
		"$word n=1 code=$code text=exit$status:%20exit%20status%20$status:%20because%20of%20$status
end qid=$q$scope"
	sed -i 1,2d "$T/got"
done <<'END'
1 temp 4.3.0
64 perm 5.3.0
65 perm 5.6.0
66 temp 4.3.0
67 perm 5.1.1
68 perm 5.1.2
69 temp 4.3.0
70 perm 5.3.0
71 temp 4.3.0
75 temp 4.3.0
76 perm 5.5.0
77 perm 5.7.0
78 perm 5.3.5
99 temp 4.3.0
100 perm 5.3.0
111 temp 4.3.0
112 perm 5.3.0
126 temp 4.3.0
127 temp 4.3.0
255 temp 4.3.0
END
like "one that says nothing: its exit status" "$(attempt "$T/m" silent)" '^temp n=1 code=4.3.0 text=silent:%20exit%20status%2075$'
like "one that a signal ended is temp" "$(attempt "$T/m" signal)" '^temp n=1 code=4.3.0 text=signal:%20signal%2011'
got=$(attempt "$T/m" large)
like "of a long first line there is the beginning" "$got" '^perm n=1 code=5.1.1 text=large:%20exit%20status%2067:%20begin%20x{100}'
[ ${#got} -lt 400 ]; ok $? "and no more"
like "and only what may be shown" "$(attempt "$T/m" octets)" 'text=octets:%20exit%20status%2065:%20a\?\[31m\?b$'
like "one that does not read its message" "$(attempt "$T/big" unread)" '^ok n=1 code=2.0.0 text=not%20read$'
like "one that closes its output" "$(attempt "$T/m" mute)" '^ok n=1 code=2.0.0$'
like "one whose child goes on and holds the output" "$(attempt "$T/m" child)" '^ok n=1 code=2.0.0 text=gone%20ahead$'
ended "$T/out/child"; [ $? -ne 0 ]; ok $? "and is left alone"
kill "$(cat "$T/out/child")" 2> /dev/null

# ---- the deadline, and who hangs up
is "at the deadline it is ended, which is temp" "$(attempt "$T/m" slow)" \
	"temp n=1 code=4.3.0 text=slow:%20not%20done%20in%20time,%20ended:%20on%20my%20way
end qid=$q"
wait_for ended "$T/out/slow"; ok $? "with all of its process group"
like "one that ignores SIGTERM is killed" "$(attempt "$T/m" deaf)" '^temp n=1 code=4.3.0 text=deaf:%20not%20done%20in%20time,%20ended'
ended "$T/out/deaf"; ok $? "and gone"
sed -i 's/^deadline = .*/deadline = 10m/' "$H/pneu.conf"
rm "$T/out/slow"; attempt "$T/m" slow --hang-up
wait_for ended "$T/out/slow"; ok $? "when who asked hangs up the command is ended"

# ---- what cannot be run
like "a file that is not there: the next hop waits" "$(attempt "$T/m" gone)" '^temp n=1 code=4.3.0 text=gone:%20exit%20status%20127:%20.*No%20such%20file'
like "so it is said" "$(attempt "$T/m" gone)" "^end qid=$q scope=nexthop\$"
like "a script without its shell too" "$(attempt "$T/m" script)" "^end qid=$q scope=nexthop\$"
is "a name that is no command too" "$(attempt "$T/m" nosuch)" \
	"temp n=1 code=4.3.5 text=[deliver-program]%20has%20no%20command%20nosuch
end qid=$q scope=nexthop"
like "a file that is shorter than its size is temp" "$(attempt "$T/m" keep --longer 1)" '^temp n=1 code=4.3.0 text=the%20content'
for raw in 'to n=1 path=<a@b.example>\n' "attempt qid=$q\n" 'end\n' 'nonsense\n'; do
	is "a request that is none ends the connection: $raw" "$(attempt "$T/m" keep --raw "$raw")" '<closed>'
done
is "so does one without a descriptor" "$(attempt "$T/m" keep --no-fd)" '<closed>'

# ---- a person
run() { as deliver-program -C "$H" -m "$@" 2>&1; }
is "-m FILE NAME runs it here" "$(run "$T/m" keep bob@example.org)" "2.0.0 delivered taken as 4711"
is "and says how it ended" "$(run "$T/m" exit67; echo $?)" "deliver-program: exit67: exit status 67: because of 67
100"
is "temp is 111" "$(run "$T/m" exit75 > /dev/null; echo $?)" 111
is "without a file it says so" "$(run "$T/none" keep | sed 's/.*: //')" "No such file or directory"
like "requests that come without a socket are refused" "$(echo x | as deliver-program -C "$H" 2>&1; echo $?)" '^100$'

# ---- the check of the configuration
check_conf() { printf '[deliver-program]\ncommand = %s\n' "$@" > "$T/conf"; chmod 644 "$T/conf"; as pneu -C "$H" -c "$T/conf" config check 2>&1; }
like "config check: a path that is not absolute" "$(check_conf 'a bin/true')" 'conf:2: \[deliver-program\] command = a bin/true: bin/true is not an absolute path'
like "config check: a name that no directory entry can have" "$(check_conf 'a/b /bin/true')" 'a/b is not a name of 1 to 64'
like "config check: no path" "$(check_conf alone)" 'a name and a program are needed'
like "config check: nothing there" "$(check_conf 'a /nothing/here')" 'No such file'
like "config check: a name twice" "$(check_conf 'a /bin/true
command = a /bin/false')" 'conf:3: .*another command has this name'
done_testing
