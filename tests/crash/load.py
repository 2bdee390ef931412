# SPDX-License-Identifier: ISC
"""load.py: the whole system under 20 senders, and what ends it.

kills	kill -9 of a process at random, the supervisor among them, while a loop
	starts `pneu run` again; a reader takes mail away as it comes
cuts	the images of a power cut at random instants (images.py)

The ledger is that of load-smtp: the ids whose 250 it has read. It is a process
of its own, written to as replies come, and read before an image is taken.
"""
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time

import images
import scenarios
from sweep import Bench
from system import (DOMAIN, Home, Ledger, Stuck, System, owner)

SIZE = 4096
LOAD_ID = re.compile(rb"^X-Load-Id: (\d+)\r$", re.M)
LET_GO = 1.0            # seconds: [queue] let_go


def _free_ports(n):
    """As in tests/e2e/lib.sh: not of those that Linux gives to clients."""
    sockets, at = [], os.getpid() * 8
    while len(sockets) < n:
        at += 1
        try:
            sockets.append(socket.create_server(
                ("127.0.0.1", 10000 + at % 22000)))
        except OSError:
            pass
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def _demote():
    if os.getuid() == 0:
        uid, gid = owner()
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


class Pneu:
    """`pneu run` in a restart loop."""

    def __init__(self, home):
        self.home, self.process, self.loops = home, None, 0
        self.log = open(os.path.join(home.dir, "pneu.err"), "ab")

    def start(self):
        self.process = subprocess.Popen(
            [os.path.join(self.home.build, "pneu"), "-C", self.home.dir,
             "run"], stdout=subprocess.PIPE, stderr=self.log,
            preexec_fn=_demote)
        self.loops += 1

    def ready(self):
        os.set_blocking(self.process.stdout.fileno(), False)
        end = time.monotonic() + 60
        said = b""
        while b"ready" not in said:
            if self.process.poll() is not None or time.monotonic() > end:
                return False
            said += self.process.stdout.read() or b""
            time.sleep(0.01)
        return True

    def start_until_ready(self):
        for _ in range(3):
            self.start()
            if self.ready():
                return
            self.end()
            time.sleep(0.1)
        with open(self.log.name, "rb") as f:
            said = f.read()[-500:].decode("latin-1")
        raise Stuck("pneu run is not ready: " + said)

    def pids(self):
        """{pid: name} of the supervisor and all below it."""
        found, todo = {}, [self.process.pid]
        while todo:
            pid = todo.pop()
            try:
                with open("/proc/%d/comm" % pid) as f:
                    found[pid] = f.read().strip()
                with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
                    todo += [int(x) for x in f.read().split()]
            except (FileNotFoundError, ProcessLookupError):
                found.pop(pid, None)
        return found

    def end(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        self.process.wait(60)
        self.process.stdout.close()

    def freeze(self):
        """Nothing moves: every process is stopped, its call in hand done."""
        pids = self.pids()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:
                pass
        for pid in pids:
            for _ in range(2000):
                try:
                    with open("/proc/%d/stat" % pid) as f:
                        if f.read().rsplit(")", 1)[1].split()[0] in "TZX":
                            break
                except (FileNotFoundError, ProcessLookupError):
                    break
                time.sleep(0.001)
        return pids

    @staticmethod
    def thaw(pids):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass


class Senders:
    """load-smtp, again and again until so many messages were offered."""

    def __init__(self, build, where, port, connections=20):
        self.build, self.where, self.port = build, where, port
        self.connections, self.n, self.process = connections, 0, None
        self.files, self.seed = [], 0

    def start(self, total):
        self.seed += 1
        self.files.append(os.path.join(self.where, "ledger%d" % self.seed))
        self.process = subprocess.Popen(
            [os.path.join(self.build, "bench", "load-smtp"),
             "-a", "127.0.0.1:%d" % self.port, "-c", str(self.connections),
             "-m", "5", "-n", str(total), "-s", str(SIZE),
             "-F", "s%d@%s" % (self.seed, DOMAIN),
             "-t", "bob@" + DOMAIN, "-L", self.files[-1]],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.n += total

    def ended(self):
        return self.process.poll() is not None

    def stop(self):
        if not self.ended():
            self.process.terminate()
        self.process.wait()

    def acked(self):
        """{(run, id)} whose 250 was read."""
        got = set()
        for i, name in enumerate(self.files):
            try:
                with open(name, "rb") as f:
                    lines = f.read().split(b"\n")[:-1]
            except FileNotFoundError:
                continue
            got |= {(i + 1, int(x.split(b" ")[0])) for x in lines}
        return got


def identify(path, name, octets):
    """((run, id) of a stored message, None or what is wrong with it)."""
    size = re.search(r",S=(\d+)", name)
    if not octets:
        return None, "empty: " + path
    if size and int(size.group(1)) != len(octets):
        return None, "truncated: " + path
    run = re.search(rb"^Return-Path: <s(\d+)@", octets, re.M)
    number = LOAD_ID.search(octets)
    if run is None or number is None or not octets.endswith(b"\r\n"):
        return None, "truncated: " + path
    return (int(run.group(1)), int(number.group(1))), None


def mailbox_ids(home):
    """{id: [path]}, problems."""
    found, problems = {}, []
    for sub in ("new", "cur"):
        top = os.path.join(home.mailbox("bob"), sub)
        for name in os.listdir(top):
            path = os.path.join(top, name)
            try:
                with open(path, "rb") as f:
                    key, said = identify(path, name, f.read())
            except FileNotFoundError:
                continue
            if said:
                problems.append(said)
            found.setdefault(key, []).append(path)
    found.pop(None, None)
    return found, problems


def queue_ids(home):
    """Ids of what lies whole in the queue."""
    found = set()
    for top, _, names in os.walk(home.queue):
        if top.endswith("aside"):
            continue
        for name in names:
            if name[0] == "." or len(name) != 26:
                continue
            try:
                with open(os.path.join(top, name), "rb") as f:
                    octets = f.read()
            except FileNotFoundError:
                continue
            size = re.match(rb"Pneu: one .* size=(\d+) ", octets)
            start = octets.find(b"\r\n") + 2
            if size and len(octets) - start == int(size.group(1)):
                found.add(identify(top, "", octets)[0])
    return found


def _who(home):
    """Every process of that home: for who looks at what is stuck."""
    lines = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().replace(b"\0", b" ").decode("latin-1")
            if home.dir not in words and os.readlink(
                    "/proc/%s/cwd" % pid) != home.dir:
                continue
            with open("/proc/%s/stat" % pid) as f:
                state, parent = f.read().rsplit(")", 1)[1].split()[:2]
            with open("/proc/%s/syscall" % pid) as f:
                call = f.read().split()[0]
        except OSError:
            continue
        lines.append("%s (parent %s) %s, call %s: %s" % (
            pid, parent, state, call, words[-60:]))
    return lines


def _settled(home, limit=120):
    """Wait until the queue is empty; what was put off is due now."""
    end = time.monotonic() + limit
    while home.names("in") or home.names("retry1"):
        if time.monotonic() > end:
            raise Stuck("the queue does not empty: %d, %d" % (
                len(home.names("in")), len(home.names("retry1"))))
        if home.names("retry1"):
            subprocess.run([os.path.join(home.build, "queue"), "-C",
                            home.dir, "flush"], check=False,
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        time.sleep(0.05)


class Reader(threading.Thread):
    """Takes every third message away as soon as it is seen."""

    def __init__(self, home):
        threading.Thread.__init__(self, daemon=True)
        self.home, self.done = home, False
        self.taken, self.again = {}, []

    def run(self):
        new = os.path.join(self.home.mailbox("bob"), "new")
        while not self.done:
            for name in os.listdir(new):
                self._look(os.path.join(new, name), name)
            time.sleep(0.02)

    def _look(self, path, name):
        if hash(name) % 3:
            return
        try:
            delivered = os.stat(path).st_ctime
            with open(path, "rb") as f:
                key, said = identify(path, name, f.read())
            if said:
                return
            os.unlink(path)
        except FileNotFoundError:
            return
        now = time.time()
        if key in self.taken:
            self.again.append((key, self.taken[key]))
        self.taken[key] = (delivered, now)


def kills(build, messages, seed=1, every=(0.15, 0.6), supervisor_one_in=6):
    """Random kills. A repeat is excused when the reader deleted the message and
    then, before the queue had let go of it, something was killed."""
    problems, chance = [], random.Random(seed)
    with Bench(build) as bench:
        smtp, pop = _free_ports(2)
        home = Home(build, os.path.join(bench.top, "home"), settings=[
            ("smtpd", "listen = 127.0.0.1:%d" % smtp),
            ("pop3d", "listen = 127.0.0.1:%d" % pop),
            ("pneu", "restart_min = 20ms"), ("pneu", "restart_max = 500ms"),
            ("queue", "poison_deaths = 100"),
            ("smtpd", "clients_per_address = 0"),
            ("storage", "min_free = 0")]).make()
        pneu, killed = Pneu(home), []
        senders = Senders(build, bench.top, smtp)
        reader = Reader(home)
        pneu.start_until_ready()
        try:
            reader.start()
            batch = max(200, messages // 10)
            end = time.monotonic() + 120 + messages / 50
            senders.start(batch)
            due = time.monotonic() + chance.uniform(*every)
            while senders.n < messages or not senders.ended():
                if time.monotonic() > end:
                    raise Stuck("the senders do not end")
                if senders.ended():
                    senders.start(batch)
                if pneu.process.poll() is not None:
                    pneu.process.stdout.close()
                    pneu.start_until_ready()
                if time.monotonic() > due:
                    due = time.monotonic() + chance.uniform(*every)
                    killed += _kill_one(pneu, chance, supervisor_one_in)
                time.sleep(0.005)
            if pneu.process.poll() is not None:
                pneu.start_until_ready()
            _settled(home)
            reader.done = True
            reader.join()
            pneu.end()
            home.run("queue", "tidy")
        except (Stuck, subprocess.TimeoutExpired) as e:
            problems += [str(e)] + _who(home)
        finally:
            reader.done = True
            senders.stop()
            if pneu.process.poll() is None:
                pneu.end(signal.SIGKILL)
        acked = senders.acked()
        repeats, longest = _judge(home, acked, reader, killed, problems)
    title = "%d kills under load: %d offered, %d acknowledged, %d starts, " \
        "%d taken by a reader, %d of them came back (killed within " \
        "%.1f s of their delivery)" % (
            len(killed), senders.n, len(acked), pneu.loops,
            len(reader.taken), repeats, longest)
    return title, len(killed), problems


def _kill_one(pneu, chance, supervisor_one_in):
    pids = pneu.pids()
    if chance.randrange(supervisor_one_in) == 0:
        pid = pneu.process.pid
    else:   # a name first: else the pools would take nearly all kills
        names = sorted(set(pids.values()) - {pids.get(pneu.process.pid)})
        if not names:
            return []
        name = chance.choice(names)
        pid = chance.choice([p for p in pids if pids[p] == name])
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return []
    return [(time.time(), pids.get(pid, "pneu"))]


def _judge(home, acked, reader, killed, problems):
    found, wrong = mailbox_ids(home)
    problems += wrong
    queued = queue_ids(home)
    for key in sorted(acked):
        if key not in found and key not in reader.taken and key not in queued:
            problems.append("lost: %s" % (key,))
    for key, paths in found.items():
        if len(paths) > 1:
            problems.append("twice, and nobody deleted it: %s" % (key,))
    back = reader.again + [(k, reader.taken[k]) for k in found
                           if k in reader.taken]
    excused, longest = 0, 0.0
    for key, (delivered, deleted) in back:
        # A second; and under load a batch waits for the one before it.
        after = [t - delivered for t, _ in killed
                 if deleted - 0.1 <= t <= delivered + LET_GO + 5]
        if after:
            excused += 1
            longest = max(longest, min(after))
        else:
            problems.append("came back without a kill: %s" % (key,))
    aside = os.path.join(home.queue, "aside")
    problems += ["in aside: %s" % n for n in os.listdir(aside)
                 if not n.endswith(".content")]
    return excused, longest


def cuts(build, kind, two, count_of_images, seed=1, lies=False):
    """Random instants under 20 senders. (title, Count, problems)."""
    count, chance = images.Count(), random.Random(seed)
    with Bench(build) as bench, \
            images.Images(bench.top, kind, two) as disk:
        smtp, pop = _free_ports(2)
        home = Home(build, os.path.join(bench.top, "home"),
                    queue=disk.place("queue"), mail=disk.place("mail"),
                    settings=[
                        ("smtpd", "listen = 127.0.0.1:%d" % smtp),
                        ("pop3d", "listen = 127.0.0.1:%d" % pop),
                        ("smtpd", "clients_per_address = 0"),
                        ("storage", "min_free = 0"),
                        ("queue", "let_go = 100ms")]).make()
        os.sync()
        pneu = Pneu(home)
        senders = Senders(build, bench.top, smtp)
        taken = []
        pneu.start_until_ready()
        try:
            while len(taken) < count_of_images:
                senders.start(4000)
                while not senders.ended() and len(taken) < count_of_images \
                        and senders.n < 4001:
                    time.sleep(chance.uniform(0.01, 0.08))
                    acked = senders.acked()
                    frozen = pneu.freeze()
                    disk.snapshot(len(taken))
                    pneu.thaw(frozen)
                    taken.append(acked)
                senders.stop()
                if senders.n > 4000:
                    break
        finally:
            senders.stop()
            pneu.end(signal.SIGKILL)
        after = home.twin(os.path.join(bench.top, "after"),
                          disk.place("queue", True), disk.place("mail", True))
        system = None
        for serial, acked in enumerate(taken):
            disk.open_snapshot(serial)
            problems = []
            try:
                problems += _raw(after, acked)
                after.run("queue", "tidy")
                if system is None:
                    system = System(after)
                    bench.systems.append(system)
                system.start_all()
                system.pump(lambda: not after.names("in"), what="rest")
                system.stop_all()
                problems += _after(after, acked)
            except (Stuck, OSError) as e:
                problems.append("%s: %s" % (type(e).__name__, e))
            finally:
                if system is not None:
                    system.stop_all(signal.SIGKILL)
                disk.close_snapshot(serial)
            count.images += 1
            count.by_hand = disk.by_hand
            count.acked += len(acked)
            count.add("image %d" % serial, problems)
        if system is not None:
            system.close()
            bench.systems.clear()
    title = "cuts under 20 senders, %s, %s" % (
        kind, "two file systems" if two else "one file system")
    return title, count, count.problems


def _raw(home, acked):
    found, problems = mailbox_ids(home)
    queued = queue_ids(home)
    return problems + ["lost: %s, as it lies" % (k,) for k in sorted(acked)
                       if k not in found and k not in queued]


def _after(home, acked):
    found, problems = mailbox_ids(home)
    problems += ["lost: %s" % (k,) for k in sorted(acked) if k not in found]
    return problems + ["twice: %s" % (k,) for k, p in found.items()
                       if len(p) > 1]
