# SPDX-License-Identifier: ISC
"""sweep.py: the sweeps over one scenario and one victim, as jobs.

kill	the victim dies before call N, for N = 1, 2, ... until the scenario
	ends without meeting it, and, where the call changes something, after
	it. It is started again at once, as the supervisor would.
restart	queue-run dies at the end of a scenario, and the next one dies at call
	N of its own start: a second fault while the first is repaired.
fault	call N of a kind fails with an error.

After each point: the ledger. After each sweep: `queue tidy`, and what is left.
A job answers (title, points, problems).
"""
import os
import shutil
import tempfile

import faults
import ptrace
import scenarios
from system import Home, Ledger, Stuck, System, settle, tidy

SETTINGS = [("pneu", "sandbox = off"), ("queue", "let_go = 10ms"),
            ("queue", "poison_deaths = 100")]


class Bench:
    """A place for homes, cleaned up at any end."""

    def __init__(self, build, where=None):
        self.build = build
        self.top = tempfile.mkdtemp(prefix="pneu-crash.", dir=where)
        os.chmod(self.top, 0o755)
        self.systems = []

    def system(self, settings=SETTINGS, **kw):
        where = os.path.join(self.top, "home%d" % len(self.systems))
        home = Home(self.build, where, settings=settings, **kw).make()
        system = System(home)
        self.systems.append(system)
        system.start_all()
        return system

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for system in self.systems:
            try:
                system.close()
            except (OSError, Stuck) as e:
                print("# closing: %s" % e)
        shutil.rmtree(self.top, ignore_errors=True)


def _served(system, ledger):
    """It works afterwards: one more is taken and arrives."""
    m = ledger.new(["ann"])
    system.add(m)
    settle(system, ledger)
    return [] if m.acked else ["not served afterwards: %s" % m.answer]


def _deaths(system, by_signal_only=False):
    bad = ["%s ended by itself: status %d" % (n, s) for n, s in system.deaths
           if os.WIFSIGNALED(s) or not by_signal_only]
    system.deaths.clear()
    return bad


# ---- kill ----

class KillAt:
    """Kill at call `index`: before it, or after it if it changes something."""

    def __init__(self, index, after):
        self.index, self.after, self.fired, self.last = index, after, None, 0

    def __call__(self, traced, stop):
        self.last = stop.index
        if self.fired is not None or stop.index != self.index or \
                stop.entry == self.after:
            return None
        if self.after and stop.name not in ptrace.CHANGES:
            return None
        self.fired = str(stop)
        return ptrace.KILL


def kill_point(system, ledger, scenario, victim, hook, serves):
    try:
        system.wait_up(victim)
        system.trace(victim, hook)
        scenarios.ALL[scenario](system, ledger)
        settle(system, ledger)
        system.untrace(victim)
        problems = ledger.check()
        if hook.fired and serves:
            problems += _served(system, ledger) + ledger.check()
    except (Stuck, AssertionError) as e:
        problems = ["%s: %s" % (type(e).__name__, e)] + ledger.check(False)
    return ["%s: %s" % (hook.fired, p) for p in problems + _deaths(system)]


def kill(build, victim, scenario, stride=1, offset=1):
    points, problems = 0, []
    with Bench(build) as bench:
        system = bench.system(
            SETTINGS + scenarios.SETTINGS.get(scenario, []))
        ledger = Ledger(system.home)
        for after in (False, True):
            index = offset
            while not problems:
                hook = KillAt(index, after)
                # A queue-add that lost queue-run looks for it once a second.
                problems += kill_point(
                    system, ledger, scenario, victim, hook,
                    victim != "queue-run" or index % 16 == 1)
                points += hook.fired is not None
                index += stride
                if hook.fired is None and index > hook.last:
                    break
        problems += ["after tidying: %s" % p
                     for p in tidy(system, ledger) + ledger.check()]
    return "kill %s, %s" % (victim, scenario), points, problems


# ---- restart ----

