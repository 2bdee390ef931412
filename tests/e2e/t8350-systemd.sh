#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: it installs
# What make install gives to systemd, in a booted systemd: this machine's own
# root below an overlay, in mounts and a network of its own. Nothing of it stays.
S=$(cd "$(dirname "$0")/../.." && pwd)
no() { echo "1..0 # SKIP not booted: $1"; exit 0; }

boot() { # from here it starts itself inside, as the only service
	mount -t tmpfs none /mnt && mkdir /mnt/up /mnt/work /mnt/root &&
	    mount -t overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work none /mnt/root || no "no overlay here"
	make -s -C "$S" B="${B:-build}" DESTDIR=/mnt/root install > /mnt/log 2>&1 || { cat /mnt/log; exit 99; }
	cp "$0" /mnt/root/srv/inside.sh && cp "$S/tests/e2e/lib.sh" /mnt/root/srv || exit 99
	cat > /mnt/root/etc/systemd/system/inside.service <<-END
		[Unit]
		Requires=basic.target dbus.service
		After=basic.target dbus.service
		[Service]
		Type=oneshot
		Environment=B=/usr/local/libexec/pneu
		ExecStart=/bin/sh -c "exec sh /srv/inside.sh inside > /srv/out"
		ExecStopPost=systemctl --no-block poweroff
	END
	# Its list of system calls lacks those of Landlock.
	timeout "${TIME:-150}" systemd-nspawn -D /mnt/root --private-network --register=no --keep-unit --console=pipe \
	    --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
	    -b systemd.unit=inside.service < /dev/null > /mnt/log 2>&1
	grep -q 'systemd .* running' /mnt/log || [ -e /mnt/root/srv/out ] || no "$(tail -n 1 /mnt/log)"
	cat /mnt/root/srv/out
	exit
}
case $1 in
inside) . /srv/lib.sh ;;
boot) boot ;;
*)
	[ "$(id -u)" -eq 0 ] || no "needs root"
	command -v systemd-nspawn > /dev/null || no "package systemd-container is missing"
	[ -x /sbin/init ] || no "package systemd-sysv is missing"
	unshare -m true 2> /dev/null || no "no mounts of its own here"
	exec unshare -m sh "$0" boot ;;
esac

H=/var/spool/pneu
ready() { pneu status | head -n 1 | grep -q ': ready'; }
is "users and groups were made at boot" "$(systemd-sysusers 2>&1)" ""
is "and directories" "$(systemd-tmpfiles --create --prefix=$H --prefix=/etc/pneu 2>&1)" ""
check "init fills them" pneu init --users=separate --domain=example.org
is "systemd-tmpfiles has nothing to say of a home" "$(systemd-tmpfiles --create --prefix=$H --prefix=/etc/pneu 2>&1)" ""
is "nor systemd-analyze of the units" "$(systemd-analyze verify pneu.service pneu.socket pneu.slice 2>&1)" ""
sed -i 's/^listen = 127.0.0.1:2525/listen = 127.0.0.1:25/' /etc/pneu/pneu.conf
check "the unit starts" systemctl enable --now pneu
wait_for ready; ok $? "and is ready" || diag "$(systemctl status pneu)"
is "in its slice" "$(systemctl show -P ControlGroup pneu)" /pneu.slice/pneu.service
soon "with its sandboxes" ' SB started .*seccomp' pneu journal show

echo pass-word | pneu directory add bob@example.org --password-stdin > "$T/out" 2>&1
is "a user is added" $? 0
printf 'Subject: one\n\ntext\n' | curl -s --crlf --mail-from ann@example.net --mail-rcpt bob@example.org -T - smtp://127.0.0.1
is "mail for him is accepted on port 25" $? 0
pop() { curl -s "pop3://127.0.0.1:2110/$1" --user bob@example.org:pass-word | grep -q "^Subject: $2"; }
wait_for pop 1 one; ok $? "and read" || diag "$(pneu journal show)"
printf 'Subject: two\n\ntext\n' | /usr/local/sbin/sendmail bob@example.org
is "sendmail is served" $? 0
wait_for pop 2 two; ok $? "and read"
like "by link: one mount" "$(pneu status)" 'delivered by link 2, by copy 0'

check "a reload" systemctl reload pneu
echo 'no = such' >> /etc/pneu/pneu.conf
systemctl reload pneu > "$T/out" 2>&1; [ $? -ne 0 ]; ok $? "that is refused says so"
sed -i '$d' /etc/pneu/pneu.conf
kill -KILL "$(systemctl show -P MainPID pneu)"
again() { [ "$(systemctl show -P NRestarts pneu)" = 1 ] && ready; }
wait_for again; ok $? "a supervisor that is killed starts anew"
check "a restart" systemctl restart pneu
wait_for ready; ok $? "ends ready"
check "pneu stop" pneu stop
down() { [ "$(systemctl is-active pneu)" = inactive ]; }
wait_for down; ok $? "is a stop for systemd, too"
check "start" systemctl start pneu
check "and stop" systemctl stop pneu
is "leaves nothing running" "$(ps -eo user:20= | grep -c '^pneu')" 0
is "nothing odd in the journal of systemd" "$(journalctl -q -o cat -u pneu | grep -Ev \
    '^(Star|Stop|Reload)|^ready$|is in force$|Deactivated succ|[Mm]ain process exited, code=killed|Killing process|with result .signal|Scheduled restart|Control process exited|pneu\.conf')" ""
restarts() { systemctl show -P NRestarts pneu; }
check "a pneu.socket of other addresses" systemctl start pneu.socket pneu
failed() { [ "$(systemctl is-active pneu)" = failed ]; }
wait_for failed; ok $? "is refused"
is "once" "$(restarts)" 0
pneu -C $H units socket > /etc/systemd/system/pneu.socket
systemctl daemon-reload
systemctl stop pneu.socket
check "with pneu.socket of its own" systemctl start pneu.socket pneu
wait_for ready; ok $? "it is ready, too" || diag "$(journalctl -q -o cat -u pneu | tail -n 20)"
done_testing
