# SPDX-License-Identifier: ISC
"""images.py: power cuts. Needs root.

Queue and mailboxes lie on loop images of ext4, mounted with commit=600, so that
nothing but our own syncs makes anything durable. A copy of the image file, taken
while it is mounted, is the disk as a power cut would leave it at that instant.

sync_points	every exit of a call that syncs, links, renames or unlinks, in
		queue-add, queue-run and deliver-mailbox: all three stand still,
		the images are copied, all go on
load		random instants under 20 senders of smtpd, everything stopped

Each copy is judged twice: as it lies (what was acknowledged is whole in a
mailbox or in the queue), and after `queue tidy` and a run until all is settled.
"""
import os
import random
import shutil
import signal
import subprocess
import time

import scenarios
from ptrace import HOLD, Give
from sweep import SETTINGS, Bench
from system import (DOMAIN, SERVICES, USERS, Home, Ledger, Message, Stuck,
                    System, owner, settle, tidy)

SIZE_MIB = 48
KINDS = {"journal": [], "no-journal": ["-O", "^has_journal"]}
POINTS = {"fsync", "syncfs", "renameat2", "linkat", "unlinkat", "mkdirat",
          "write", "writev"}
TRACED = ("queue-add", "deliver-mailbox", "queue-run")


def supported():
    """None, or why this machine cannot make images."""
    if os.getuid() != 0:
        return "power cuts need root"
    for program in ("mkfs.ext4", "e2fsck", "mount", "losetup"):
        if shutil.which(program) is None:
            return "power cuts need %s" % program
    where = Bench("/").top
    try:
        with Images(where, "journal", False):
            return None
    except (OSError, subprocess.CalledProcessError) as e:
        return "no loop image can be mounted: %s" % e
    finally:
        shutil.rmtree(where, ignore_errors=True)


def _run(*command):
    subprocess.run(command, check=True, stdout=subprocess.PIPE,
                   stderr=subprocess.STDOUT)


