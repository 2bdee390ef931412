#!/bin/sh
# SPDX-License-Identifier: ISC
# A message that a stage dies on goes to hold at the third death; others flow.
. "$(dirname "$0")/lib.sh"
make_home
conf queue "retry_min = 30m" # nothing is tried again but what is asked for
cat > "$T/deliver" <<'E'
#!/usr/bin/env python3
# deliver-mailbox, but it dies on what $T/poison names.
import os, sys
home, poison = os.getcwd(), os.path.join(os.path.dirname(sys.argv[0]), "poison")
out = sys.stdout
for line in sys.stdin:
    word, *rest = line.split()
    r = dict(x.split("=", 1) for x in rest)
    if word == "deliver":
        if os.path.exists(poison) and r["qid"] in open(poison).read():
            os._exit(3)
        try:
            os.link("queue/" + r["file"], "mail/%s/new/%s" % (r["path"], r["name"]))
        except FileExistsError:
            pass
        print("ok qid=%s n=%s how=link" % (r["qid"], r["n"]), file=out, flush=True)
    elif word == "sync":
        print("ok " + rest[0], file=out, flush=True)
    else:
        print("ok", file=out, flush=True)
E
chmod 755 "$T/deliver"
conf deliver-mailbox "program = $T/deliver"
add_user bob@example.org secret > "$T/out" 2>&1 || diag "$(cat "$T/out")"
send() { printf 'Subject: x\n\nhello\n' | as queue-add -C "$H" -f "$@" |
    sed 's/^queued as //'; }
queue() { as "$B/queue" -C "$H" "$@"; }
has() { [ "$(ls "$H/mail/example.org/bob/new" | wc -l)" -eq "$1" ]; }
tried() { queue show "$P" 2> /dev/null | grep -q "deaths of a stage: $1"; }

P=$(send ann@example.org bob@example.org)
echo "$P" > "$T/poison"; chmod 644 "$T/poison"
for i in 1 2 3 4 5; do send ann@example.org bob@example.org > "$T/out"; done
check "the system becomes ready with a replaced stage" start_pneu
check "the others flow past a message that the stage dies on" wait_for has 5
check "each death is written down" wait_for tried 1
check "it is tried again" queue flush "$P"
check "and the stage dies again" wait_for tried 2
check "and again" queue flush "$P"
check "at the third it goes to hold" wait_for test -f "$H/queue/hold/$P"
like "with the reason" "$(queue list --state hold)" "^$P hold .*\(deliver-mailbox died on it\)"
rm "$T/poison"
check "an operator who has mended the stage releases it" queue release "$P"
check "and it is delivered" wait_for has 6
check "it stops" stop_pneu

# A stage that says one line too many, once, has lost step: it is asked anew.
cat > "$T/resolve" <<'E'
#!/bin/sh
while read -r word to rest; do
	rm "${0%/*}/stray/it" 2> /dev/null && echo "deliver to=stray@example.org transport=mailbox nexthop=example.org/bob"
	echo "deliver $to transport=mailbox nexthop=example.org/bob"
done
E
chmod 755 "$T/resolve"; mkdir -m 777 "$T/stray"; : > "$T/stray/it"
conf resolve "program = $T/resolve"
for i in 1 2 3 4 5; do send ann@example.org "bob+$i@example.org" > "$T/out"; done
check "the system becomes ready with a replaced resolve" start_pneu
check "one answer that strays costs one attempt, not all that follow" wait_for has 10
is "and the stray was said" "$(ls "$T/stray")" ""
check "it stops again" stop_pneu
done_testing
