# SPDX-License-Identifier: ISC
# transport.sh: a stand-in for a transport, beside lib.sh: transport.py.
#	start_transport deliver-smtp
# It answers as $T/smtp/answers says and has its attempts in $T/smtp/log.
TRANSPORT=
start_transport() { # start_transport SERVICE [DIR]
	stop_transport
	mkdir -p "${2:-$T/smtp}"; touch "${2:-$T/smtp}/log" "${2:-$T/smtp}/answers"; chmod -R a+rwX "${2:-$T/smtp}"
	rm -f "$T/listens"; mkfifo -m 666 "$T/listens"
	python3 "$(dirname "$0")/transport.py" "$H" "$1" "${2:-$T/smtp}" > "$T/listens" 2>> "$T/transport.err" &
	TRANSPORT=$!; exec 8< "$T/listens"
	[ "$(timeout "$LIMIT" head -n 1 <&8)" = ready ] || { diag "$(cat "$T/transport.err")"; return 1; }
}
stop_transport() { [ -z "$TRANSPORT" ] || { kill "$TRANSPORT"; wait "$TRANSPORT"; } 2> /dev/null; TRANSPORT=; }
trap '_status=$?; stop_transport; (exit $_status); _end' EXIT
send() { printf 'Subject: %s\n\nhello\n' "$1" | as queue-add -C "$H" -f "$@" | sed 's/^queued as //'; }
queue() { as "$B/queue" -C "$H" "$@"; }
lies() { [ -n "$(find "$H/queue/$1" -name "$2")" ]; }
is_gone() { ! lies . "$1"; }
