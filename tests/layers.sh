#!/bin/sh
# layers.sh: no object needs a symbol of one that the Makefile lists after it,
# in any program or in lib/. Prints what breaks this; the circles that are still
# there stand in layers.txt, and one that is gone may not stand there any more.
set -eu
B=${B:-build}
here=$(dirname "$0")
lists=$(mktemp)
trap 'rm -f "$lists"' EXIT
make -s layers > "$lists"

# Lines of lists, a program and its objects; lines of nm; lines of layers.txt.
nm -A -g -P $(tr ' ' '\n' < "$lists" | grep / | sort -u |
    sed "s|.*|$B/obj/&.o|") | awk -v top="$B/obj/" '
FILENAME ~ /layers.txt$/ { if ($1 !~ /^#/ && NF > 0) known[$1 " needs " $3] = 1; next }
FILENAME != "-" {
	object[FNR] = $0
	for (i = 2; i <= NF; i++)
		at[FNR, $i] = i
	next
}
{
	file = substr($1, length(top) + 1)
	sub(/\.o:$/, "", file)
	if ($3 == "U")
		needs[file] = needs[file] " " $2
	else
		defines[$2] = defines[$2] " " file
}
function look(program, low,	i, j, n, m, symbol, high, pair) {
	n = split(needs[low], symbol, " ")
	for (i = 1; i <= n; i++) {
		m = split(defines[symbol[i]], high, " ")
		for (j = 1; j <= m; j++) {
			if (at[program, high[j]] <= at[program, low])
				continue
			pair = low " needs " high[j]
			if (!(pair in known) && !(pair in told))
				print pair ", above it: " symbol[i]
			told[pair] = 1
		}
	}
}
END {
	for (program in object) {
		n = split(object[program], member, " ")
		for (k = 2; k <= n; k++)
			look(program, member[k])
	}
	for (pair in known)
		if (!(pair in told))
			print "tests/layers.txt: no longer so: " pair
}' "$lists" "$here/layers.txt" -

for f in $(git ls-files '*/*.c' ':!tests'); do
	grep -qE " ${f%.c}( |\$)" "$lists" || echo "$f: in no list of the Makefile"
done
