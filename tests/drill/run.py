#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""run.py BUILD HOME SUPERVISOR ALONE: what a process can do that was broken into.

For each program and each attempt a fresh process of BUILD/drill runs as its
user, closes its sandbox and makes the attempt (drill.c). HOME is of a running
system; ALONE is a home with the same content where nothing runs, for those that
are alone in a home. Prints the table and TAP: what is not listed below must
fail. K: killed by its filter; a dot: refused; ok: it may.
"""
import json
import os
import pwd
import socket
import subprocess
import sys

build, home, supervisor, alone = sys.argv[1:5]
services = [json.loads(line) for line in subprocess.run(
    [f"{build}/pneu", "-C", alone, "-c", f"{alone}/all.conf", "services", "--json"], check=True,
    stdout=subprocess.PIPE).stdout.splitlines()]
SOCKETS = sorted(os.path.basename(s) for r in services for s in r["sockets"]
                 if s.startswith("run/") and r["kind"] != "journal")
CALLS = {r["program"]: set(r["calls"].split()) for r in services}
CALLS.update({"queue": {"queue-run"}})
START = {   # program: its words
    "smtpd": ["-r", "mx"], "pop3d": [], "pop3-session": ["-m", "example.org/bob"],
    "queue-add": [], "queue-run": [], "queue": ["list"], "resolve": [], "auth": [],
    "route": [], "tls-keys": [], "passwdd": [], "directory-self": [], "directory": ["list"], "maker": ["list"], "deliver-mailbox": [],
    "deliver-program": ["-m", f"{home}/message", "drill"], "journal-write": [],
    "journal": ["show"],
}
ALONE = {"journal-write"}

STORE = {"queue-add", "queue-run", "queue", "deliver-mailbox"}
MAY = {     # attempt: who may
    "read:mail/example.org/ann/new": {"deliver-mailbox", "maker"},
    "read:mail/example.org/bob/new": {"deliver-mailbox", "maker", "pop3-session"},
    "read:queue/in": STORE,
    "read:journal/000001": {"journal", "journal-write"},
    "read:directory/entries": {"directory", "directory-self"},
    "read:directory/entries.cdb": {"directory", "directory-self", "resolve"},
    "read:secrets/secrets": {"directory", "directory-self"},
    "read:secrets/secrets.cdb": {"directory", "directory-self", "auth"},
    "read:tls/server.key": {"tls-keys"},
    "read:/etc/passwd": {"directory", "directory-self"},      # whose accounts there are
    "read:/etc/shadow": set(),
    "read:/proc/1/environ": set(),
    "read:run/journal": set(),
    "write:pneu.conf": set(),
    "write:/etc/passwd": set(),
    "create:run/x": set(),
    "create:/tmp/x": set(),
    "symlink:run/y": set(),
    "chmod:queue": set(),
    "tcp:PORT": set(),
    "bind:0": set(),
    "udp:PORT": set(),
    "raw": set(),
    "netlink": set(),
    "exec:/bin/true": set(),
    "fork": {"journal-write"},      # its thread; with no exec
    "ptrace:OTHER": set(),
    "peek:OTHER": set(),
    "signal:OTHER": set(),
    "signal:SUPERVISOR": set(),
    "io_uring": set(),
    "namespace": set(),
    "keyctl": set(),
    "bpf": set(),
    "mount:run": set(),
    "perf": set(),
    "userfault": set(),
    "code": set(),
    "root": set(),
    "chroot:run": set(),
    "ioctl": set(),
}
# route is the one that speaks to name servers, over both.
NET = {"tcp:PORT": {"route"}, "udp:PORT": {"route"}, "netlink": {"route"}}

listener = socket.create_server(("127.0.0.1", 0))
port = str(listener.getsockname()[1])
children = open(f"/proc/{supervisor}/task/{supervisor}/children").read().split()
number, failed = 0, 0


def other(program):
    """A process of another program with the same user, if there is one."""
    users = {r["program"]: r["user"] for r in services}
    mine = users.get(program, {"queue": "store", "journal": "journal"}.get(program))
    names = {open(f"/proc/{c}/comm").read().strip(): c for c in children}
    same = [c for n, c in names.items() if n != program and users.get(n) == mine]
    return (same or children)[0]


def attempt(program, what):
    where = alone if program in ALONE else home
    what = what.replace("PORT", port).replace("OTHER", other(program)).replace(
        "SUPERVISOR", supervisor)
    head, colon, path = what.partition(":")
    if head in ("read", "write", "create", "symlink", "chmod", "connect", "mount", "chroot") \
            and not path.startswith("/"):
        what = f"{head}:{where if head != 'connect' else home}/{path}"
    env = {"PATH": "/usr/bin:/bin", "DRILL": what}
    if program == "directory-self":
        env["PNEU_TICKET_KEY"] = str(KEY)
    if program == "pop3-session":
        env["DRILL_PATHS"] = "yes"      # in the session, in one mailbox
    name = "directory" if program == "maker" else program
    p = subprocess.run(["timeout", "10", f"{build}/drill/{name}", "-C", where] +
                       START[program], env=env,
                       pass_fds=[KEY], stdin=HELD, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = p.stderr.decode(errors="replace")
    # Its child, that is store, makes mailboxes; both try.
    own = "pneu-store" if program == "maker" else "pneu-directory" if program == "directory" else None
    mark = "drill[" + (str(pwd.getpwnam(own).pw_uid) + "]" if own else "")
    said = "\n".join(x for x in said.split("\n") if own is None or mark in x or "drill[" not in x)
    if mark not in said and (p.returncode in (-31, 159) or program == "maker"):
        return "K"
    if mark not in said:
        return "?" + said[-200:].replace("\n", " ") + f" ({p.returncode})"
    return "ok" if "DONE" in said else "."


def line(what, row):
    print("# %-34s %s" % (what, " ".join("%-5s" % c[:5] for c in row)))


KEY = os.memfd_create("key")
os.write(KEY, bytes(32))
HELD, held = os.pipe()      # an input that neither comes nor ends
line("", [p[:5] for p in START])
for what in list(MAY) + [f"connect:run/{s}" for s in SOCKETS] + ["connect:run/pneu"]:
    may = MAY.get(what, set())
    if what.startswith("connect:"):
        may = {p for p in START if what.split("/")[1] in CALLS.get(p, ())}
        if what == "connect:run/submit":    # everyone may: 0666
            may = {"smtpd", "pop3d", "passwdd", "queue-add", "queue-run", "queue"}
    row = {p: attempt(p, what) for p in START}
    line(what, row.values())
    wrong = {p: v for p, v in row.items()
             if (v == "ok") != (p in may) and not (p in NET.get(what, ()) and v[0] != "?")
             or v[0] == "?"}
    number += 1
    failed += bool(wrong)
    print(f"{'not ' if wrong else ''}ok {number} - {what}: " +
          (", ".join(sorted(may)) + " and nobody else" if may else "nobody"))
    for p, v in wrong.items():
        print(f"#   {p}: {v}")
print(f"1..{number}")
sys.exit(failed > 0)