def copy_sparse(source, target):
    """The octets that are there; holes stay holes."""
    with open(source, "rb", 0) as a, open(target, "wb", 0) as b:
        end = os.fstat(a.fileno()).st_size
        b.truncate(end)
        at = 0
        while at < end:
            try:
                at = os.lseek(a.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            stop = os.lseek(a.fileno(), at, os.SEEK_HOLE)
            os.lseek(b.fileno(), at, os.SEEK_SET)
            while at < stop:
                n = os.copy_file_range(a.fileno(), b.fileno(),
                                       min(stop - at, 1 << 24), at, at)
                if n == 0:
                    break
                at += n


class Images:
    """One image or two, mounted; taken down at any end."""

    def __init__(self, top, kind, two):
        self.top, self.kind = top, kind
        self.names = ("queue", "mail") if two else ("queue",)
        self.files = {n: os.path.join(top, n + ".img") for n in self.names}
        self.mounts = {n: os.path.join(top, "mnt-" + n) for n in self.names}
        self.copies = {n: os.path.join(top, "cut-" + n) for n in self.names}
        self.mounted = []
        self.by_hand = 0        # images that e2fsck -p did not repair

    def mount(self, image, where, *options):
        os.makedirs(where, exist_ok=True)
        self.mounted.append(where)      # before: we may be ended in it
        _run("mount", "-o", ",".join(("loop",) + options), image, where)

    def unmount(self, where):
        for _ in range(100):
            if not os.path.ismount(where):
                break
            if subprocess.run(["umount", "-d", where], check=False,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE).returncode == 0:
                break
            time.sleep(0.05)
        else:
            _run("umount", "-l", "-d", where)
        self.mounted.remove(where)

    def __enter__(self):
        try:
            for name in self.names:
                with open(self.files[name], "wb") as f:
                    f.truncate(SIZE_MIB << 20)
                _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1",
                     *KINDS[self.kind], self.files[name])
                # Without a journal there is no commit to put off.
                self.mount(self.files[name], self.mounts[name], *(
                    ["commit=600"] if self.kind == "journal" else []))
                os.chown(self.mounts[name], *owner())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for where in list(reversed(self.mounted)):
            self.unmount(where)

    def place(self, which, copies=False):
        """Where the queue or the mailboxes lie."""
        tops = self.copies if copies else self.mounts
        return os.path.join(tops.get(which, tops["queue"]), which)

    def snapshot(self, serial):
        """Copy all images now."""
        for name in self.names:
            copy_sparse(self.files[name], "%s.%d" % (self.files[name], serial))

    def open_snapshot(self, serial):
        """What a machine does that starts again after the cut."""
        for name in self.names:
            image = "%s.%d" % (self.files[name], serial)
            if self.kind == "no-journal":
                got = subprocess.run(["e2fsck", "-fp", image], check=False,
                                     stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE)
                if got.returncode not in (0, 1):
                    self.by_hand += 1
                    # What fsck at boot would ask a person, answered yes.
                    subprocess.run(["e2fsck", "-fy", image], check=False,
                                   stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
            self.mount(image, self.copies[name])

    def close_snapshot(self, serial):
        for name in self.names:
            if self.copies[name] in self.mounted:
                self.unmount(self.copies[name])
            os.unlink("%s.%d" % (self.files[name], serial))


class Count:
    """The figures of one configuration."""
    FIELDS = ("images", "acked", "lost", "empty", "truncated", "repeated",
              "other", "by_hand")

    def __init__(self):
        for field in self.FIELDS:
            setattr(self, field, 0)
        self.problems = []

    def add(self, point, problems):
        for p in problems:
            kind = p.split(":")[0]
            if kind not in ("lost", "empty", "truncated"):
                kind = {"twice": "repeated"}.get(kind, "other")
            setattr(self, kind, getattr(self, kind) + 1)
            self.problems.append("%s: %s" % (point, p))

    def __str__(self):
        return "  ".join("%s %d" % (f, getattr(self, f)) for f in self.FIELDS)


class CutLedger(Ledger):
    """As things lie right after a cut: nothing has been put right yet."""

    def __init__(self, home, message):
        Ledger.__init__(self, home)
        self.message = message

    def _check(self, path, name, user):
        said = Ledger._check(self, path, name, user)
        if said:
            size = os.stat(path).st_size
            m = self.message.get(self._key(name, user)[0])
            word = "empty" if size == 0 else "truncated" if m and \
                size < len(m.content) else "wrong"
            return "%s: %s" % (word, said)
        return said

    def raw(self):
        """What was acknowledged is whole somewhere; nothing torn is seen in a
        mailbox. Two places are allowed: queue-run will look."""
        found, problems = self.copies()
        for m in self.message.values():
            if not m.acked or m.deleted or m.maybe_deleted:
                continue
            for user in m.users:
                if (m.qid, user) not in found and not self._queued(m):
                    problems.append("lost: %s for %s" % (m.qid, user))
        return problems

    def _queued(self, m):
        """Is its content whole in the queue, with an envelope?"""
        shard = os.path.join(self.home.queue, "message", m.qid[:6], m.qid)
        envelope, content = False, False
        states = [os.path.join("retry1", x) for x in _names(
            os.path.join(self.home.queue, "retry1"))] + ["in", "busy", "hold"]
        for path in [os.path.join(self.home.queue, s, m.qid)
                     for s in states] + [shard]:
            try:
                with open(path, "rb") as f:
                    octets = f.read()
            except (FileNotFoundError, NotADirectoryError):
                continue
            content |= octets.endswith(m.content)
            envelope |= path != shard and octets != b""
        return envelope and content


def _names(path):
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def _state(message):
    """A copy of the ledger as it stands at a snapshot."""
    copy = {}
    for qid, m in message.items():
        n = Message.__new__(Message)
        n.__dict__.update(m.__dict__)
        copy[qid] = n
    return copy


class Judge:
    """Opens snapshots one after the other over a home of their own."""

    def __init__(self, bench, images, home):
        self.images, self.bench = images, bench
        self.home = home.twin(os.path.join(bench.top, "after"),
                              images.place("queue", True),
                              images.place("mail", True))
        self.system = None

    def judge(self, serial, message, point, count):
        problems = []
        self.images.open_snapshot(serial)
        try:
            for user in USERS:
                scenarios.Away(self.home, user).back()
            ledger = CutLedger(self.home, message)
            problems += ledger.raw()
            problems += self._settle(ledger)
        except (Stuck, AssertionError, OSError) as e:
            problems.append("%s: %s" % (type(e).__name__, e))
        finally:
            self.images.close_snapshot(serial)
        count.images += 1
        count.by_hand = self.images.by_hand
        count.acked += sum(m.acked for m in message.values())
        count.add(point, problems)

    def _settle(self, ledger):
        """Tidy, run, settle; held stays held, then is released."""
        self.home.run("queue", "tidy")
        if self.system is None:
            self.system = System(self.home)
            self.bench.systems.append(self.system)
        system = self.system
        system.start_all()
        try:
            settle(system, ledger)
            problems = ledger.check()
            for m in ledger.message.values():
                if m.qid in self.home.names("hold"):
                    m.held = False
                    system.operate("release", m)
            settle(system, ledger)
            problems += ledger.check()
            # Without a journal a name that had gone may come back, over an
            # inode that is another file's by now: that is for aside/.
            problems += ["aside: %s" % n for n in ledger.aside()
                         if not n.endswith(".content") and
                         self.images.kind == "journal"]
            problems += ["%s ended by itself: %d" % d for d in system.deaths]
            system.deaths.clear()
        finally:
            system.stop_all()
        # What a cut left in aside/, and in a tmp/ (Maildir: 36 hours), is no
        # message any more.
        return problems + [p for p in tidy(system, ledger)
                           if "aside/" not in p and "in tmp/" not in p]


class SnapAt:
    """Hold at the exit of every call that may matter."""

    def __call__(self, traced, stop):
        if stop.entry or stop.name not in POINTS or stop.ret < 0:
            return None
        if stop.name in ("write", "writev"):
            path = traced.path_of(stop.args[0] & 0xffffffff)
            if "/queue/" not in path and "/mail/" not in path:
                return None
        return HOLD


class LieAt:
    """The self-check: a sync is not made, and answered well."""

    def __init__(self, inner, directories_only=False):
        self.inner, self.directories_only = inner, directories_only

    def __call__(self, traced, stop):
        if stop.entry and stop.name in ("fsync", "syncfs"):
            if not self.directories_only or stop.name == "syncfs" or \
                    os.path.isdir(traced.path_of(stop.args[0] & 0xffffffff)):
                return Give(0)
        return self.inner(traced, stop)


def _watch(system, images, ledger, cuts, stride):
    """A snapshot whenever a program is held; hooked into every reap()."""
    seen, real = [0], system.reap

    def still(t):
        return t.held is not None or t.stopped

    def reap():
        real()
        while True:
            held = [t for t in system.traced.values() if t.held is not None]
            if not held:
                return
            traced = held[0]
            seen[0] += 1
            if seen[0] % stride == 0:
                cuts.append((len(cuts), _state(ledger.message), "%s %s" % (
                    next(n for n, p in system.pid.items()
                         if p == traced.pid), traced.held)))
                images.snapshot(len(cuts) - 1)
            traced.release()
            real()
    system.reap = reap


def sync_points(build, kind, two, names, stride=1, lies=None, where=None):
    """(title, Count, problems): a snapshot at every sync point. lies: `all` or
    `directories` are not synced."""
    count = Count()
    with Bench(build, where) as bench, Images(bench.top, kind, two) as images:
        system = bench.system(SETTINGS + [("storage", "min_free = 0")] +
                              sum((scenarios.SETTINGS.get(n, [])
                                   for n in names), []),
                              queue=images.place("queue"),
                              mail=images.place("mail"))
        os.sync()
        ledger, cuts = Ledger(system.home), []
        hook = LieAt(SnapAt(), lies == "directories") if lies else SnapAt()
        _watch(system, images, ledger, cuts, stride)
        for name in names:
            for service in TRACED:
                system.trace(service, hook)
            system.pause(0.02)
            scenarios.ALL[name](system, ledger)
            settle(system, ledger)
        for service in TRACED:
            system.untrace(service)
        system.stop_all()
        count.add("before any cut", ledger.check())
        judge = Judge(bench, images, system.home)
        for serial, message, point in cuts:
            judge.judge(serial, message, point, count)
        for s in bench.systems:
            s.close()
        bench.systems.clear()
    title = "cuts at sync points, %s, %s" % (
        kind, "two file systems" if two else "one file system")
    return title, count, count.problems
