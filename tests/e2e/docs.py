# SPDX-License-Identifier: ISC
"""docs.py PART: are the documents what the tree and the programs say? TAP.

programs B	options, exit codes, descriptors, promises and paths
journal		codes: lib/codes.def, the code, journal(8), PROTOCOL
entries FILE...	a real journal: codes, writers and fields are those of PROTOCOL
tree B		links, pages, figure, settings, paths of machines
protocol HOME	records parse; what `$` lines print is what stands there
		(with --write it is put there)
"""
import codecs
import glob
import json
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(TOP)
count = failed = 0


def ok(good, title, told=()):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("" if good else "not ", count, title))
    if not good:
        failed += 1
        for line in list(told)[:20]:
            print("# %s" % (line,))


def none(wrong, title):
    wrong = list(wrong)
    ok(not wrong, title, wrong)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def programs():
    line = re.search(r"^PROGRAMS := ((?:.*\\\n)*.*)$", read("Makefile"), re.M)
    return line.group(1).replace("\\\n", " ").split()


def page(program):
    found = glob.glob("*/%s.8" % program)
    return read(found[0]) if found else ""


def section(text, name):
    m = re.search(r'^\.Sh "?%s"?\n(.*?)(?=^\.Sh |\Z)' % re.escape(name), text, re.M | re.S)
    return m.group(1) if m else ""


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)


def roff(text):
    """Text of a page's line without its escapes and macros of one word."""
    text = re.sub(r"\\[&e-]", lambda m: {"&": "", "e": "\\", "-": "-"}[m.group()[1]], text)
    return re.sub(r" +", " ", text)


# ---- programs


def page_options(text):
    """Every option that a page names in an .It line of `Fl`."""
    long, short = set(), set()
    for line in re.findall(r"^\.(?:It|Ic|Nm|Op|Oo).*$", text, re.M):
        words = line.replace(" Ns = Ns ", " ").split()
        for n, word in enumerate(words):
            if word != "Fl":
                continue
            for name in words[n + 1 :]:
                if name in (",", "|"):
                    continue
                if re.fullmatch(r"-[a-z][a-z-]+", name):
                    long.add(name[1:])
                elif re.fullmatch(r"[A-Za-z]", name):
                    short.add(name)
                else:
                    break
    return long, short


def help_options(text):
    long = set(re.findall(r"^ +(?:-., +)?--([a-z-]+)", text, re.M))
    short = set(re.findall(r"^  -(.), +--", text, re.M))
    return long, short


def main_of(program):
    for name in ("%s/main.c" % program, *glob.glob("*/main_%s.c" % program), "pneu/main.c"):
        if os.path.exists(name):
            return read(name)


def sandbox_paths(program):
    """path:rights of each sandbox_path table in its main."""
    out = set()
    text = main_of(program)
    for table in re.findall(r"struct sandbox_path ?\w*\[\](?: =|\)) ?\{((?:\s*\{[^{}]*\},?)*)\s*\}", text):
        for path, rights in re.findall(r"\{\s*([^{},]+?)\s*,\s*([^{},]+?)\s*\}", table):
            path = {"prog.settings.queue.directory": "queue", "prog.settings.mail.directory": "mail",
                    "RECEIVER_DIRECTORY": "journal", "ACCOUNTS_FILE": "/etc/passwd",
                    "USAGE_DIRECTORY": "quota"}.get(re.sub(r'^"!" |^"!?|"$', "", path), re.sub(r'^"!" |^"!?|"$', "", path))
            if path == "NULL" and rights == "NULL":
                continue
            out.add((path, rights.strip('"')))
    if program == "deliver-mailbox":  # named after the settings are there
        out = {x for x in out if x[0] != "NULL"} | {(p, "rwcl") for p in re.findall(r"paths\[\d\]\.path = s->(\w+)\.directory", text)}
    if program == "pop3-session":
        out = {("mail", r) if p == "NULL" else (p, r) for p, r in out}  # its path is a setting
    return out


