#!/bin/sh
# SPDX-License-Identifier: ISC
# A crowd of 200 addresses holds the ten workers of smtpd, half of them after
# STARTTLS, and comes back whenever it is sent away: who behaves is served within
# a second. The whole size is the bench's row `stress`.
. "$(dirname "$0")/lib.sh"
make_home
as certs -C "$H" init > "$T/certs" 2>&1
conf tls "certificate = own tls/server.pem tls/server.key"
conf smtpd "start = 10
max = 10"
add_user bob@example.org secret > "$T/added" 2>&1
check "the system becomes ready" start_pneu
said() { # what crowd.py said
	python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
print(d["served"] > 2, d["not_served"], d["held"] > 100,
      d["greeted_worst"] < 1, d["taken_worst"] < 1.5)' "$1"
}
for kind in idle command data; do
	python3 "$(dirname "$0")/crowd.py" "$SMTP" bob@example.org 200 \
		"$kind-again" 4 > "$T/$kind" 2> "$T/err"
	is "$kind: each is served at once" "$(said "$T/$kind")" \
		"True 0 True True True"
	diag "$(cat "$T/$kind" "$T/err")"
done
stop_pneu; is "it stops with 0" $? 0
done_testing
