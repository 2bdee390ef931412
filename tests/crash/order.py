# SPDX-License-Identifier: ISC
"""order.py: the order of the system calls that change files, kept in the tree.

tests/model and the sweeps show that an order is right; this shows that it is
still the same. Each scenario runs once, each program is followed from call to
call, and what it changed is compared with order/<configuration>.txt. Where the
file systems are other ones the order is another one, so there is a file for
each configuration. A change of the order that is meant is kept with

	tests/crash/run --only order --keep
"""
import difflib
import errno
import os
import re
import struct
import time

import images
import scenarios
from sweep import SETTINGS, Bench
from system import Ledger, make_qid, settle

# Whatever is delivered together is let go together, even under load.
ORDER_SETTINGS = [(s, "let_go = 200ms" if line.startswith("let_go") else line)
                  for s, line in SETTINGS] + [("storage", "min_free = 0")]
TRACED = ("queue-add", "deliver-mailbox", "queue-run")
KEPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "order")
MEMORY = "/dev/shm"
AT_REMOVEDIR, AT_FDCWD, WAIT_AFTER = 0x200, -100, 4


def _at(traced, fd, address):
    """A path of an ...at() call, from the root."""
    text = traced.read(address, 256).split(b"\0")[0].decode("latin-1")
    fd = struct.unpack("=i", struct.pack("=I", fd & 0xffffffff))[0]
    where = traced.path_of(fd) if fd != AT_FDCWD else os.readlink(
        "/proc/%d/cwd" % traced.pid)
    return os.path.normpath(os.path.join(where, text))


def _created(traced, args, flags):
    return "create " + _at(traced, args[0], args[1]) if flags & os.O_CREAT \
        else None


def _one(word):
    return lambda t, a: word + " " + t.path_of(a[0] & 0xffffffff)


def _two(word):
    return lambda t, a: "%s %s %s" % (word, _at(t, a[0], a[1]),
                                      _at(t, a[2], a[3]))


# name: what the call changes, in words; None: nothing.
CHANGES = {
    "openat": lambda t, a: _created(t, a, a[2]),
    "openat2": lambda t, a: _created(
        t, a, struct.unpack("=Q", t.read(a[2], 8))[0]),
    "write": _one("write"), "writev": _one("write"), "pwrite64": _one("write"),
    "ftruncate": _one("truncate"), "fsync": _one("fsync"),
    "fdatasync": _one("fdatasync"),
    "sync_file_range": lambda t, a: _one(
        "wait for" if a[3] & WAIT_AFTER else "start")(t, a),
    "syncfs": _one("syncfs"),
    "linkat": _two("link"), "renameat": _two("rename"),
    "renameat2": _two("rename"),
    "mkdirat": lambda t, a: "mkdir " + _at(t, a[0], a[1]),
    "unlinkat": lambda t, a: ("rmdir " if a[2] & AT_REMOVEDIR else "unlink ") +
    _at(t, a[0], a[1]),
}


class Recorder:
    """A hook that writes down what was changed below queue and mail.

    But for the syncfs after a listing of in/: queue-run lists it when the clock
    says so, and syncs when a name was there.
    """
    BESIDE = ("close", "lseek", "brk", "mmap", "munmap")

    def __init__(self, names):
        self.names, self.lines, self.said = names, [], None
        self.listed = False

    def __call__(self, traced, stop):
        if stop.entry:
            change = CHANGES.get(stop.name)
            said = change(traced, stop.args) if change else None
            self.said = said and self.names.plain(said.replace(
                ".%d" % traced.pid, ".PID"))
            if self.said == "syncfs queue" and self.listed:
                self.said = None
            if stop.name not in self.BESIDE:
                self.listed = stop.name == "getdents64" and _one("list")(
                    traced, stop.args) == "list %s/in" % self.names.home.queue
        elif self.said:
            self.lines.append(self.said if stop.ret >= 0 else "%s: %s" % (
                self.said, errno.errorcode[-stop.ret]))
            self.said = None


