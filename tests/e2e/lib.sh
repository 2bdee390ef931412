# SPDX-License-Identifier: ISC
# lib.sh: what every e2e test sources: TAP, a home, a running system.
#	. "$(dirname "$0")/lib.sh"; make_home; start_pneu
#	check "title" command...; is "title" "$got" "$want"; done_testing
# $B programs, $T scratch, $H home, $SMTP and $POP ports, $PNEU the supervisor.
# Waits are bounded by $LIMIT seconds; nothing sleeps in place of a wait.
B=$(cd "${B:-build}" && pwd) || exit 99
PATH=$B:$PATH H= PNEU= LIMIT=${LIMIT:-60} _n=0 _failed=0
T=$(mktemp -d "${TMPDIR:-/tmp}/pneu-e2e.XXXXXX") && chmod 755 "$T" || exit 99
_end() { # whatever happens: stop what we started, by its pid, and clean up
	_s=$?
	[ -z "$PNEU" ] || stop_pneu || true
	rm -rf "$T"
	exit $_s
}
trap _end EXIT
trap 'exit 98' INT TERM HUP PIPE

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }
ok() { # ok STATUS TITLE: after any command, ok $? "title"
	_n=$((_n + 1))
	[ "$1" -eq 0 ] && { echo "ok $_n - $2"; return 0; }
	echo "not ok $_n - $2"; _failed=$((_failed + 1)); return 1
}
check() { # check TITLE COMMAND...: ends with 0; else its output is shown
	_t=$1; shift
	"$@" > "$T/check" 2>&1; _s=$?
	ok $_s "$_t" || diag "$* ended with $_s: $(tail -n 20 "$T/check")"
}
is() { # is TITLE GOT WANT
	[ "$2" = "$3" ]; ok $? "$1" || diag "got:  $2
want: $3"
}
like() { # like TITLE GOT ERE: some line matches
	printf '%s\n' "$2" | grep -Eq -- "$3"; ok $? "$1" || diag "got: $2
no line like: $3"
}
skip() { _n=$((_n + 1)); echo "ok $_n - $1 # SKIP $2"; }
skip_all() { echo "1..0 # SKIP $*"; exit 0; }
done_testing() { echo "1..$_n"; [ $_failed -eq 0 ]; exit; }

# The owner of the home: nobody when we are root. AS_ROOT=1 stays root, and so
# does USERS=separate (users.sh): each program becomes who it is.
_exec_as() {
	[ "$(id -u)" -ne 0 ] || [ -n "$AS_ROOT$USERS" ] ||
	    exec setpriv --reuid nobody --regid nogroup --clear-groups "$@"
	exec "$@"
}
as() { (_exec_as "$@"); } # as COMMAND...
one_journal() { # one_journal DIR: does one fsync carry all there? lib/disk.h
	case $(stat -f -c %T "$1") in
	tmpfs) return 0 ;;
	ext2/ext3) _d=$(readlink "/sys/dev/block/$(stat -c %Hd:%Ld "$1")") && ls /proc/fs/jbd2 2> /dev/null | grep -q "^${_d##*/}-" ;;
	*) return 1 ;;
	esac
}
# Free until we listen: below what Linux gives to clients, and where no test that
# starts now looks too.
free_ports() { # free_ports N [ADDRESS]: N ports of it, all free at one moment
	python3 -c 'import os, socket, sys
n, address, at, last = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]) * 8, sys.argv[4]
if os.path.exists(last): at = int(open(last).read())
family, held = socket.AF_INET6 if ":" in address else socket.AF_INET, []
while len(held) < n:
    at += 1
    try: held.append(socket.create_server((address, 10000 + at % 22000), family=family))
    except OSError: pass
open(last, "w").write(str(at))
print(*[s.getsockname()[1] for s in held])' "$1" "${2:-127.0.0.1}" $$ "$T/last-port"
}
conf() { printf '[%s]\n%s\n' "$1" "$2" >> "$H/pneu.conf"; } # SECTION "K = V"
make_home() { # make_home [DOMAIN...]: $H with free ports; example.org
	H=$T/home; mkdir "$H"; set -- "${@:-example.org}"; _p=$(free_ports 2)
	SMTP=${_p% *} POP=${_p#* }
	conf pneu "hostname = mx.example.org"
	conf smtpd "listen = 127.0.0.1:$SMTP"; conf pop3d "listen = 127.0.0.1:$POP"
	for _d; do conf resolve "domain = $_d"; done
	if [ -n "$USERS" ]; then
		conf pneu "users = $USERS"; chown -R pneu:pneu "$H"
	elif [ "$(id -u)" -eq 0 ]; then
		chown -R nobody:nogroup "$H"
	fi
	as pneu -C "$H" init > "$T/init" 2>&1 || { diag "$(cat "$T/init")"; exit 99; }
}
add_user() { printf '%s\n' "$2" | as directory -C "$H" add "$1" --password-stdin; }
start_pneu() { # start_pneu [OPTION...]: waits for `ready`; words in $T/pneu.err
	rm -f "$T/ready"; mkfifo -m 666 "$T/ready"
	_exec_as "$B/pneu" -C "$H" run "$@" > "$T/ready" 2>> "$T/pneu.err" &
	PNEU=$!; exec 9< "$T/ready"
	[ "$(timeout "$LIMIT" head -n 1 <&9)" = ready ] ||
	    { diag "not ready: $(tail -n 30 "$T/pneu.err")"; return 1; }
}
reload_pneu() { # and until nobody works by the configuration before
	as pneu -C "$H" reload && wait_for none_retires
}
none_retires() { as pneu -C "$H" status > "$T/status" 2>&1; grep -q ': ready' "$T/status" && ! grep -q retires "$T/status"; }
stop_pneu() { _p=$PNEU PNEU=; kill -TERM "$_p" && wait "$_p"; } # its status
# The supervisor's children so named; smtpd on run/submit is the service submit.
pids_of() {
	for _pid in $(pgrep -P "$PNEU" -x "$1"); do
		tr '\0' ' ' < "/proc/$_pid/cmdline" | grep -q -- ' local ' || echo "$_pid"
	done
}
wait_for() { # wait_for COMMAND...: until it succeeds, every 20 ms, $LIMIT s
	_end_at=$(($(date +%s) + LIMIT))
	until "$@" > /dev/null 2>&1; do
		[ "$(date +%s)" -lt "$_end_at" ] || return 1
		sleep 0.02
	done
}
# A line of the journal, and what is made of it, comes a moment after what it tells.
soon() { # soon TITLE ERE COMMAND...: a line of what it says matches, within $LIMIT s
	_t=$1 _ere=$2; shift 2
	wait_for _says "$@"; like "$_t" "$("$@" 2>&1)" "$_ere"
}
_says() { "$@" 2>&1 | grep -Eq -- "$_ere"; }
journal_text() { cat "$H"/journal/*; }
