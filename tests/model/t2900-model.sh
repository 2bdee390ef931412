#!/bin/sh
# The queue's protocol as a model: rows that must hold and rows that must break.
command -v spin > /dev/null || { echo "1..0 # SKIP no spin"; exit 0; }
sh "$(dirname "$0")/check" quick | awk '
	/^(ok|NOT-OK) / {
		n++; good = $1 == "ok"; bad += !good
		title = $0; sub(/^.*states  /, "", title)
		print (good ? "ok " : "not ok ") n " - must " ($3 == "holds" ? "hold: " : "break: ") title
	}
	/cannot be built/ { n++; bad++; print "not ok " n " - " $0 }
	END { print "1.." n; exit bad > 0 }'
