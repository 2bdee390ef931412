#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""conf-page.py PAGE < rows: the settings part of pneu.conf.5, from the table.

rows is what `pneu config show --json` prints. Without PAGE the part is
printed; with it, the lines of PAGE between the two marks are replaced.
"""
import json
import sys

BEGIN, END = '.\\" settings: begin', '.\\" settings: end'


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def limits(row):
    words = ["Default: " + (escape(row["default"]) or "none")]
    if "min" in row:
        words.append("from %s to %s" % (row["min"], row["max"]))
    if "choices" in row:
        words.append("one of: " + " ".join(row["choices"]))
    return "; ".join(words) + "."


def part(rows):
    lines, section = [BEGIN], None
    for row in rows:
        if row["section"] != section:
            if section is not None:
                lines.append(".El")
            section = row["section"]
            lines += [".Ss [%s]" % section, ".Bl -tag -width Ds"]
        lines.append(".It Ic %s Pq %s" % (row["key"], row["type"]))
        help_text = escape(row["help"])
        lines.append(help_text[:1].upper() + help_text[1:] + ".")
        lines.append(limits(row))
    return lines + [".El", END]


def main():
    lines = part([json.loads(line) for line in sys.stdin])
    if len(sys.argv) < 2:
        print("\n".join(lines))
        return
    with open(sys.argv[1], encoding="utf-8") as page:
        old = page.read().split("\n")
    old[old.index(BEGIN) : old.index(END) + 1] = lines
    with open(sys.argv[1], "w", encoding="utf-8") as page:
        page.write("\n".join(old))


main()
