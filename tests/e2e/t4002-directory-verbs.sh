#!/bin/sh
# SPDX-License-Identifier: ISC
# directory: add, change, remove, alias, list, show, check.
. "$(dirname "$0")/lib.sh"

H=$T/home
mkdir -p "$H/directory" "$H/secrets" "$H/mail" "$H/run"
printf '[resolve]\ndomain = example.org\n[auth]\nhash_ops = 1\nhash_memory = 8K\n' > "$H/pneu.conf"
[ "$(id -u)" -ne 0 ] || chown -R nobody:nogroup "$H"
dir() { as directory -C "$H" "$@" > "$T/out" 2>&1; }
says() { cat "$T/out"; }
where() { echo "resolve to=$1" | as resolve -C "$H" 2> /dev/null; }

printf 'secret\n' | dir add bob@example.org --password-stdin \
	--userid="bob sys1" --alias=abuse
is "a user id in lower case is refused" "$?" 100
printf 'secret\n' | dir add bob@example.org --password-stdin \
	--userid="BOB SYS1" --preferred=userid --alias=abuse
ok $? "a user is added"
check "with a mailbox of three parts" test -d "$H/mail/example.org/bob/new" \
	-a -d "$H/mail/example.org/bob/cur" -a -d "$H/mail/example.org/bob/tmp"
is "secrets are for their owner alone" "$(stat -c %a "$H/secrets/secrets" "$H/secrets/secrets.cdb" | sort -u)" 600
! grep -rq argon2 "$H/directory/entries" "$H/directory/entries.cdb"
ok $? "no secret stands in the entries"
is "its alias leads to it" "$(where abuse@example.org)" \
	'deliver to=abuse@example.org transport=mailbox nexthop=example.org/bob rule=alias'
dir add BOB@example.org; is "one address is not added twice" "$?" 100
dir add bob@example.net; is "nor one of another domain" "$?" 100
like "and what to do is said" "$(says)" 'domain = example.net'
dir show Bob@Example.org
is "show says all of it" "$(says)" 'kind=entry
smtp=bob@example.org
preferred=userid
userid=BOB%20SYS1
store=mailbox
path=example.org/bob
password=yes
alias=abuse@example.org
mailbox-exists=yes'

sed 's/^entry /&room=7 /' "$H/directory/entries" > "$T/e"
{ echo '# our people'; echo; cat "$T/e"; } > "$T/f" && cp "$T/f" "$H/directory/entries"
dir change bob@example.org --store=distribution --preferred=smtp
ok $? "an entry is changed"
is "what is not known in it stays, and comments" "$(head -n 3 "$H/directory/entries")" \
	"# our people

entry room=7 smtp=bob@example.org preferred=smtp userid=BOB%20SYS1 store=distribution path=example.org/bob"
dir change bob@example.org --path=elsewhere/bob
is "a new path leaves the old mailbox, and says where" "$? $(says)" "0 bob@example.org: changed
what lies in the old mailbox mail/example.org/bob stays there"
dir change bob@example.org --path=example.org/bob; mv "$H/mail/example.org/bob" "$T/lost"
dir change bob@example.org --path=example.org/bob
is "the same path makes a mailbox that was lost, and leaves none" "$? $(says)" "0 bob@example.org: changed"
rm -rf "$H/mail/example.org/bob"; mv "$T/lost" "$H/mail/example.org/bob"
dir change bob@example.org; is "a change of nothing is a mistake" "$?" 100

dir alias add postmaster bob@example.org
dir alias add '*@example.org' bob@example.org
is "a catch-all wants to be asked for" "$?" 100
is "before it an unknown user is refused" "$(where zed@example.org | cut -d' ' -f1)" perm
dir alias add '*@example.org' bob@example.org --catch-all
is "afterwards it takes all" "$? $(where zed@example.org)" \
	'0 deliver to=zed@example.org transport=mailbox nexthop=example.org/bob rule=catch-all'
dir alias remove '*@example.org'; ok $? "it goes again"
dir alias add info bob@example.org --json
is "with --json the answer is an object" "$? $(says)" \
	'0 {"done":"info@example.org: leads to bob@example.org"}'
dir list --json
is "a list is an object a line" "$(says | python3 -c 'import json, sys
print(*[json.loads(l)["smtp"] for l in sys.stdin])')" \
	'bob@example.org abuse@example.org postmaster@example.org info@example.org'

