# SPDX-License-Identifier: ISC
"""selfcheck.py: the harness must see what is wrong. Each of these does something
wrong on purpose and answers a problem when nothing was reported."""
import os

import images
import ptrace
import scenarios
from sweep import Bench
from system import Ledger, settle


def _must_see(title, problems, word):
    seen = [p for p in problems if p.startswith(word)]
    return title, 1, [] if seen else ["not seen: %s; told: %s" % (
        word, problems[:3])]


def dropped(build):
    """Somebody removes a mailbox's file."""
    with Bench(build) as bench:
        system = bench.system()
        ledger = Ledger(system.home)
        scenarios.one(system, ledger)
        settle(system, ledger)
        for paths in ledger.copies()[0].values():
            os.unlink(paths[0])
        return _must_see("a mail that was removed is lost",
                         ledger.check(), "lost")


def changed(build):
    """Octets of a stored message change."""
    with Bench(build) as bench:
        system = bench.system()
        ledger = Ledger(system.home)
        scenarios.one(system, ledger)
        settle(system, ledger)
        for paths in ledger.copies()[0].values():
            os.chmod(paths[0], 0o600)
            with open(paths[0], "r+b") as f:
                f.seek(-3, 2)
                f.write(b"X")
            ledger.seen.clear()
        return _must_see("a mail that was changed is not what was accepted",
                         [p.split(": ", 1)[1] for p in ledger.check()],
                         "not what")


class NoLink:
    """link() is not made, and answered well."""

    def __call__(self, traced, stop):
        if stop.entry and stop.name == "linkat":
            return ptrace.Give(0)
        return None


def unlinked(build):
    """A deliver-mailbox that says ok and links nothing."""
    with Bench(build) as bench:
        system = bench.system()
        ledger = Ledger(system.home)
        system.trace("deliver-mailbox", NoLink())
        scenarios.one(system, ledger)
        settle(system, ledger)
        system.untrace("deliver-mailbox")
        return _must_see("a link that was not made is a loss",
                         ledger.check(), "lost")


def unsynced(build, kind, two):
    """No program syncs anything, and all are told that they did."""
    title, count, problems = images.sync_points(
        build, kind, two, ["one", "apart"], lies="all")
    return _must_see("without syncs, mail is lost: " + title,
                     [p.split(": ", 1)[1] for p in problems], "lost")


def unsynced_directories(build):
    """Without a journal, on two file systems: files are synced, directories
    are not."""
    title, count, problems = images.sync_points(
        build, "no-journal", True, ["one", "apart"], lies="directories")
    return _must_see("without syncs of directories, mail is lost: " + title,
                     [p.split(": ", 1)[1] for p in problems], "lost")