def security_table():
    rows = {}
    for line in read("doc/SECURITY.md").split("\n"):
        m = re.match(r"\| \*\*([a-z0-9-]+)\*\* \| ([^|]*) \| ([^|]*) \|", line)
        if m:
            rows[m.group(1)] = (m.group(2).strip("` "), set(re.findall(r"`([^` ]+) ([rwclx]+)`", m.group(3))))
    return rows


def part_programs(b):
    security = security_table()
    for p in programs():
        exe, text = os.path.join(b, p), page(p)
        h = run(exe, "--help")
        ok(h.returncode == 0 and h.stdout.startswith("usage: %s " % p) and not h.stderr,
           "%s --help prints the usage on 1 and ends with 0" % p, [h.returncode, h.stderr])
        w = run(exe, "--no-such-option")
        wrong = 64 if p == "sendmail" else 100  # sysexits.h, as its callers know it
        ok(w.returncode == wrong and "usage: %s " % p in w.stderr and not w.stdout,
           "%s: a wrong option is told on 2 with the usage and ends with %d" % (p, wrong), [w.returncode, w.stdout, w.stderr])
        w = run(exe, "-C", "/nowhere", "no-such-operand")
        ok(p == "sendmail" or w.returncode == 100 and "usage: %s " % p in w.stderr and not w.stdout,
           "%s: so is an operand that it does not take" % p, [w.returncode, w.stdout, w.stderr])
        v = run(exe, "-V")
        lines = v.stdout.split("\n")
        ok(v.returncode == 0 and lines[0] == "%s (Pneu) %s" % (p, read("VERSION").strip()) and
           lines[1].startswith("sandbox: ") and lines[2].startswith("promises: "),
           "%s -V prints version, sandbox and promises" % p, lines)
        long, short = help_options(h.stdout)
        if p == "sendmail":  # most of its options have no long form
            short |= set(re.findall(r"^  -([A-Za-z])\b", h.stdout, re.M))
        if p == "pneu":
            for verb in re.findall(r"^  ([a-z]+) +", h.stdout.split("Verbs:")[1], re.M):
                if verb not in ("queue", "directory", "certs", "journal"):
                    long |= help_options(run(exe, verb, "--help").stdout)[0]
        page_long, page_short = page_options(text)
        none(["--help alone has %s" % o for o in sorted(long - page_long)] +
             ["the page alone has %s" % o for o in sorted(page_long - long)] +
             ["--help alone has -%s" % o for o in sorted(short - page_short)] +
             ["the page alone has -%s" % o for o in sorted(page_short - short)],
             "%s: --help and the page have the same options" % p)
        status = section(text, "EXIT STATUS")
        none([c for c in (("0", "64", "75") if p == "sendmail" else ("0", "100", "111")) if not re.search(r"(^|[^\d.])%s([^\d]|$)" % c, status, re.M)],
             "%s: EXIT STATUS names 0, 100 and 111" % p)
        fds = section(text, "DESCRIPTORS")
        none([fd for fd in ("0", "1", "2") if not re.search(r"^\.It %s\b" % fd, fds, re.M)],
             "%s: DESCRIPTORS names 0, 1 and 2" % p)
        given = set(re.findall(r"SERVE_ENV_READY|AUTH_KEY_ENV|auth_ticket_take_key|PNEU_READY|PNEU_TICKET_KEY", main_of(p)))
        want = {"PNEU_READY" if "READY" in g else "PNEU_TICKET_KEY" for g in given}
        none([w for w in want if w not in text], "%s: the page names the descriptors of the environment" % p)
        promises, paths = security.get(p, ("no row", set()))
        ok("promises: %s" % promises == lines[2], "%s: SECURITY has the promises that -V prints" % p, [promises, lines[2]])
        ok(paths == sandbox_paths(p), "%s: SECURITY has the paths of its main" % p, [paths, sandbox_paths(p)])