class Names:
    """What differs from run to run gets a name that does not."""
    PATTERNS = [(kind, re.compile(pattern)) for kind, pattern in (
        ("QID", r"(?<![0-9A-Z])[0-9A-HJKMNP-TV-Z]{26}(?![0-9A-QS-Z])"),
        ("MINUTE", r"(?<=retry1/)\d{8}T\d{4}"),
        ("SHARD", r"(?<=message/)[0-9A-Z]{6}(?![0-9A-Z])"),
        ("TIME", r"(?<=/)\d{10}(?=\.QID)"))]

    def __init__(self, home, qids):
        self.home, self.seen = home, {"QID": qids}

    def plain(self, line):
        """None: it is neither of the queue nor of a mailbox."""
        if self.home.queue not in line and self.home.mail not in line:
            return None
        line = line.replace(self.home.queue, "queue")
        line = line.replace(self.home.mail, "mail").replace(" (deleted)", "")
        for kind, pattern in self.PATTERNS:
            seen = self.seen.setdefault(kind, [])
            for text in pattern.findall(line):
                if text not in seen:
                    seen.append(text)
                line = line.replace(text, kind + str(seen.index(text) + 1))
        return line


class Numbered:
    """Qids in the order they were made, in a shard that no other run has."""

    def __init__(self, serial):
        self.made = []
        self.ms = time.time_ns() // 1000000 - (serial << 20)

    def __call__(self):
        self.made.append(make_qid(self.ms, len(self.made) + 1 << 40))
        return self.made[-1]


def _once(system, ledger, scenario, serial):
    """The lines of one scenario."""
    ledger.make_qid = Numbered(serial)
    hooks = {name: Recorder(Names(system.home, ledger.make_qid.made))
             for name in TRACED}
    for name in TRACED:
        system.trace(name, hooks[name])
    system.pause(0.02)
    scenarios.ALL[scenario](system, ledger)
    settle(system, ledger)
    system.pump(lambda: not system.home.names("message"), what="tidiness")
    for name in TRACED:     # what it still does comes before its next answer
        system.wait_up(name)
        system.untrace(name)
    return [line for name in TRACED for line in
            ["%s, %s" % (scenario, name)] + hooks[name].lines + [""]]


def _all(bench, **places):
    """All scenarios; again when a minute turned, for its retries may have two
    then."""
    system, serial, lines = bench.system(ORDER_SETTINGS, **places), 0, []
    ledger = Ledger(system.home)
    system.wait_up("queue-run")     # twice: its first turn lies behind, too
    # A command ends when it ends: what is saved before that has no order.
    for scenario in (s for s in scenarios.ALL if s != "program" and
                     s not in scenarios.SETTINGS):
        minute = -1
        while minute != time.time() // 60:
            minute, serial = time.time() // 60, serial + 1
            found = _once(system, ledger, scenario, serial)
        lines += found
    return lines


def supported():
    """None, or why there is nowhere to do it."""
    return None if os.access(MEMORY, os.W_OK) else "no %s" % MEMORY


def _compare(name, lines, keep):
    path = os.path.join(KEPT, name + ".txt")
    if keep:
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
    with open(path) as f:
        kept = f.read().splitlines()
    return "order of changes, " + name, len(lines), list(difflib.unified_diff(
        kept, lines, "order/%s.txt" % name, "this run", lineterm="", n=2))


def memory(build, keep):
    """On tmpfs, which promises what ext4 with a journal does; needs no root."""
    with Bench(build, MEMORY) as bench:
        return _compare("journal", _all(bench), keep)


def mounted(build, keep, kind, two):
    with Bench(build) as bench, images.Images(bench.top, kind, two) as m:
        return _compare(kind + ("-two" if two else ""), _all(
            bench, queue=m.place("queue"), mail=m.place("mail")), keep)
