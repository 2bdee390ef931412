#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""apart.py SUPERVISOR HOME SERVICES.json: what each process of a running system may.

Takes user, groups, capabilities, environment of each child from /proc, and as
that user, outside of the child's sandbox, connects to each socket in run/ and
opens what lies in the home. What `pneu services --json` says must hold and
nothing else. Prints TAP.
"""
import json
import os
import socket
import sys

supervisor, home, services = int(sys.argv[1]), sys.argv[2], sys.argv[3]
rows = [json.loads(line) for line in open(services)]
number, failed = 0, 0


def ok(good, title, why=""):
    global number, failed
    number += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {number} - {title}" + (f"\n# {why}" if not good else ""))


def status(pid):
    return dict(line.rstrip("\n").split(":", 1) for line in open(f"/proc/{pid}/status"))


def children(pid):
    """A process of each program."""
    found = {}
    for child in open(f"/proc/{pid}/task/{pid}/children").read().split():
        found[open(f"/proc/{child}/comm").read().strip()] = int(child)
    return found


def as_process(s, work):
    """What work() says as this user, in a child."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([int(g) for g in s["Groups"].split()])
        gid, uid = int(s["Gid"].split()[0]), int(s["Uid"].split()[0])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        os.write(writer, json.dumps(work()).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as f:
        said = json.load(f)
    os.waitpid(pid, 0)
    return said


def connects(path):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
        return True
    except PermissionError:
        return False


def opens(path, flags):
    try:
        os.close(os.open(path, flags))
        return True
    except PermissionError:
        return False


# Their workers fork a process for each session, which then closes its filter.
FORKS = {"deliver-program", "pop3-session"}
PATHS = {  # what only these users open, and how
    "queue/in": ({"store"}, os.O_RDONLY),
    "mail/example.org/bob/new": ({"store"}, os.O_RDONLY),
    "journal": ({"journal"}, os.O_RDONLY),
    "secrets/secrets": ({"directory"}, os.O_RDONLY),
    "secrets/secrets.cdb": ({"secret", "directory"}, os.O_RDONLY),
    "directory/entries": ({"directory"}, os.O_RDONLY),
    "directory/entries.cdb": ({"look", "directory"}, os.O_RDONLY),
    "directory/lock": ({"directory"}, os.O_RDONLY),
    "run/pneu.pid": (set(), os.O_RDONLY),
    "run/journal": (set(), os.O_RDONLY | os.O_NONBLOCK),
    "pneu.conf": (set(), os.O_WRONLY),
}

os.chdir(home)
sockets = [r["service"] for r in rows if r["sockets"] and r["sockets"][0].startswith("run/")
           and r["kind"] != "journal"]
table = {r["program"]: r for r in rows}
found = children(supervisor)
for program, row in sorted(table.items()):
    if program not in found:
        ok(False, f"{program} runs")
        continue
    s = status(found[program])
    caps = {k: s[k].strip() for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    ok(all(int(v, 16) == 0 for v in caps.values()), f"{program} has no capability and can get none", caps)
    ok(s["NoNewPrivs"].strip() == "1" and s["Seccomp"].strip() == "2" or program in FORKS,
       f"{program} has no_new_privs and a filter", (s["NoNewPrivs"], s["Seccomp"]))
    ok(len(set(s["Uid"].split())) == 1 and s["Uid"].split()[0] != "0" and len(set(s["Gid"].split())) == 1,
       f"{program} has one user for good", s["Uid"])
    names = {e.split(b"=")[0].decode() for e in open(f"/proc/{found[program]}/environ", "rb").read().split(b"\0")}
    ok(not {n for n in names if n and n not in ("PATH", "LANG", "TZ") and not n.startswith("PNEU_")},
       f"{program} has an empty environment", names)
    calls = row["calls"].split()
    got = as_process(s, lambda: {n: connects(f"run/{n}") for n in sockets})
    for name in sockets:
        want = name in calls or name == "submit"    # which everyone may
        ok(got[name] == want, f"{program} ({row['user']}) {'may' if want else 'cannot'} connect to {name}")
    ok(not as_process(s, lambda: connects("run/pneu")), f"{program} cannot connect to the supervisor")
    got = as_process(s, lambda: {p: opens(p, f) for p, (_, f) in PATHS.items()})
    wrong = {p for p, (users, _) in PATHS.items() if got[p] != (row["user"] in users)}
    ok(not wrong, f"{program} opens what is its user's, and nothing else", wrong)
print(f"1..{number}")
sys.exit(failed > 0)
