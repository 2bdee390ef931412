#!/bin/sh
# SPDX-License-Identifier: ISC
# Answers that no server would send: each question ends in time, what is no code
# lists nobody, and route lives on.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
cases=$here/../cases/dns-responses.jsonl
DNS=$(free_ports 1)
mkfifo "$T/dns"
python3 "$here/hostile_dns.py" "$DNS" "$cases" > "$T/dns" 2> "$T/dns.err" &
SERVER=$!
trap 'kill $SERVER; _end' EXIT
is "the server listens" "$(timeout "$LIMIT" head -n 1 "$T/dns")" listens
make_home
conf route "resolver = 127.0.0.1@$DNS
timeout = 2s"
python3 - "$cases" "$here" > "$T/zones" <<'X'
import json, re, sys
rows = [json.loads(line)["id"] for line in open(sys.argv[1])]
own = re.findall(r'^    "([a-z-]+)": answer', open(sys.argv[2] + "/hostile_dns.py").read(), re.M)
print(*[r.lower() + ".example" for r in rows], *[r.lower() + ".asked.example" for r in rows + own], "listed.asked.example", sep="\n")
X
sed 's/^/block ip=192.0.2.7 zone=/' "$T/zones" > "$T/ask"
timeout "$LIMIT" route -C "$H" < "$T/ask" > "$T/out" 2> "$T/err"
is "route ends with 0" "$? $(cat "$T/err")" "0 "
is "each question has its answer, in order" "$(sed 's/.*zone=\([^ ]*\).*/\1/' "$T/out")" \
	"$(cat "$T/zones")"
is "only what is a code of the name that was asked lists" \
	"$(sed -n 's/^listed .*zone=\([^ ]*\).*/\1/p' "$T/out" | tr '\n' ' ')" \
	"listed.asked.example txt-long.asked.example a-many.asked.example listed.asked.example "
is "a reason is bounded" "$(grep -c 'text=.\{201\}' "$T/out")" 0
done_testing
