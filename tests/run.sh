#!/bin/sh
# run.sh [NAME...]: runs all tests (or those whose path has a NAME in it) in
# one prove(1), so that one line counts them all; with a NAME, line by line. A test that is to run on both
# builds gets a second wrapper with B=<build>/san.
set -eu
B=${B:-build}
# As root the programs run as nobody, who cannot enter a tree below /root: then
# a copy of it is tested.
if [ "$(id -u)" -eq 0 ] && ! setpriv --reuid nobody --regid nogroup \
    --clear-groups test -x "$(cd "$B" && pwd)/pneu" -a -r "$PWD/VERSION"; then
	copy=$(mktemp -d "${TMPDIR:-/var/tmp}/pneu-tests.XXXXXX")
	trap 'rm -rf "$copy"' EXIT
	trap 'exit 98' INT TERM HUP
	echo "user nobody cannot read $PWD: testing a copy, $copy"
	cp -a . "$copy"
	chmod 755 "$copy"
	(cd "$copy" && sh tests/run.sh "$@")
	exit
fi
rm -rf "$B/t"
mkdir -p "$B/t"

# Each test has a session of its own: what it leaves running is ended with it,
# and cannot hold the pipe that prove reads until all writers are gone.
wrap() { # wrap NAME BUILD COMMAND...
	_file=$B/t/$1 _build=$2
	shift 2
	cat > "$_file" <<-END
		#!/bin/sh
		B=$_build setsid $* < /dev/null & test=\$!
		trap 'kill -TERM -- -\$test' INT TERM HUP
		wait \$test
		status=\$?
		pkill -KILL -s \$test
		exit \$status
	END
	chmod +x "$_file"
}

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1:allocator_may_return_null=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:abort_on_error=1}"

wrap 00-lint.t "$B" sh tests/lint.sh
for f in tests/unit/*.c; do
	n=$(basename "$f" .c)
	wrap "10-unit-$n.t" "$B" "$B/unit/$n"
	wrap "11-san-unit-$n.t" "$B/san" "$B/san/unit/$n"
done
for f in tests/fuzz/fuzz_*.c; do
	n=$(basename "$f" .c)
	wrap "12-corpus-$n.t" "$B/san" "$B/san/corpus/$n" \
	    "tests/fuzz/corpus/${n#fuzz_}"
done
for f in tests/e2e/t*.sh; do
	n=$(basename "$f" .sh)
	wrap "20-$n.t" "$B" sh "$f"
	grep -q '^# no-san' "$f" || wrap "21-san-$n.t" "$B/san" sh "$f"
done
for f in tests/crash/t*.sh tests/model/t*.sh; do
	[ ! -e "$f" ] || wrap "30-$(basename "$f" .sh).t" "$B" sh "$f"
done

set -- "$@"
list=$(ls "$B"/t/*.t)
for want; do
	list=$(printf '%s\n' $list | grep -- "$want" || true)
done
# shellcheck disable=SC2086
prove -j "${JOBS:-2}" --timer ${1:+-v} -e '' $list || {
	[ $# -gt 0 ] || echo "to see what one of them says: make test T=NAME"
	exit 1
}
