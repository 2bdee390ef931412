#!/bin/sh
# SPDX-License-Identifier: ISC
# deliver-mailbox in a shell pipeline: links, copies, syncs, and what it refuses.
. "$(dirname "$0")/lib.sh"
H=$T/home
mkdir -p "$H/queue/in" "$H/mail" "$H/run" "$H/directory" "$H/secrets"
printf '[resolve]\ndomain = example.org\n' > "$H/pneu.conf"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H"
for u in ann bob; do as directory -C "$H" add $u@example.org > "$T/out"; done
Q=01JDE3V0Z0ABCDEFGHJKMNPQRS
N=1732419355.${Q}R1,S=9,W=9,D=0
M=$H/mail/example.org
as sh -c "umask 277; printf 'A: b\r\n\r\nx' > '$H/queue/in/$Q'"
ask() { printf '%s\n' "$@" | as deliver-mailbox -C "$H" 2> "$T/err"; }
bob="deliver qid=$Q n=1 file=in/$Q name=$N path=example.org/bob"

is "a delivery, its repetition, its sync" "$(ask "$bob" "$bob" "sync path=example.org/bob" 'sync all=1' hello)" \
	"ok qid=$Q n=1 how=link
ok qid=$Q n=1 how=found
ok path=example.org/bob
ok all=1
ok"
is "it says nothing else" "$(cat "$T/err")" ""
is "it is the queue's own file" "$(stat -c %i "$M/bob/new/$N")" "$(stat -c %i "$H/queue/in/$Q")"
mv "$M/bob/new/$N" "$M/bob/cur/$N:2,S"
is "again=1 finds what a reader moved" "$(ask "$bob again=1")" "ok qid=$Q n=1 how=found"
is "and does not bring it back" "$(ls "$M/bob/new")" ""
like "a mailbox that is not there is temp 4.2.0" \
	"$(ask "deliver qid=$Q n=1 file=in/$Q name=$N path=example.org/zoe")" "^temp qid=$Q n=1 code=4.2.0 "
ln -s ann "$M/sym"
like "a symbolic link is no mailbox" \
	"$(ask "deliver qid=$Q n=1 file=in/$Q name=$N path=example.org/sym")" "^temp .*code=4.2.0 "
like "a path upwards ends the conversation" \
	"$(ask "deliver qid=$Q n=1 file=in/$Q name=$N path=../x" hello)" '^temp code=4.3.0 '
is "with 111" "$(printf 'x\n' | as deliver-mailbox -C "$H" > /dev/null 2>&1; echo $?)" 111
ann="deliver qid=$Q n=1 file=in/$Q name=$N path=example.org/ann"
if [ "$(id -u)" -eq 0 ]; then
	chown root "$M/ann/new"; chmod 755 "$M/ann/new"
	like "a mailbox of another user is temp, never a copy" "$(ask "$ann")" '^temp .*code=4.3.0 '
	is "nothing is left in tmp" "$(ls "$M/ann/tmp" "$M/ann/new")" "$M/ann/new:

$M/ann/tmp:"
	chown nobody "$M/ann/new"
else
	skip "a mailbox of another user is temp, never a copy" "needs root"
fi

# ---- a mailbox mounted from the same file system
bound() { # the mount is that of this subshell
	mount --bind "$T/store" "$M/tom" && ask "${bob%bob}tom" &&
	    mv "$M/tom/new/$N" "$M/tom/cur/$N:2,S" && ask "${bob%bob}tom again=1"
	ls "$M/tom/new"; umount "$M/tom"
}
if unshare -m mount --bind "$T" "$T" 2> /dev/null; then
	as directory -C "$H" add tom@example.org > "$T/out"
	cp -a "$M/tom" "$T/store"
	is "mail is copied there, and again=1 finds what a reader moved" "$(bound)" \
		"ok qid=$Q n=1 how=copy
ok qid=$Q n=1 how=found"
else
	skip "mail is copied there, and again=1 finds what a reader moved" "needs root"
fi

