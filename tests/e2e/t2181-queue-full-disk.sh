#!/bin/sh
# SPDX-License-Identifier: ISC
# A small disk that fills up for real: parked, refused with 452, taken up again.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root, to mount a small file system"
command -v python3 > /dev/null || skip_all "no python3"
mkdir "$T/disk" && mount -t tmpfs -o size=16m,uid="$(id -u nobody)" tmpfs "$T/disk" 2> /dev/null ||
    skip_all "cannot mount a tmpfs"
trap '_left=$?; umount -l "$T/disk" 2> /dev/null; (exit $_left); _end' EXIT
make_home
as mv "$H/queue" "$H/mail" "$T/disk" || exit 99
conf queue "directory = $T/disk/queue"; conf mail "directory = $T/disk/mail"
conf storage 'min_free = 1M
high_pct = 70
low_pct = 50'
add_user bob@example.org secret > "$T/add" 2>&1 || diag "$(cat "$T/add")"
check "it runs" start_pneu
smtp() { # smtp OCTETS: its codes
	python3 - "$SMTP" "$1" <<'END'
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60)
n = int(sys.argv[2])
s.ehlo("c.test")
said = [s.mail("sue@example.net", ["SIZE=%d" % n])[0]]
if said[0] == 250:
    said += [s.rcpt("bob@example.org")[0], s.data("Subject: x\r\n\r\n" + ("y" * 62 + "\r\n") * (n // 64))[0]]
print(*said)
END
}
has() { [ "$(ls "$T/disk/mail/example.org/bob/new" | wc -l)" -eq "$1" ]; }
parked() { [ "$(ls "$T/disk/queue/busy" | wc -l)" -eq "$1" ]; }
is "mail is taken while there is room" "$(smtp 1000)" "250 250 250"
wait_for has 1; ok $? "and delivered"
as dd if=/dev/zero of="$T/disk/other" bs=1M count=12 2> "$T/dd"
begun() { journal_text | grep -q '^XX .*is%20parked'; }
took() { smtp 1000 > "$T/smtp"; begun; }
wait_for took; ok $? "somebody fills the disk over high_pct: parking begins"
is "mail is still taken" "$(smtp 100000)" "250 250 250"
wait_for parked "$(($(find "$T/disk/queue/message" -type f | wc -l)))"; ok $? "and parked"
n=$(ls "$T/disk/queue/busy" | wc -l); [ "$n" -ge 1 ]; ok $? "at least that one"
is "what SIZE says would pass min_free is refused" "$(smtp 4000000)" "452"
before=$(ls "$T/disk/mail/example.org/bob/new" | wc -l)
as rm "$T/disk/other"
all() { has $((before + n)); }
wait_for all; ok $? "below low_pct all of it is delivered, by itself"
soon "and the journal tells that parking ended" '^7N .* of=(mail|queue) used=' journal_text
wait_for parked 0; ok $? "busy is empty"
check "it stops" stop_pneu
done_testing
