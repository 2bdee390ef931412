# SPDX-License-Identifier: ISC
# users.sh: sourced first, it starts a test again where Pneu is installed and its
# users exist (tests/users.sh); where that cannot be, the test skips.
S=$(cd "$(dirname "$0")/../.." && pwd)
if [ -z "$USERS_APART" ]; then
	sh "$S/tests/users.sh" sh "$0" "$@"; _s=$?
	[ $_s -ne 77 ] || echo "1..0 # SKIP needs root and mounts of its own: users are made"
	[ $_s -ne 77 ] || exit 0
	exit $_s
fi
export B USERS
