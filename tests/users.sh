#!/bin/sh
# SPDX-License-Identifier: ISC
# users.sh COMMAND...: where Pneu's users exist. In mounts of its own, where
# /etc, /opt and /var/spool are copies or empty, it installs the build B below
# /opt/pneu, makes the users and groups, and runs the command with B the
# installed programs and USERS=separate. Nothing of that is seen outside, or
# stays. Ends with 77 where that cannot be done; it says why.
S=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "$USERS_APART" ]; then
	[ "$(id -u)" -eq 0 ] || { echo "needs root: users are made"; exit 77; }
	unshare -m true 2> /dev/null || { echo "no mounts of its own here"; exit 77; }
	exec env USERS_APART=1 unshare -m sh "$0" "$@"
fi
mount -t tmpfs none /mnt && cp -a /etc/. /mnt && mount --move /mnt /etc &&
    mount -t tmpfs none /opt && mount -t tmpfs none /var/spool || exit 99
make -s -C "$S" B="${B:-build}" PREFIX=/opt/pneu install > /opt/install.log 2>&1 ||
    { cat /opt/install.log; exit 99; }
while read -r kind name _; do # as systemd-sysusers does
	case $kind in
	u) useradd --system --user-group --no-create-home --home-dir /nonexistent \
	    --shell /usr/sbin/nologin "$name" ;;
	g) groupadd --system "$name" ;;
	esac || exit 99
done < /opt/pneu/lib/sysusers.d/pneu.conf
B=/opt/pneu/libexec/pneu USERS=separate exec "$@"