# ---- how many calls a message costs
if command -v strace > /dev/null && as strace -o /dev/null true 2> /dev/null; then
	i=0
	while [ $i -lt 50 ]; do
		i=$((i + 1)); printf '%s\n' "deliver qid=$Q n=$i file=in/$Q name=1732419355.${Q}R$i,S=9,W=9,D=0 path=example.org/ann"
	done > "$T/fifty"
	: > "$T/strace"; chmod 666 "$T/strace"
	as strace -f -o "$T/strace" "$B/deliver-mailbox" -C "$H" < "$T/fifty" > "$T/out" 2> "$T/err"
	is "fifty deliveries are fifty links, and the one try" "$(grep -c '[^n]linkat(.*= 0' "$T/strace")" 51
	is "the mailbox is opened once" "$(grep -c 'openat2.*example.org/ann/new' "$T/strace")" 1
	is "nothing is synced that was not asked for" "$(grep -Ec '(fsync|syncfs|fdatasync)\(' "$T/strace")" 0
	: > "$T/strace"
	printf 'sync path=example.org/ann\n' | as strace -yy -e trace=fsync -o "$T/strace" "$B/deliver-mailbox" -C "$H" > "$T/out" 2>&1
	want="new cur "; ! one_journal "$M" || want="new "
	is "new/ is synced before cur/, or carries it" "$(sed -n 's/^fsync([0-9]*<.*\/\(new\|cur\)>.*/\1/p' "$T/strace" | tr '\n' ' ')" "$want"
	# a call that strace spoils is none of the filter's: without it
	cp "$H/pneu.conf" "$T/off.conf"; printf '[pneu]\nsandbox = off\n' >> "$T/off.conf"
	when=2; ! one_journal "$M" || when=1
	as strace -e trace=fsync -e inject=fsync:error=EIO:when=$when -o "$T/strace" "$B/deliver-mailbox" -C "$H" -c "$T/off.conf" > "$T/out" 2>&1 <<X
sync path=example.org/ann
X
	like "a sync that fails is temp" "$(cat "$T/out")" '^temp path=example.org/ann code=4.3.0 '
	for e in ENOSPC:4.3.1 EDQUOT:4.2.2 EPERM:4.3.0 EACCES:4.3.0; do
		as strace -e trace=linkat -e inject=linkat:error=${e%:*}:when=2+ -o "$T/strace" "$B/deliver-mailbox" -C "$H" -c "$T/off.conf" > "$T/out" 2>&1 <<X
deliver qid=$Q n=90 file=in/$Q name=1732419355.${Q}R90,S=9,W=9,D=0 path=example.org/ann
X
		like "${e%:*} is temp ${e#*:}" "$(cat "$T/out")" "^temp qid=$Q n=90 code=${e#*:} "
	done
	as strace -e trace=linkat -e inject=linkat:error=EMLINK:when=2 -o "$T/strace" "$B/deliver-mailbox" -C "$H" -c "$T/off.conf" > "$T/out" 2>&1 <<X
deliver qid=$Q n=91 file=in/$Q name=1732419355.${Q}R91,S=9,W=9,D=0 path=example.org/ann
X
	like "too many links make a copy" "$(cat "$T/out")" "^ok qid=$Q n=91 how=copy"
	cmp -s "$M/ann/new/1732419355.${Q}R91,S=9,W=9,D=0" "$H/queue/in/$Q"
	is "with the same octets" $? 0
	is "and nothing is left in tmp" "$(ls "$M/ann/tmp")" ""
	as strace -e trace=linkat -e inject=linkat:error=EXDEV:when=1 -o "$T/strace" "$B/deliver-mailbox" -C "$H" -c "$T/off.conf" < /dev/null > "$T/out" 2>&1
	like "a mount that breaks links is said at the start" "$(cat "$T/out")" 'every delivery will be a copy'
else
	skip "calls and failures" "needs strace"
fi
is "no try is left behind" "$(find "$H" -name '.try*')" ""
done_testing
