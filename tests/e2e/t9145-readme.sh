#!/bin/sh
# SPDX-License-Identifier: ISC
# The lines of README.md, run as they stand but for the ports and the password:
# in a directory where build is the programs and run is the demo's home.
. "$(dirname "$0")/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
for tool in curl swaks; do
	command -v $tool > "$T/out" || skip_all "no $tool"
done
try=$T/try; mkdir "$try"; chmod 755 "$try"
[ "$(id -u)" -ne 0 ] || chown nobody:nogroup "$try"
ln -s "$B" "$try/build"
cd "$try" || exit 99
p=$(free_ports 2) SMTP=${p% *} POP=${p#* }

# ---- the demo, as `make run` starts it
mkfifo "$T/said"
_exec_as env B=build HOME_DIR=run SMTP_PORT="$SMTP" POP3_PORT="$POP" \
    sh "$top/pneu/demo.sh" > "$T/said" 2> "$T/pneu.err" &
PNEU=$!
exec 9< "$T/said"
timeout "$LIMIT" sed '/^ready$/q' <&9 > "$T/demo"
like "the demo becomes ready" "$(cat "$T/demo")" '^ready$'
password=$(sed -n 's/.*demo@example.org   password \(.*\)/\1/p' "$T/demo")
[ -n "$password" ]; ok $? "and tells the account with its password" || diag "$(cat "$T/demo" "$T/pneu.err")"

# ---- lines of a section, indented by four, continuations joined
lines() { # lines FILE HEADING
	awk -v h="## $2" '$0 == h { on = 1; next } /^## / { on = 0 }
	    on && /^    / { sub(/^    /, ""); print }' "$1" |
	    sed -e ':a' -e '/\\$/{N;ba' -e '}' -e 's/\\\n */ /'
}
ours() { sed "s/127\.0\.0\.1:2525/127.0.0.1:$SMTP/g; s/127\.0\.0\.1:2110/127.0.0.1:$POP/g; s/PASSWORD/$password/"; }
box=run/mail/example.org/demo
settled() { [ -z "$(ls run/queue/in)" ]; }
expect() { # what a person would look for in the answer of this line
	case $1 in
	*'curl -s smtp:'*) echo '^$' ;;
	*swaks*) echo '250 2.0.0 queued as ' ;;
	*'curl -s pop3:'*) echo '^world' ;;
	*'journal trace'*) echo 'delivered to mailbox example.org/demo' ;;
	*explain*) echo '=> mailbox mail/example.org/demo' ;;
	*'queue list'*) echo '^queue is empty' ;;
	*status*) echo 'smtpd .* ready' ;;
	*'directory add'*) echo '^ann@example.org: made mailbox' ;;
	*'ls run/mail'*) echo '^[0-9]*\.[0-9A-Z]*R1,S=' ;;
	*'build/resolve'*) echo '^deliver to=demo\+x@example.org transport=mailbox nexthop=example.org/demo' ;;
	*'build/queue-add'*) echo '^queued as ' ;;
	*'build/smtpd'*) echo '^221 ' ;;
	*'build/pop3-session'*) echo '^\+OK [0-9]+ [0-9]+' ;;
	*) echo 'a line that this test does not know: say what to look for' ;;
	esac
}
answers() { as timeout "$LIMIT" sh -c "$1" < /dev/null | grep -Eq "$(expect "$1")"; }
try_lines() {
	while read -r line; do
		case $line in '' | 'make '*) continue ;; esac
		# Its journal may still be on its way.
		case $line in *journal*) wait_for answers "$line" ;; esac
		printf 'pass word\n' | as timeout "$LIMIT" sh -c "$line" > "$T/out" 2> "$T/err"
		_s=$? what=$(printf %s "$line" | sed 's/ *#.*//' | tr '\\' ' ' | cut -c1-68)
		is "ends with 0: $what" $_s 0 || diag "$(cat "$T/out" "$T/err")"
		like "and answers right" "$(tr -d '\r' < "$T/out")" "$(expect "$line")"
		wait_for settled
	done
}
lines "$top/README.md" 'Try it' | ours > "$T/lines"
[ "$(wc -l < "$T/lines")" -ge 10 ]; ok $? "the README has lines to try" || diag "$(cat "$T/lines")"
try_lines < "$T/lines"
for target in run test; do
	grep -q "^$target:" "$top/Makefile"; ok $? "make $target is a target"
done
# What the demo prints for another terminal works too.
sed -n '/In another terminal/,/Ctrl-C/p' "$T/demo" | sed -n 's/^    //p' |
    sed -e ':a' -e '/\\$/{N;ba' -e '}' -e 's/\\\n */ /' > "$T/lines"
is "the demo prints three lines" "$(wc -l < "$T/lines")" 3
try_lines < "$T/lines"

# ---- single stages
lines "$top/README.md" 'Every stage is a filter' > "$T/all"
sed '/^\[resolve\]/,$d' "$T/all" | ours > "$T/lines"
[ "$(wc -l < "$T/lines")" -ge 4 ]; ok $? "the README has stages to try"
try_lines < "$T/lines"

# ---- the replacement, with its path and its script
sed -n '/^#!\/bin\/sh/,/^done/p' "$T/all" > "$T/my-resolve"
chmod 755 "$T/my-resolve"
sed -n '/^\[resolve\]/,/^program/p' "$T/all" | sed "s|/usr/local/bin|$T|" >> run/pneu.conf
[ "$(wc -l < "$T/my-resolve")" -le 6 ]; ok $? "the replacement is of five lines or so"
grep -o '`build/pneu -C run [a-z ]*`' "$top/README.md" | tr -d '`' > "$T/lines"
is "two commands put it in force" "$(wc -l < "$T/lines")" 2
while read -r line; do check "$line" as sh -c "$line"; done < "$T/lines"
H=$try/run
wait_for none_retires
swaks --server "127.0.0.1:$SMTP" --from you@example.net --to whoever@anywhere.test > "$T/out" 2>&1
is "now every address is taken" $? 0 || diag "$(cat "$T/out")"
mine() { grep -lq '<whoever@anywhere.test>' "$box"/new/*; }
wait_for mine; ok $? "and is demo's"
cd /
stop_pneu; is "it stops with 0" $? 0
is "nothing was said besides" "$(cat "$T/pneu.err")" \
    "pneu run: configuration 2 is in force"
done_testing
