# SPDX-License-Identifier: ISC
# users.sh: for tests with separate users: sourced first, it starts the test
# again with mounts of its own, where /etc, /opt and /var/spool are copies or
# empty, Pneu is installed below /opt/pneu, and its users and groups exist.
# Nothing of that is seen outside, or stays. Needs root; else the test skips.
S=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP needs root: users are made"; exit 0; }
if [ -z "$USERS_APART" ]; then
	unshare -m true 2> /dev/null ||
	    { echo "1..0 # SKIP no mount namespaces here: users cannot be made"; exit 0; }
	exec env USERS_APART=1 unshare -m sh "$0" "$@"
fi
mount -t tmpfs none /mnt && cp -a /etc/. /mnt && mount --move /mnt /etc &&
    mount -t tmpfs none /opt && mount -t tmpfs none /var/spool || exit 99
make -s -C "$S" B="${B:-build}" PREFIX=/opt/pneu install > /opt/install.log 2>&1 ||
    { sed 's/^/# /' /opt/install.log; exit 99; }
while read -r _kind _name _; do # as systemd-sysusers does
	case $_kind in
	u) useradd --system --user-group --no-create-home --home-dir /nonexistent \
	    --shell /usr/sbin/nologin "$_name" ;;
	g) groupadd --system "$_name" ;;
	esac || exit 99
done < /opt/pneu/lib/sysusers.d/pneu.conf
B=/opt/pneu/libexec/pneu USERS=separate
export B USERS
