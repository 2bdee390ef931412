# SPDX-License-Identifier: ISC
"""races.py: what others may do at each step, and nothing dies.

looks	queue-run restarts while queue-add stands before call N of an acceptance
hold	an operator holds the message before call N of its delivery
reader	a POP3 session deletes the message before call N of its letting go; or a
	Maildir reader has moved it to cur/ before; or moves it only
"""
import os
import time

import scenarios
from ptrace import HOLD
from sweep import SETTINGS, Bench
from system import Ledger, Link, Stuck, settle, tidy


class HoldAt:
    """Stand before call `index`."""

    def __init__(self, index):
        self.index, self.fired, self.last = index, None, 0

    def __call__(self, traced, stop):
        self.last = stop.index
        if self.fired is None and stop.entry and stop.index == self.index:
            self.fired = str(stop)
            return HOLD
        return None


def _each_step(build, victim, scenario, act, title, stride=1, patient=False):
    """act(system, ledger, traced) while the victim stands at each step."""
    points, problems = 0, []
    with Bench(build) as bench:
        system = bench.system()
        ledger = Ledger(system.home)
        index = 1
        while not problems:
            hook = HoldAt(index)
            real = system.reap
            busy = [False]

            def reap():
                real()
                traced = system.traced.get(victim)
                if traced is None or not traced.held or busy[0]:
                    return
                busy[0] = True
                act(system, ledger, traced)
                traced.release()
                busy[0] = False
            system.reap = reap
            try:
                system.wait_up(victim)
                system.trace(victim, hook)
                scenarios.ALL[scenario](system, ledger)
                settle(system, ledger)
                system.untrace(victim)
                problems += ledger.check()
                problems += _end(system, ledger)
            except (Stuck, AssertionError) as e:
                problems += ["%s: %s" % (type(e).__name__, e)]
            system.reap = real
            problems = ["%s: %s" % (hook.fired, p) for p in problems]
            problems += ["%s ended by itself: %d" % d for d in system.deaths]
            points += hook.fired is not None
            index += stride
            if hook.fired is None and index > hook.last:
                break
        problems += ["after tidying: %s" % p
                     for p in tidy(system, ledger) + ledger.check()]
    return "%s, %s, %s" % (title, victim, scenario), points, problems


def _end(system, ledger):
    """What was held is released, and arrives."""
    problems = []
    for m in ledger.message.values():
        if m.held:
            m.held = False
            if system.operate("release", m) != "ok":
                problems.append("cannot be released: %s" % system.told)
    settle(system, ledger)
    return problems + ledger.check()


# ---- queue-run restarts in an acceptance ----

def looks(build, scenario, stride=1):
    def act(system, ledger, traced):
        system.kill("queue-run")
        system.wait_up("queue-run")
    return _each_step(build, "queue-add", scenario, act,
                      "queue-run restarts", stride)


# ---- an operator holds in a delivery ----

def hold(build, victim, scenario, stride=1):
    """`ok` means held, and to nobody who had it not yet; `perm` settled."""
    pending = []

    def act(system, ledger, traced):
        m = list(ledger.message.values())[-1]
        link = Link(system.home, "queue-run")
        link.send(b"hold qid=%s\n" % m.qid.encode())
        pending.append((m, link))
        if traced is not system.traced.get("queue-run"):
            end = time.monotonic() + 0.01
            while time.monotonic() < end:
                pass

    def answered(system, ledger):
        problems = []
        while pending:
            m, link = pending.pop()
            lines = []

            def there():
                line = link.line()
                if line is not None:
                    lines.append(line)
                return lines or link.ended
            system.pump(there, [link], what="the answer to hold")
            link.close()
            word = lines[0].split(" ")[0] if lines else "none"
            places = system.home.place_of(m.qid)
            if word == "ok" and "hold" not in places:
                problems.append("held, and in %s: %s" % (places, m.qid))
            if word not in ("ok", "perm", "temp"):
                problems.append("hold was answered %s" % word)
            found, _ = ledger.copies()
            got = sum(len(found.get((m.qid, u), [])) for u in m.users)
            if word == "ok" and got == len(m.users):
                problems.append("held, and delivered to all: %s" % m.qid)
            # A recipient who had it stays served; the others wait.
            m.held = word == "ok" and got == 0
            if word == "ok" and got > 0:
                system.operate("release", m)
        return problems

    def scenario_and_answer(system, ledger):
        real(system, ledger)
        problems = answered(system, ledger)
        if problems:
            raise AssertionError("; ".join(problems))
    real = scenarios.ALL[scenario]
    name = scenario + " held"
    scenarios.ALL[name] = scenario_and_answer
    return _each_step(build, victim, name, act, "an operator holds", stride)


# ---- a reader deletes while the queue lets go ----

def reader(build, victim, scenario, how, stride=1):
    """how: `unlink`, `move` (new/ to cur/), `both`. No message comes back."""
    def act(system, ledger, traced):
        found, _ = ledger.copies()
        for (qid, user), paths in found.items():
            for path in paths:
                to = path.replace("/new/", "/cur/") + (
                    "" if "/cur/" in path else ":2,S")
                if how in ("move", "both") and "/new/" in path:
                    os.rename(path, to)
                    path = to
                if how in ("unlink", "both"):
                    os.unlink(path)
                    # Not missed; and if it comes back, it is for nobody.
                    ledger.message[qid].users.remove(user)

    return _each_step(build, victim, scenario, act,
                      "a reader (%s)" % how, stride)
