#!/bin/sh
# SPDX-License-Identifier: ISC
# no-san: it compares texts
# Each verb, option, setting and program that pneu-ibmi(7) names is there.
. "$(dirname "$0")/lib.sh"
page=$(cd "$(dirname "$0")/../.." && pwd)/pneu/pneu-ibmi.7
make_home
as pneu -C "$H" config show --json > "$T/rows"
cat > "$T/check.py" <<'END'
import json, os, re, subprocess, sys
page, rows, b = sys.argv[1:]
settings = {"%s.%s" % (r["section"], r["key"]) for r in map(json.loads, open(rows))}


def help_of(*words):
    p = subprocess.run(words + ("--help",), capture_output=True, text=True)
    return p.stdout


# Verbs stand at the start of a line, or behind others of one row.
verbs = set(re.findall(r"^  ([a-z]+) ", help_of(b + "/pneu"), re.M))
named = 0
for line in re.findall(r"^\.Ic (.*)$", open(page).read(), re.M):
    words, flags = re.match(r"([a-z0-9._ -]*?) *((?:Fl -[a-z-]+ *)*)[,.:; ]*$", line).groups()
    words = words.split()
    flags = re.findall(r"Fl -([a-z-]+)", flags)
    named += 1
    if "." in words[0]:
        if words[0] not in settings:
            print("no setting", words[0])
    elif words[0] in verbs:
        text = help_of(b + "/pneu", words[0])
        for verb in words[1:]:
            if not re.search(r"(^|[\s|,])%s\b" % verb, text):
                print("no verb", *words)
        for flag in flags:
            if "--" + flag not in text:
                print("no option", line)
    elif len(words) > 1 or not os.access("%s/%s" % (b, words[0]), os.X_OK):
        print("no verb and no program", line)
print("nothing is named" if named < 60 else "all are there")
END
is "what the page names is there" "$(python3 "$T/check.py" "$page" "$T/rows" "$B")" "all are there"
done_testing