def restart(build, scenario, stride=1, offset=1):
    """queue-run dies before it lets go; its successor dies at call N."""
    points, problems = 0, []
    with Bench(build) as bench:
        system = bench.system(
            SETTINGS + scenarios.SETTINGS.get(scenario, []))
        ledger = Ledger(system.home)
        index = offset
        while not problems:
            first, second = KillLetGo(), KillAt(index, False)
            try:
                system.wait_up("queue-run")
                system.trace("queue-run", first)
                system.on_start["queue-run"] = second
                scenarios.ALL[scenario](system, ledger)
                settle(system, ledger)
                system.untrace("queue-run")
                system.on_start.clear()
                problems += ledger.check()
            except (Stuck, AssertionError) as e:
                problems += ["%s: %s" % (type(e).__name__, e)]
            problems = ["%s, %s: %s" % (first.fired, second.fired, p)
                        for p in problems + _deaths(system)]
            points += second.fired is not None
            index += stride
            if second.fired is None and index > second.last:
                break
        problems += ["after tidying: %s" % p
                     for p in tidy(system, ledger) + ledger.check()]
    return "kill at restart, %s" % scenario, points, problems


class KillLetGo:
    """Before the first name leaves in/, when it was delivered already."""

    def __init__(self):
        self.fired = None

    def __call__(self, traced, stop):
        if self.fired or not stop.entry or stop.name != "unlinkat":
            return None
        self.fired = str(stop)
        return ptrace.KILL


# ---- fault ----

def fault_point(system, ledger, scenario, victim, hook):
    trouble = os.path.join(system.home.queue, "trouble")
    problems = []
    try:
        system.wait_up(victim)
        before = set(ledger.message)
        system.trace(victim, hook)
        scenarios.ALL[scenario](system, ledger)
        if hook.lasts:
            hook.end()
        problems += ["answered %s" % m.answer
                     for q, m in ledger.message.items()
                     if q not in before and m.answer not in (
                         "ok", "temp", None)]
        system.troubled = False
        settle(system, ledger)
        if hook.wants_trouble() and not system.troubled and \
                not os.path.exists(trouble):
            problems.append("no queue/trouble after a failed sync")
        system.untrace(victim)
        problems += ledger.check()
        problems += ["acknowledged, and in aside/: %s" % n
                     for n in ledger.aside()]
        if hook.fired:
            problems += _served(system, ledger) + ledger.check()
    except (Stuck, AssertionError) as e:
        problems += ["%s: %s" % (type(e).__name__, e)] + ledger.check(False)
    if os.path.exists(trouble):
        os.unlink(trouble)
    if problems:
        problems += system.alarms()[-6:]
    return ["%s: %s" % (hook.fired, p)
            for p in problems + _deaths(system, by_signal_only=True)]


def fault(build, victim, scenario, rows, lasts=False, stride=1):
    points, problems = 0, []
    with Bench(build) as bench:
        system = bench.system(
            SETTINGS + scenarios.SETTINGS.get(scenario, []))
        system.patient = True
        ledger = Ledger(system.home)
        scenarios.ALL[scenario](system, ledger)
        settle(system, ledger)
        pid = system.pid[victim]
        files = faults.open_files(pid)
        for calls, error in rows:
            nth, bad = 1, []
            while not bad:
                hook = faults.FaultAt(calls, error, nth, lasts)
                bad = fault_point(system, ledger, scenario, victim, hook)
                if hook.fired is None:
                    break
                points += 1
                nth += stride
            problems += ["%s: %s" % (faults.row_name(calls, error), p)
                         for p in bad]
        if system.pid.get(victim) == pid and \
                faults.open_files(pid) > files + 24:
            problems.append("descriptors: %d, then %d" % (
                files, faults.open_files(pid)))
        problems += ["after tidying: %s" % p
                     for p in tidy(system, ledger) + ledger.check()]
    return "faults of %s, %s" % (victim, scenario), points, problems
