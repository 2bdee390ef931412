#!/bin/sh
# lint.sh: what can be seen without running: form, includes, pages. TAP.
set -u
n=0 bad=0
ok() { # ok STATUS TITLE [OUTPUT]
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; return; fi
	bad=$((bad + 1))
	echo "not ok $n - $2"
	printf '%s\n' "${3:-}" | head -n 30 | sed 's/^/# /'
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
sources=$(git ls-files '*/*.[ch]')
pages=$(git ls-files '*.[1-8]')

if command -v clang-format > /dev/null; then
	out=$(clang-format --dry-run -Werror $sources 2>&1)
	ok $? "sources have the form that .clang-format says" "$out"
else
	skip "sources have the form that .clang-format says" "no clang-format"
fi
if command -v clang > /dev/null; then
	out=$(make -s CC=clang syntax 2>&1)
	ok $? "clang has no warning" "$out"
else
	skip "clang has no warning" "no clang"
fi
if command -v cppcheck > /dev/null; then
	# A record or a fault is filled by the function that it is handed to.
	out=$(cppcheck -q --error-exitcode=1 --enable=warning,portability \
	    --inline-suppr --suppress=ctuuninitvar --std=c11 -D_GNU_SOURCE -Ilib -Istore \
	    $(printf '%s\n' $sources | grep '\.c$') 2>&1)
	ok $? "cppcheck finds nothing" "$out"
else
	skip "cppcheck finds nothing" "no cppcheck"
fi
if command -v mandoc > /dev/null; then
	out=$(mandoc -Tlint -W warning $pages 2>&1)
	ok $? "manual pages are well-formed" "$out"
else
	skip "manual pages are well-formed" "no mandoc"
fi

# A program includes its own folder and lib/, lib/ only itself; the programs of
# the queue include store/ too, the verbs of pneu start/.
out=$(for f in $(printf '%s\n' $sources | grep -v '^tests/'); do
	d=$(dirname "$f")
	case $d in queue*) s=store ;; pneu) s=start ;; *) s=lib ;; esac
	sed -n 's/^#include "\(.*\)".*/\1/p' "$f" | while read -r h; do
		[ -e "$d/$h" ] || [ -e "lib/$h" ] ||
		    [ -e "$s/$h" ] || echo "$f includes $h"
	done
done)
[ -z "$out" ]; ok $? "programs include their own folder and lib/ alone" "$out"
out=$(sh tests/layers.sh 2>&1)
[ -z "$out" ]; ok $? "no file needs one above it, but for tests/layers.txt" "$out"
out=$(git grep -nE '\b(XXX|FIXME|HACK)\b' -- '*.[ch]' '*.sh' ':!tests/lint.sh')
[ -z "$out" ]; ok $? "nothing is left to be done in the code" "$out"
out=$(git grep -nE '\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|mktemp|popen|alloca)\(' \
    -- '*.c' ':!tests' | grep -v '(void)strcpy(')
[ -z "$out" ]; ok $? "functions without bounds are not called" "$out"
out=$(for f in $sources; do
	sed -n '1p' "$f" | grep -q 'SPDX-License-Identifier: ISC' || echo "$f"
done)
[ -z "$out" ]; ok $? "every source names its licence" "$out"
echo "1..$n"
[ $bad -eq 0 ]
