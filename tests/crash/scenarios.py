# SPDX-License-Identifier: ISC
"""scenarios.py: what the sweeps interrupt.

Each is a function of (system, ledger). Its questions are repeated where a
person or a program would repeat them (`hold` without an answer), and not where
they would not (`add`). It leaves nothing held.
"""
import os

from system import PROGRAM, Stuck


def one(system, ledger):
    """One file: one recipient, small."""
    system.add(ledger.new(["bob"]))


def apart(system, ledger):
    """Two files: two recipients."""
    system.add(ledger.new(["bob", "ann"]))


def big(system, ledger):
    """Two files, content through a descriptor that we write and sync."""
    system.add_big(ledger.new(["bob"], 70000))


def round_of_three(system, ledger):
    """One round: one file, two files, one file."""
    system.add(ledger.new(["bob"]), ledger.new(["ann", "bob"]),
               ledger.new(["ann"]))


class Away:
    """A mailbox that is not there: what is for it needs a memory."""

    def __init__(self, home, user):
        self.path = home.mailbox(user)

    def __enter__(self):
        os.rename(self.path, self.path + ".away")
        return self

    def __exit__(self, *_):
        self.back()

    def back(self):
        if os.path.exists(self.path + ".away"):
            os.rename(self.path + ".away", self.path)


def _deferred(system, m):
    """Until it is put off. After a fault it may wait in memory for the next
    minute: that is made now."""
    def there():
        places = system.home.place_of(m.qid)
        return not m.acked or "retry1" in places and (
            system.patient or "in" not in places)
    for _ in range(20 if system.patient else 0):
        try:
            system.pump(there, limit=0.3, what="the deferral")
            return
        except Stuck:
            system.ask("queue-run", b"flush qid=%s\n" % m.qid.encode())
    system.pump(there, what="the deferral")


def deferral(system, ledger):
    """A memory: put off, then due again and delivered."""
    with Away(system.home, "carol"):
        m = ledger.new(["carol"])
        system.add(m)
        _deferred(system, m)


def partly(system, ledger):
    """Two recipients, one delivered: a `done` line, then the other."""
    with Away(system.home, "carol"):
        m = ledger.new(["bob", "carol"])
        system.add(m)
        _deferred(system, m)


def hold_release(system, ledger):
    """Put off, held, released, delivered."""
    with Away(system.home, "carol") as away:
        m = ledger.new(["carol"])
        system.add(m)
        _deferred(system, m)
        if not m.acked:
            return
        m.held = system.operate("hold", m) == "ok"
        away.back()
        system.pause(0.03)
        problems = ledger.check(settled=False, patient=system.patient)
        m.held = False
        if problems:
            raise AssertionError(problems)
        system.operate("release", m)


def delete(system, ledger):
    """Put off, deleted; one more held and deleted."""
    with Away(system.home, "carol"):
        for holds in (False, True):
            m = ledger.new(["carol"])
            system.add(m)
            _deferred(system, m)
            if not m.acked:
                continue
            if holds:
                system.operate("hold", m)
            m.maybe_deleted = True
            # The answer may have been lost: then it is gone already.
            m.deleted = system.operate("delete", m) in ("ok", "perm")


def program(system, ledger):
    """A mailbox and a command: each copy is settled by itself. And one file
    that goes to the command alone."""
    system.add(ledger.new(["bob", PROGRAM]))
    system.add(ledger.new([PROGRAM]))


def _parked(system, m):
    """Until it lies in busy/, or is gone: a release that is asked again finds
    it parked. After a fault it may wait in memory, as above."""
    def there():
        places = system.home.place_of(m.qid)
        return not m.acked or not places or "busy" in places and (
            system.patient or "in" not in places)
    for _ in range(20 if system.patient else 0):
        try:
            system.pump(there, limit=0.3, what="the parking")
            return
        except Stuck:
            system.ask("queue-run", b"hold qid=%s\n" % m.qid.encode())
            system.ask("queue-run", b"release qid=%s\n" % m.qid.encode())
    system.pump(there, what="the parking")


def park(system, ledger):
    """Parked, for there is never room here; then one file is released, of two
    one is held, released and parked again, one is deleted. What is left an
    operator lets go."""
    messages = [ledger.new(["bob"]), ledger.new(["ann", "bob"]),
                ledger.new(["ann"])]
    for m in messages:
        system.add(m)
        _parked(system, m)
    one, two, gone = messages
    if one.acked:
        system.operate("release", one)
    if two.acked:
        two.held = system.operate("hold", two) == "ok"
        problems = ledger.check(settled=False, patient=system.patient)
        two.held = False
        if problems:
            raise AssertionError(problems)
        system.operate("release", two)
        _parked(system, two)
    if gone.acked:
        gone.maybe_deleted = True
        gone.deleted = system.operate("delete", gone) in ("ok", "perm")


def quota(system, ledger):
    """Mailboxes with a quota, which is far away: nothing may come of a use
    that cannot be kept."""
    system.add(ledger.new(["bob", "ann"]))
    system.add(ledger.new(["bob"]))


# What a scenario needs besides.
SETTINGS = {"park": [("storage", "high_pct = 0"), ("storage", "low_pct = 0")],
            "quota": [("mail", "quota = 1G")]}

ALL = {"one": one, "apart": apart, "big": big, "round": round_of_three,
       "deferral": deferral, "partly": partly, "hold": hold_release,
       "delete": delete, "program": program, "park": park, "quota": quota}
