#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: the tests that it runs are run on both builds by themselves
# Tests of the whole system once more, installed, each program as its user.
. "$(dirname "$0")/users.sh"
D=$(dirname "$0") n=0 failed=0
for t in $(cat "$D/users-tests.txt"); do
	n=$((n + 1))
	out=$(sh "$D/$t.sh" 2>&1) && { echo "ok $n - $t with separate users"; continue; }
	failed=$((failed + 1))
	echo "not ok $n - $t with separate users"
	printf '%s\n' "$out" | grep -A 6 '^not ok' | sed 's/^/# /'
done
echo "1..$n"
[ $failed -eq 0 ]