dir alias remove info@example.org
dir check; is "check finds nothing wrong" "$?: $(says)" \
	'0: directory/entries:3: note: the key room= means nothing here, and is kept
3 addresses and 1 passwords: nothing is wrong'
cat >> "$H/directory/entries" <<'X'
entry smtp=BOB@example.org path=x
alias smtp=l1@example.org to=l2@example.org
alias smtp=l2@example.org to=l1@example.org
alias smtp=n@example.org to=far@example.net
entry smtp=far@example.net path=y
alias smtp=*@example.org to=bob@example.org catch-all=yes
nonsense here
X
dir check
is "check tells all that is wrong by file and line" "$?: $(says | sort)" \
"100: directory/entries:0: warning: the databases do not fit the texts: \`pneu directory compile\` makes them anew
directory/entries:10: warning: far@example.net: example.net is not a local domain; put \`domain = example.net\` under [resolve] in pneu.conf first
directory/entries:10: warning: far@example.net: has no mailbox: mail for it waits; \`pneu directory change ADDRESS --path=PATH\` makes it
directory/entries:11: note: *@example.org: a catch-all
directory/entries:12: error: record: bad field 1
directory/entries:3: note: the key room= means nothing here, and is kept
directory/entries:6: error: BOB@example.org: this address is there already, on directory/entries:3
directory/entries:6: warning: BOB@example.org: has no mailbox: mail for it waits; \`pneu directory change ADDRESS --path=PATH\` makes it
directory/entries:7: error: l1@example.org: leads in a circle, or over more than 10 aliases
directory/entries:8: error: l2@example.org: leads in a circle, or over more than 10 aliases
directory/entries:9: warning: n@example.org: leads to far@example.net, which is not local
directory: errors: 4, warnings: 5"
dir add ann@example.org
is "a directory with errors is not edited" "$?" 100
is "but mail goes on" "$(where bob@example.org)" 'deliver to=bob@example.org transport=mailbox nexthop=example.org/bob'

head -n 4 "$H/directory/entries" > "$T/f" && cp "$T/f" "$H/directory/entries"
dir remove bob@example.org
is "a removed user's aliases go, his mailbox stays, and that is said" "$? $(says)" \
	'0 abuse@example.org: removed, it led there
bob@example.org: removed; what lies in the mailbox mail/example.org/bob can still be fetched by POP3, and --purge deletes it'
check "it is still there" test -d "$H/mail/example.org/bob/new"
is "mail for it is refused" "$(where bob@example.org | cut -d' ' -f1)" perm
dir remove bob@example.org; is "removing it again is a mistake" "$?" 100
dir add bob@example.org
like "nobody gets the address meanwhile" "$? $(says)" '^100 .*of a removed user: `directory restore`'
dir remove bob@example.org --purge; ok $? "it is purged"
check "the mailbox is gone" test ! -e "$H/mail/example.org/bob"
is "so is its password" "$(wc -c < "$H/secrets/secrets")" 0
dir add bob@example.org
like "added again it has a mailbox" "$(says)" 'made mailbox mail/example.org/bob'
dir alias add typo bobb@example.org
is "an alias to nobody is made, but told" "$? $(says)" \
	"0 directory/entries:4: warning: typo@example.org: leads to bobb@example.org, which does not exist
typo@example.org: leads to bobb@example.org"
dir alias add next typo@example.org; dir alias remove typo@example.org
like "so is one that leads nowhere from now on" "$? $(says)" \
	'entries:4: warning: next@example.org: leads to typo@example.org, which does not exist'
dir alias remove next@example.org
dir add sub@example.org --path=example.org/bob/new
is "a mailbox in another's is refused" "$? $(says)" \
	"100 directory: sub@example.org: its path= lies in the mailbox of bob@example.org"
check "and not made" test ! -e "$H/mail/example.org/bob/new/new"
dir change bob@example.org --alias=info --store=mailbox
like "an option that is not the verb's is refused" "$? $(says | head -n 1)" \
	'^100 directory: change has no --alias'
dir list
is "a list is lines that an import takes" "$(says | head -n 1)" \
	"$(grep -m 1 ^entry "$H/directory/entries")"

# A password of nobody: by an editor here, by a cut in the midst of an add.
auth() { echo "auth user=$1 password=$2 service=pop3" | as auth -C "$H" 2> /dev/null | cut -d' ' -f1; }
printf 'old\n' | dir add pat@example.org --password-stdin
is "a password opens" "$(auth pat old)" ok
grep -v pat@ "$H/directory/entries" > "$T/f"; cp "$T/f" "$H/directory/entries"
dir compile; dir add pat@example.org
is "who has an address after another does not have his password" "$?: $(auth pat old)" '0: perm'
is "it is not kept either" "$(grep -c pat@ "$H/secrets/secrets")" 0

# What POP3's PASS cannot carry would be set and open nothing.
refused() { # refused WHAT WHY FORMAT: of the password, as printf has it
	printf "$3\n" | dir passwd pat@example.org --password-stdin
	like "a password $1 is refused" "$? $(says)" "^100 directory: the password $2"
}
refused 'with a TAB' 'has a control character' 'a\tb'
refused 'with an octet 0' 'has a control character' 'a\000b'
refused 'with a DEL' 'has a control character' 'a\177'
refused 'in Latin-1' 'is not UTF-8' 'm\374ller'
refused 'of 249 octets' 'is over 248 octets' "$(printf '%0249d' 7)"
refused 'that is empty' 'is empty' ''
printf 'a\tb\n' | dir add sam@example.org --password-stdin
is "nor is a user added with one" "$? $(where sam@example.org | cut -d' ' -f1)" '100 perm'
printf '%0248d\r\n' 7 | dir change pat@example.org --password-stdin
is "one of 248 octets is taken" "$? $(auth pat "$(printf '%0248d' 7)")" '0 ok'

# A user whose mail a command takes has neither mailbox nor password.
printf '[deliver-program]\ncommand = archive /bin/true\n' >> "$H/pneu.conf"
dir add archive@example.org --program=archive --alias=log
is "an entry may go to a program" "$? $(says)" '0 archive@example.org: goes to the program archive
log@example.org: leads to archive@example.org'
is "and so do its aliases" "$(where log@example.org)" \
	'deliver to=log@example.org transport=program nexthop=archive rule=alias'
test ! -e "$H/mail/example.org/archive"; ok $? "it has no mailbox"
printf 'a\n' | dir passwd archive@example.org --password-stdin; is "and takes no password" "$?" 100
printf 'a\n' | dir add other@example.org --program=archive --password-stdin
is "nor is it added with one" "$? $(says)" '100 directory: mail for it goes to a program: nobody logs in to that'
dir change archive@example.org --program=../x; is "nor a path" "$?" 100
dir change archive@example.org --program=other
like "its program can be changed, and one that is not there is told" "$? $(says)" \
	'^0 directory/entries:[0-9]+: warning: archive@example.org: no command other in \[deliver-program\]'
is "where its mail goes then" "$(where archive@example.org)" \
	'deliver to=archive@example.org transport=program nexthop=other'
dir remove archive@example.org
is "removed, it takes its aliases along" "$? $(says | tail -n 1) $(where log@example.org | cut -d' ' -f1)" \
	'0 archive@example.org: removed perm'

# What two lines share by an editor's slip, a command can mend.
printf 'entry smtp=%s@example.org path=example.org/twin\n' one two >> "$H/directory/entries"
dir compile
like "two of one path are not compiled" "$? $(says)" '^100 .*entries:[0-9]+: error: two@example.org: this path= is there already'
dir add three@example.org; is "nor is anything else changed" "$?" 100
dir change two@example.org --path=example.org/two
is "but that can be mended" "$? $(where two@example.org)" \
	'0 deliver to=two@example.org transport=mailbox nexthop=example.org/two'
for u in one two; do dir remove $u@example.org; dir remove $u@example.org --purge; done

# What stands in the way of one file keeps all of them from changing.
printf 'new\n' | dir passwd pat@example.org --password-stdin
sum=$(cat "$H/directory/"* "$H/secrets/"* | cksum)
mkdir "$H/directory/.entries.cdb"
dir remove pat@example.org
is "a change that cannot be whole is not made" \
	"$? $(rmdir "$H/directory/.entries.cdb"; cat "$H/directory/"* "$H/secrets/"* | cksum) $(auth pat new)" \
	"111 $sum ok"
grep -v pat@ "$H/directory/entries" > "$T/f"; cp "$T/f" "$H/directory/entries"
dir check
like "databases of other texts are told" "$(says)" \
	'^directory/entries:0: warning: the databases do not fit the texts'
dir compile; is "compile makes them anew" "$(says | tail -n 1) $(auth pat new)" \
	'1 addresses and 1 passwords compiled perm'
dir compile; is "and only then" "$(says)" 'the databases fit the texts already'

# A rename that cannot be synced: a directory that may not be opened.
printf 'new\n' | dir add kim@example.org --password-stdin
chmod 300 "$H/directory"
dir remove kim@example.org
is "a removal that is not on disk for sure is one, and that is told" \
	"$? $(chmod 700 "$H/directory"; auth kim new) $(where kim@example.org | cut -d' ' -f1)" '111 ok perm'
dir check; is "all of it is made" "$(says | grep -c "databases are not")" 0

# One that waits says so: a lock that another has.
mkfifo "$T/hold" "$T/slow"; chmod 666 "$T/slow"
python3 -c 'import fcntl, sys
l = open(sys.argv[1], "r+"); fcntl.flock(l, fcntl.LOCK_EX)
print("locked", flush=True); sys.stdin.read()' "$H/directory/lock" \
	< "$T/hold" > "$T/held" 2>&1 &
exec 8> "$T/hold"
wait_for grep -q locked "$T/held"
(exec 8>&-; dir list) & waiting=$!
wait_for grep -q 'waiting for another directory command' "$T/out"
ok $? "a command that waits for another says so"
exec 8>&-; wait $waiting; ok $? "and goes on after it"
as directory -C "$H" import < "$T/slow" > "$T/imported" 2>&1 & waiting=$!
exec 8> "$T/slow"
printf 'entry smtp=late@example.org\n' >&8
as timeout "$LIMIT" directory -C "$H" list > "$T/out" 2>&1 8>&-
is "an import that waits for its input keeps nobody waiting" "$? $(says | grep -c waiting)" '0 0'
exec 8>&-; wait $waiting; ok $? "and is made when it has all"

# At a terminal of its own.
cat > "$T/ask.py" <<'X'
import fcntl, os, pty, signal, sys, termios, time
def shows(slave): return bool(termios.tcgetattr(slave)[3] & termios.ECHO)
def until(master, prompt):
    said = b""
    while prompt not in said: said += os.read(master, 1000)
def run(*answers):
    master, slave = pty.openpty()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for i in range(3): os.dup2(slave, i)
        os.execv(sys.argv[1], sys.argv[1:])
    for prompt, answer in answers:
        until(master, prompt)
        os.write(master, answer)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    echo = shows(slave)
    os.close(master); os.close(slave)
    return status, echo
print(*run((b"New password: ", b"one\n"), (b"again: ", b"two\n")))
print(*run((b"New password: ", b"one\n"), (b"again: ", b"one\n")))
print(*run((b"New password: ", b"\x03")))
# What a shell does at ^Z and fg.
master, slave = pty.openpty()
os.setsid(); fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0); os.tcsetpgrp(slave, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    for i in range(3): os.dup2(slave, i)
    os.execv(sys.argv[1], sys.argv[1:])
until(master, b"New password: ")
os.write(master, b"\x1a")
stopped = os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
print(stopped, shows(slave))
os.kill(pid, signal.SIGCONT)
end = time.monotonic() + 30
while shows(slave) and time.monotonic() < end: time.sleep(0.01)
print(shows(slave))
os.write(master, b"one\n"); until(master, b"again: "); os.write(master, b"one\n")
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
X
asked=$(as timeout "$LIMIT" python3 "$T/ask.py" "$B/directory" -C "$H" passwd bob@example.org 2>&1)
is "at a terminal a password is asked for twice, and ^C gives the echo back" \
	"$(printf '%s\n' "$asked" | head -n 3 | tr '\n' ' ')" '100 True 0 True -2 True '
is "so does ^Z, until it goes on" "$(printf '%s\n' "$asked" | tail -n +4 | tr '\n' ' ')" 'True True False 0 '

dir add; is "a verb without its address is a usage error" "$?" 100
dir fly a@example.org; is "so is a verb that is none" "$?" 100
done_testing