# ---- journal


def part_journal():
    string = r'((?:"(?:[^"\\\\]|\\\\.)*"\s*)+)'
    rows = re.findall(r"^CODE\((\w+), %s, %s, %s,\s*%s\)$" % ((string,) * 4), read("lib/codes.def"), re.M)
    rows = [(r[0],) + tuple("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', x)) for x in r[1:]) for r in rows]
    codes = {"CODE_" + r[0]: r[1] for r in rows}
    none(set(re.findall(r"^CODE\((\w+)", read("lib/codes.def"), re.M)) ^ {r[0] for r in rows}, "every row of codes.def is read")
    none([c for c in codes.values() if list(codes.values()).count(c) > 1], "no code stands for two things")
    writers, readers = set(), set()
    for name in glob.glob("*/*.c") + ["smtpd/rules.def"]:
        used = set(re.findall(r"\bCODE_[A-Z]\w+", read(name))) - {"CODE_MAX"}
        readers |= used
        if name != "pneu/status_journal.c":
            writers |= used
    none(readers - set(codes), "every code that the code uses is in codes.def")
    none(set(codes) - writers, "every code is written by somebody")
    items = dict(re.findall(r"^\.It Li (\w\w) Pq Li ([a-z0-9-]+)$", section(page("journal"), "CODES"), re.M))
    want = {r[1]: r[2] for r in rows}
    none(set(items.items()) ^ set(want.items()), "journal(8) has every code with its name and no other")
    said = roff(section(page("journal"), "CODES"))
    none([r[3] for r in rows if r[3].lower() + "." not in said.lower()], "and says of each what --json says")
    table = dict(re.findall(r"^\| `(\w\w)` \| ([a-z0-9-]+) \|", read("doc/PROTOCOL.md"), re.M))
    none(set(table.items()) ^ set(want.items()), "PROTOCOL has every code with its name and no other")

    entries = protocol_entries()
    wrong = ["%s: {%s}" % (r[1], key) for r in rows for key in re.findall(r"\{(\w+)", r[4])
             if not re.search(r"\b%s\b" % key, entries[r[1]][1])]
    ok(rows and not wrong, "a story speaks of fields that its entries have", wrong)


def protocol_entries():
    rows = {}
    for code, by, fields in re.findall(r"^\| `(\w\w)` \| [a-z0-9-]+ \| ([^|]*) \| ([^|]*) \|", read("doc/PROTOCOL.md"), re.M):
        like = re.search(r"as (\d\w)", fields)
        rows[code] = (by, fields + rows[like.group(1)][1] if like else fields)
    return rows


def part_entries(files):
    rows = protocol_entries()
    wrong, met = set(), set()
    for line in [x for f in files for x in read(f).split("\n") if x]:
        code, keys = line.split(" ")[0], re.findall(r" ([a-z0-9-]+)=", line)
        program = re.search(r" program=(\S+)", line).group(1)
        by, fields = rows.get(code, ("", ""))
        met.add(code)
        if not is_record(line):
            wrong.add("no record: %s" % line)
        if "every program" not in by and not re.search(r"(^|, )%s\b(?!-)" % program, by):
            wrong.add("%s by %s" % (code, program))
        for key in keys:
            if key not in ("time", "program", "pid") and not re.search(r"\b%s\b" % key, fields):
                wrong.add("%s has %s" % (code, key))
    none(sorted(wrong), "entries have the writers and fields of PROTOCOL")
    missing = {"94", "91", "92", "9T", "99", "97", "9V", "9W", "EH", "E1", "E2", "ET", "7A", "P2", "B8", "B2", "7X", "7C", "73", "AP", "A1",
               "A2", "7I", "7J", "7Z", "XX", "KI", "KF", "KZ", "KE", "SB", "SE", "SD", "SR", "SC", "SP", "SA"} - met
    none(sorted(missing), "and nearly all codes were met")


# ---- tree

MACHINE = r"(?<![A-Za-z0-9._$}-])/(?:work|root|Users|home/[a-z]+)/[A-Za-z0-9._-]+"
# In rot13, so that this file is not found by its own test.
TOOLING = codecs.decode(r"@(?:pung ?tcg|pbcvybg|pynhqr|bcranv|naguebcvp|yyz|ynathntr zbqry|nv[- ]trarengrq|nf na nv)@", "rot13").replace("@", r"\b")


def tracked():
    out = run("git", "ls-files").stdout.split("\n")
    return [f for f in out if f and os.path.exists(f)]


def part_tree(b):
    wrong = []
    for doc in [f for f in tracked() if f.endswith(".md")]:
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", read(doc), flags=re.S)):
            name, _, anchor = target.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            path = os.path.normpath(os.path.join(os.path.dirname(doc), name)) if name else doc
            if not os.path.exists(path):
                wrong.append("%s: %s" % (doc, target))
            elif anchor and anchor not in anchors(read(path)):
                wrong.append("%s: no heading #%s" % (doc, anchor))
    none(wrong, "links of documents lead to what is there")
    overview, seven, readme = read("doc/overview.md"), read("pneu/pneu.7"), read("README.md") + read("NEWS.md")
    none([p for p in programs() if not page(p)], "every program has a page")
    none([p for p in programs() if "**%s**" % p not in overview], "every program has its paragraph in the overview")
    none([p for p in programs() if not re.search(r"^\.Xr %s 8" % p, seven, re.M)], "and in pneu(7)")
    none([p for p in programs() if not re.search(r"\b%s\b" % p, readme)], "and is named in README or NEWS")
    m = re.search(r'^\.\\" figure: begin\n\.Bd [^\n]*\n(.*?)\n\n(  journal-write.*?)\.Ed\n\.\\" figure: end$', seven, re.M | re.S)
    services = [json.loads(x) for x in run(os.path.join(b, "pneu"), "services", "--json").stdout.split("\n") if x]
    ok(m and m.group(2).replace("\\-", "-") == "".join("  %-16s %s\n" % (r["service"], r["does"]) for r in services),
       "pneu(7) says of each service what `pneu services` says")
    none([r["program"] for r in services if not m or not re.search(r"\b%s\b" % r["program"], m.group(1))], "each has its place in the figure of pneu(7)")
    rows = [json.loads(x) for x in run(os.path.join(b, "pneu"), "-C", sys.argv[3], "config", "show", "--json").stdout.split("\n") if x]
    conf = read("pneu/pneu.conf.5")
    shown, sect = {}, None
    for line in conf.split("\n"):
        s, k = re.match(r"\.Ss \[(\S+)\]", line), re.match(r"\.It Ic (\w+) Pq", line)
        sect = s.group(1) if s else sect
        if k:
            shown[(sect, k.group(1))] = ""
            key = (sect, k.group(1))
        elif line.startswith("Default: ") and shown:
            shown[key] = roff(line)
    want = {}
    for r in rows:
        text = "Default: %s" % (r["default"] or "none")
        want[(r["section"], r["key"])] = text + ("; from %s to %s." % (r["min"], r["max"]) if "min" in r else
                                                "; one of: %s." % " ".join(r["choices"]) if "choices" in r else ".")
    none(sorted(set(shown.items()) ^ set(want.items())), "pneu.conf(5) has every setting with default, limits and choices, and no other")
    none(["%s.%s" % k for k in re.findall(r"`([a-z0-9-]+)\.([a-z_]+)`", read("doc/SECURITY.md") + read("doc/PROTOCOL.md"))
          if k not in want and k[0] in {r["section"] for r in rows}],
         "settings that documents name are settings")
    security = read("doc/SECURITY.md")
    none(["%s.%s %s" % (r["section"], r["key"], r["default"]) for r in rows if "min" in r and
          "| `%s.%s` | %s |" % (r["section"], r["key"], r["default"]) not in security],
         "SECURITY has every limit that can be set, with its default")
    wrong, words = [], []
    for f in tracked():
        try:
            text = read(f)
        except UnicodeDecodeError:
            continue
        for n, line in enumerate(text.split("\n"), 1):
            if re.search(MACHINE, line):
                wrong.append("%s:%d: %s" % (f, n, line.strip()))
            if re.search(TOOLING, line, re.I):
                words.append("%s:%d: %s" % (f, n, line.strip()))
    none(wrong, "no file names a path of one machine")
    none(words, "no file speaks of tools that are not the project's")
    none(["%s:%d" % (f, n) for f in tracked() if f.endswith(".md") for n, line in enumerate(read(f).split("\n"), 1)
          if len(line) > 180 and f.startswith("doc/") and not line.startswith(("|", "```")) and "=" not in line],
         "lines of documents are short enough to read")


def anchors(text):
    out = set()
    for h in re.findall(r"^#+ (.*)$", text, re.M):
        out.add(re.sub(r"[^a-z0-9 _-]", "", h.lower()).replace(" ", "-"))
    return out


# ---- protocol

WORD, KEY = r"[A-Za-z0-9-]+", r"[a-z0-9-]+"
PLAIN = r"(?:[\x21-\x24\x26-\x7e]|%[0-9A-F]{2}|[\u00a0-\U0010ffff])*"
RECORD = re.compile(r"%s(?: %s=%s)*" % (WORD, KEY, PLAIN))


def is_record(line):
    keys = re.findall(r" (%s)=" % KEY, line)
    return RECORD.fullmatch(line) and len(line) < 4096 and len(keys) <= 32 and len(keys) == len(set(keys))


def normal(text):
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "TIME", text)
    text = re.sub(r"\bcheck=[0-9a-f]{64}\b", "check=HASH", text)  # of a time, too
    return re.sub(r"\bticket=[0-9a-f]{80}\b", "ticket=TICKET", text)


def part_protocol(home, write):
    path = "doc/PROTOCOL.md"
    text = read(path)
    none([x for block in re.findall(r"^```record\n(.*?)^```$", text, re.M | re.S) for x in block.split("\n")[:-1]
          if not is_record(x)], "every record is one by the grammar")
    out, wrong, ran = [], [], 0
    lines, i = text.split("\n"), 0
    inside = False
    while i < len(lines):
        line = lines[i]
        out.append(line)
        i += 1
        if line.startswith("```"):
            inside = line == "```console"
        if not inside or not line.startswith("$ "):
            continue
        command = [line[2:]]
        while i < len(lines) and re.match(r">( |$)", lines[i]):
            command.append(lines[i][2:])
            out.append(lines[i])
            i += 1
        want = []
        while i < len(lines) and not lines[i].startswith(("$ ", "```")):
            want.append(lines[i])
            i += 1
        r = subprocess.run(["sh", "-c", "\n".join(command)], cwd=home, capture_output=True, text=True, timeout=30)
        got = r.stdout.split("\n")[:-1]
        ran += 1
        if normal("\n".join(got)) != normal("\n".join(want)):
            wrong.append("$ %s" % command[0])
            wrong += ["  want %s" % x for x in want] + ["  got  %s" % x for x in got] + [r.stderr]
        out += got
    if write:
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(out))
        return
    none(wrong, "what PROTOCOL says that programs print is what they print (%d)" % ran)
    ok(ran > 5, "and there is some of it")


def main():
    part = sys.argv[1]
    if part == "programs":
        part_programs(sys.argv[2])
    elif part == "journal":
        part_journal()
    elif part == "entries":
        part_entries(sys.argv[2:])
    elif part == "tree":
        part_tree(sys.argv[2])
    elif part == "protocol":
        part_protocol(sys.argv[2], "--write" in sys.argv)
        if "--write" in sys.argv:
            return 0
    print("1..%d" % count)
    return 1 if failed else 0


sys.exit(main())
