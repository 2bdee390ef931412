# SPDX-License-Identifier: ISC
"""system.py: a home, the four services of the path, and a client of theirs.

The services stand alone: we hold their listening sockets, start them with the
socket as descriptor 0 as the supervisor does, and start one again when it
dies. There is no smtpd: we speak to queue-add ourselves, so that every octet
and every answer is ours. All waiting is done in pump(), which also serves
ptrace.
"""
import array
import errno
import hashlib
import os
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import ptrace

SEPARATE = os.environ.get("USERS") == "separate"    # tests/users.sh
LIMIT = float(os.environ.get("LIMIT", "60"))    # seconds of any wait
SERVICES = ("resolve", "deliver-mailbox", "deliver-program", "queue-add",
            "queue-run")
USERS = ("bob", "ann", "carol", "sender")
PROGRAM = "paul"    # his mail goes to a command, which may get it again
STORE = """#!/bin/sh
cd "$1" && cat > "tmp/$QUEUE_ID.$$" &&
exec mv "tmp/$QUEUE_ID.$$" "new/1.${QUEUE_ID}R1,S=$(wc -c < "tmp/$QUEUE_ID.$$")"
"""
DOMAIN = "example.org"
SENDER = "sender@" + DOMAIN
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NAME = re.compile(r"^(\d+)\.([0-9A-HJKMNP-TV-Z]{26})R(\d+),S=(\d+)")
QID = re.compile(r"^[0-9A-HJKMNP-TV-Z]{26}$")


class Stuck(Exception):
    """Something did not come about in time."""


def make_qid(ms=None, low=None):
    text = ""
    number = (ms or time.time_ns() // 1000000) << 80 | (
        low or int.from_bytes(os.urandom(10), "big"))
    for _ in range(26):
        text = ALPHABET[number & 31] + text
        number >>= 5
    return text


def owner():
    """(uid, gid) that the programs run as."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    entry = pwd.getpwnam("pneu" if SEPARATE else "nobody")
    return entry.pw_uid, entry.pw_gid


class Home:
    """A home with the users above; queue and mail may lie elsewhere."""

    def __init__(self, build, where, queue=None, mail=None, settings=()):
        self.build, self.dir = os.path.abspath(build), where
        self.queue = queue or os.path.join(where, "queue")
        self.mail = mail or os.path.join(where, "mail")
        self.settings = list(settings)

    def write_conf(self, sections=None):
        lines = {"pneu": ["hostname = mx." + DOMAIN] +
                 ["users = separate"] * SEPARATE,
                 "resolve": ["domain = " + DOMAIN],
                 "queue": ["directory = " + self.queue],
                 "mail": ["directory = " + self.mail]}
        for section, line in self.settings:
            lines.setdefault(section, []).append(line)
        with open(os.path.join(self.dir, "pneu.conf"), "w") as f:
            for section, rows in lines.items():
                f.write("[%s]\n%s\n" % (section, "\n".join(rows)))

    def make(self, users=USERS):
        os.makedirs(self.dir, exist_ok=True)
        for path in (self.dir, os.path.dirname(self.queue),
                     os.path.dirname(self.mail)):
            os.chown(path, *owner())
        self.write_conf()
        os.chown(os.path.join(self.dir, "pneu.conf"), *owner())
        self.run("pneu", "init")
        for user in users:
            self.run("directory", "add", "%s@%s" % (user, DOMAIN),
                     "--password-stdin", input=b"pw\n")
        self._make_program()
        return self

    def _make_program(self):
        script = os.path.join(self.dir, "store")
        with open(script, "w") as f:
            f.write(STORE)
        os.chmod(script, 0o755)
        for sub in ("", "new", "tmp"):
            path = os.path.join(self.mailbox(PROGRAM), sub)
            os.makedirs(path, exist_ok=True)
            os.chown(path, *owner())
            if SEPARATE:    # the command's user goes there
                shutil.chown(path, "pneu-program", "pneu-program")
        for path in (self.mail, os.path.join(self.mail, DOMAIN)):
            os.chmod(path, 0o711 if SEPARATE else 0o700)
        self.settings.append(("deliver-program", "command = store %s %s" % (
            script, self.mailbox(PROGRAM))))
        self.write_conf()
        self.run("directory", "add", "%s@%s" % (PROGRAM, DOMAIN),
                 "--program", "store")

    def twin(self, where, queue, mail):
        """The same users over another queue and other mailboxes."""
        other = Home(self.build, where, queue, mail, self.settings)
        os.makedirs(where)
        os.chown(where, *owner())
        other.write_conf()
        os.chmod(where, 0o711 if SEPARATE else 0o700)
        for name in ("directory", "run", "journal"):
            subprocess.run(["cp", "-a", os.path.join(self.dir, name),
                            os.path.join(where, name)], check=True)
        return other

    def run(self, program, *args, **kw):
        got = subprocess.run(
            [os.path.join(self.build, program), "-C", self.dir] + list(args),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            timeout=LIMIT, **kw)
        if got.returncode != 0:
            raise Stuck("%s %s ended with %d: %s" % (
                program, " ".join(args), got.returncode,
                got.stdout.decode("latin-1")))
        return got.stdout.decode("latin-1")

    def mailbox(self, user):
        return os.path.join(self.mail, DOMAIN, user)

    def names(self, state):
        """Qids in a state; of retry1 over all minutes."""
        top = os.path.join(self.queue, state)
        if state in ("retry1", "message"):
            return [q for sub in _list(top)
                    for q in _list(os.path.join(top, sub)) if QID.match(q)]
        return [q for q in _list(top) if QID.match(q)]

    def place_of(self, qid):
        """States in which an envelope of that message lies."""
        return [s for s in ("in", "out", "retry1", "busy", "hold")
                if qid in self.names(s)]


def _list(path):
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []


class Message:
    """What we sent and what we were told of it."""

    def __init__(self, users, size=0, qid=None):
        self.qid = qid or make_qid()
        self.users = list(users)
        self.alone = len(self.users) == 1   # its copy says to whom
        head = ("Received: from crash\r\nMessage-ID: <%s@crash>\r\n"
                "Subject: %s\r\n\r\n.dot\r\n" % (self.qid, self.qid)).encode()
        line = b"0123456789abcdef" * 4 + b"\r\n"
        self.content = head + line * ((max(size, 66) + 65) // 66)
        self.answer = None      # ok, temp, perm; None: nobody knows
        self.acked_at = None
        self.deleted = False    # `delete` was answered ok
        self.maybe_deleted = False
        self.held = False       # `hold` was answered ok, and no release since

    @property
    def acked(self):
        return self.answer == "ok"

    def stored(self, user):
        """What its copy looks like, after a `Pneu:` line."""
        head = "Return-Path: <%s>\r\n" % SENDER
        if self.alone:
            head += "Delivered-To: %s@%s\r\n" % (user, DOMAIN)
        return head.encode() + self.content

    def request(self, inline=True):
        text = "add qid=%s from=<%s>\n" % (self.qid, SENDER)
        for user in self.users:
            text += "to path=<%s@%s>\n" % (user, DOMAIN)
        if not inline:
            return text.encode() + b"data fd=1\n"
        return (text + "data size=%d\n" % len(self.content)).encode() + \
            self.content + b"end\n"


class Link:
    """A connection to a service."""

    def __init__(self, home, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(os.path.join(home.dir, "run", name))
        self.socket.setblocking(False)
        self.buffer, self.ended, self.fds = b"", False, []

    def send(self, octets):
        while octets:
            try:
                octets = octets[self.socket.send(octets):]
            except BlockingIOError:
                select.select([], [self.socket], [], 0.05)
            except OSError:
                self.ended = True
                return

    def receive(self):
        while not self.ended:
            try:
                got, ancillary, _, _ = self.socket.recvmsg(65536, 1024)
            except BlockingIOError:
                return
            except OSError:
                got, ancillary = b"", []
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds = array.array("i")
                    fds.frombytes(data[:len(data) - len(data) % 4])
                    self.fds += list(fds)
            self.ended |= got == b""
            self.buffer += got

    def line(self):
        """The next line, or None."""
        self.receive()
        head, lf, rest = self.buffer.partition(b"\n")
        if not lf:
            return None
        self.buffer = rest
        return head.decode("latin-1")

    def close(self):
        self.socket.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []


class System:
    """The services over a home; kept running while `keeps` is set."""

    def __init__(self, home, services=SERVICES, log=None):
        self.home, self.services = home, services
        self.listener, self.pid, self.traced = {}, {}, {}
        self.keeps, self.deaths = True, []
        self.log = open(log or os.path.join(home.dir, "stderr"), "ab")
        self.on_start = {}      # name: hook of the next start
        self.expected = set()   # pids that we end
        self._wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake_in = wake
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for name in services:
            self._listen(name)
        self.journal = b""      # the end of it, for a person who looks
        self._journal_fd = self._make_journal()
        self.troubled = False   # settle() has seen and removed it
        self.patient = False    # a fault: what waits in memory is flushed

    def _listen(self, name):
        path = os.path.join(self.home.dir, "run", name)
        if os.path.exists(path):
            os.unlink(path)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.bind(path)
        os.chmod(path, 0o600)
        os.chown(path, *owner())
        if SEPARATE:
            shutil.chown(path, "pneu", "pneu-to-" + name)
            os.chmod(path, 0o660)
        s.listen(128)
        self.listener[name] = s

    def _make_journal(self):
        path = os.path.join(self.home.dir, "run", "journal")
        if not os.path.exists(path):
            os.mkfifo(path, 0o600)
            os.chown(path, *owner())
            os.chmod(path, 0o620 if SEPARATE else 0o600)
        return os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def read_journal(self):
        try:
            self.journal = (self.journal + os.read(
                self._journal_fd, 65536))[-200000:]
        except BlockingIOError:
            pass

    def alarms(self):
        self.read_journal()
        return [x.decode("latin-1") for x in self.journal.split(b"\n")
                if x.startswith(b"XX ")]

    def start(self, name):
        null = os.open("/dev/null", os.O_RDWR)
        program = os.path.join(self.home.build, name)
        try:
            self.pid[name] = os.posix_spawn(
                program, [program, "-C", self.home.dir],
                dict(_environment(), PNEU_SUPERVISOR=str(os.getpid())),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, self.listener[name].fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, null, 1),
                    (os.POSIX_SPAWN_DUP2, self.log.fileno(), 2)],
                setsigdef=[signal.SIGPIPE])
        finally:
            os.close(null)
        hook = self.on_start.pop(name, None)
        if hook is not None:
            self.trace(name, hook)

    def start_all(self):
        self.keeps = True
        for name in self.services:
            if name not in self.pid:
                self.start(name)
        for name in self.services:
            if name != "deliver-program":   # which serves attempts alone
                self.wait_up(name)

    def wait_up(self, name):
        """Until it has served a question, so that its start lies behind."""
        question = {"resolve": b"resolve to=nobody@%s\n" % DOMAIN.encode(),
                    "deliver-mailbox": b"hello\n", "queue-add": b"?\n",
                    "queue-run": b"flush qid=%s\n" % make_qid().encode()}[name]
        link = Link(self.home, name)
        link.send(question)
        self.pump(lambda: link.line() is not None or link.ended, [link])
        link.close()

    # ---- ptrace ----

    def trace(self, name, hook):
        """Count the calls of a service from now on."""
        pid = self.pid[name]
        if name in self.traced and self.traced[name].pid == pid:
            self.traced[name].arm(hook)
        else:
            self.traced[name] = ptrace.Traced(pid, hook)

    def untrace(self, name):
        if name in self.traced:
            self.traced[name].hook = None

    def reap(self):
        """Serve every stop and every death that is there."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | ptrace.WALL)
            except ChildProcessError:
                return
            if pid == 0:
                return
            name = next((n for n, p in self.pid.items() if p == pid), None)
            traced = next((t for t in self.traced.values() if t.pid == pid),
                          None)
            if os.WIFSTOPPED(status):
                if traced is not None:
                    traced.on_stop(status)
                continue
            if name is None:
                continue
            del self.pid[name]
            self.traced.pop(name, None)
            done = name == "deliver-program" and status == 0    # its attempt
            if pid not in self.expected and not done and \
                    not (traced and traced.ending):
                self.deaths.append((name, status))
            self.expected.discard(pid)
            if self.keeps:
                self.start(name)

    def pump(self, until, links=(), limit=None, what="an answer"):
        """Serve ptrace until `until()`; raises Stuck."""
        end = time.monotonic() + (limit or LIMIT)
        fds = [self._wake] + [x.socket for x in links]
        while True:
            self.reap()
            if until():
                return
            if time.monotonic() > end:
                raise Stuck("%s did not come" % what)
            select.select(fds, [], [], 0.003)
            self.read_journal()
            try:
                os.read(self._wake, 4096)
            except BlockingIOError:
                pass

    def pause(self, seconds):
        end = time.monotonic() + seconds
        self.pump(lambda: time.monotonic() >= end)

    # ---- ending ----

    def kill(self, name, sig=signal.SIGKILL, again=True):
        pid = self.pid.get(name)
        if pid is None:
            return
        self.expected.add(pid)
        keeps, self.keeps = self.keeps, again and self.keeps
        os.kill(pid, sig)
        self.pump(lambda: self.pid.get(name) != pid, what="the end of " + name)
        self.keeps = keeps

    def stop_all(self, sig=signal.SIGTERM):
        self.keeps = False
        for name in ("queue-run", "queue-add", "deliver-program",
                     "deliver-mailbox", "resolve"):
            if self.traced.get(name) is not None:
                self.untrace(name)
                if self.traced[name].held:
                    self.traced[name].release()
            self.kill(name, sig, again=False)

    def close(self):
        try:
            self.stop_all(signal.SIGKILL)
        finally:
            for s in self.listener.values():
                s.close()
            self.log.close()
            signal.set_wakeup_fd(-1)
            os.close(self._journal_fd)
            os.close(self._wake)
            os.close(self._wake_in)

    # ---- what a client does ----

    def ask(self, name, question, limit=None):
        """One line of answer; None: the connection ended without one."""
        link = Link(self.home, name)
        link.send(question)
        got = []

        def there():
            line = link.line()
            if line is not None:
                got.append(line)
            return got or link.ended
        try:
            self.pump(there, [link], limit, "an answer of " + name)
        finally:
            link.close()
        return got[0] if got else None

    def add(self, *messages):
        """Bring messages in one write; what each was told is in it."""
        link = Link(self.home, "queue-add")
        link.send(b"".join(m.request() for m in messages))
        left = list(messages)

        def there():
            while left:
                line = link.line()
                if line is None:
                    break
                self._answered(left.pop(0), line)
            return not left or link.ended
        try:
            self.pump(there, [link], what="the answer of queue-add")
        finally:
            link.close()

    @staticmethod
    def _answered(message, line):
        message.answer = line.split(" ")[0]
        if message.acked:
            message.acked_at = time.time()

    def add_big(self, message):
        """The same with a descriptor that comes from queue-add."""
        link = Link(self.home, "queue-add")
        try:
            link.send(message.request(inline=False))
            lines = []

            def there():
                line = link.line()
                if line is not None:
                    lines.append(line)
                return lines or link.ended
            self.pump(there, [link], what="a descriptor")
            if not lines or not lines[0].startswith("write "):
                message.answer = lines[0].split(" ")[0] if lines else None
                return
            view = message.content
            while view:
                view = view[os.write(link.fds[0], view):]
            os.fsync(link.fds[0])
            os.close(link.fds.pop())
            digest = hashlib.blake2b(message.content, digest_size=32)
            link.send(b"written size=%d digest=%s\nend\n" % (
                len(message.content), digest.hexdigest().encode()))
            lines.clear()
            self.pump(there, [link], what="the answer of queue-add")
            if lines:
                self._answered(message, lines[0])
        finally:
            link.close()

    def operate(self, word, message, tries=20):
        """`hold`, `release`, `delete`, `flush`; asked again like a person
        would whose terminal lost the answer."""
        for _ in range(tries):
            line = self.ask("queue-run", b"%s qid=%s\n" % (
                word.encode(), message.qid.encode()))
            self.told = line
            if line is not None and not line.startswith("temp"):
                return line.split(" ")[0]
            self.pause(0.02)
        return None


def _environment():
    kept = ("PATH", "TZ", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS",
            "LD_PRELOAD")
    return {k: os.environ[k] for k in kept if k in os.environ}


class Ledger:
    """Every message that was offered, and whether each is where it should be.

    `lost`: acknowledged, and in no place. `twice`: a recipient has it more
    than once. `wrong`: a file whose octets are not those accepted, or that
    nobody sent; so a report of a failed delivery is wrong, too.
    """

    def __init__(self, home):
        self.home, self.make_qid = home, make_qid
        self.message = {}
        self.seen = {}      # path: (qid, user), checked once

    def new(self, users, size=0):
        m = Message(users, size, self.make_qid())
        self.message[m.qid] = m
        return m

    def copies(self):
        """{(qid, user): [path]}, and what is wrong with new ones."""
        found, wrong = {}, []
        for user in USERS + (PROGRAM, "postmaster"):
            for sub in ("new", "cur"):
                top = os.path.join(self.home.mailbox(user), sub)
                for name in _list(top):
                    path = os.path.join(top, name)
                    if path not in self.seen:
                        said = self._check(path, name, user)
                        if said == "":
                            continue    # it moved meanwhile
                        if said is not None:
                            wrong.append(said)
                        self.seen[path] = self._key(name, user)
                    found.setdefault(self.seen[path], []).append(path)
        return found, wrong

    @staticmethod
    def _key(name, user):
        match = NAME.match(name)
        return (match.group(2) if match else name, user)

    def _check(self, path, name, user):
        match = NAME.match(name)
        m = self.message.get(match.group(2)) if match else None
        if m is None:
            return "%s: nobody sent it" % path
        if user not in m.users:
            return "%s: not for %s" % (path, user)
        try:
            with open(path, "rb") as f:
                octets = f.read()
        except FileNotFoundError:
            return ""
        if len(octets) != int(match.group(4)):
            return "%s: %d octets" % (path, len(octets))
        if octets.startswith(b"Pneu: "):
            octets = octets[octets.index(b"\r\n") + 2:]
        if user == PROGRAM:     # a command reads lines of Unix
            octets = octets.replace(b"\n", b"\r\n")
        if octets != m.stored(user):
            return "%s: not what was accepted" % path
        return None

    def check(self, settled=True, patient=False):
        """Problems, as lines. settled: nothing is under way any more. patient:
        after a failed sync a held one may have its old name, too."""
        found, problems = self.copies()
        queued = {}
        for state in ("in", "out", "retry1", "busy", "hold"):
            for qid in self.home.names(state):
                queued.setdefault(qid, []).append(state)
        for m in self.message.values():
            where = queued.get(m.qid, [])
            for user in m.users:
                n = len(found.get((m.qid, user), []))
                if n > 1:
                    problems.append("twice: %s has %s %d times" % (
                        user, m.qid, n))
                if m.deleted and n > 0:
                    problems.append("deleted, and delivered: %s" % m.qid)
                if m.held and n > 0:
                    problems.append("held, and delivered: %s" % m.qid)
                if m.acked and n == 0 and not where and not m.deleted and \
                        not m.maybe_deleted:
                    problems.append("lost: %s for %s" % (m.qid, user))
                if settled and m.acked and n == 1 and where and not m.held:
                    problems.append("in two places: %s" % m.qid)
            if m.deleted and where:
                problems.append("deleted, and in %s: %s" % (where[0], m.qid))
            if m.held and (where[-1:] != ["hold"] or
                           len(where) > 1 and not patient):
                problems.append("held, and in %s: %s" % (where, m.qid))
            if settled and len(where) > 1 and not patient:
                problems.append("two names: %s %s" % (m.qid, where))
        for qid in queued:
            if qid not in self.message:
                problems.append("in the queue, and nobody sent it: %s" % qid)
        return problems

    def aside(self):
        """Names in aside/ of messages that were acknowledged."""
        names = _list(os.path.join(self.home.queue, "aside"))
        return [n for n in names if n[:26] not in self.message or
                self.message[n[:26]].acked]


class _Due(Exception):
    """Asks out of pump(): these are to be flushed."""

    def __init__(self, qids):
        Exception.__init__(self)
        self.qids = qids


def settle(system, ledger, limit=None):
    """Until nothing is under way. What waits for a retry is made due now.

    system.patient: there was a fault. Then a person has looked (queue/trouble goes),
    and what waits in in/ for the next minute, which is no state on disk, is
    made due as well. Without a fault nothing may lie in in/ so long.
    """
    home = system.home
    trouble = os.path.join(home.queue, "trouble")
    begun = time.monotonic()
    asked = [0.0]

    def quiet():
        now = time.monotonic()
        waits = home.names("retry1") + home.names("busy")
        new = home.names("in") + home.names("out")
        if not waits and not new:
            return True
        if system.patient and now > begun + 0.3:
            waits += new
        if waits and now > asked[0]:
            asked[0] = now + 0.1
            raise _Due(waits)
        return False

    end = begun + (limit or LIMIT)
    while True:
        try:
            system.pump(quiet, limit=max(0.1, end - time.monotonic()),
                        what="rest")
            return
        except _Due as due:
            if system.patient and os.path.exists(trouble):
                os.unlink(trouble)
                system.troubled = True
            for qid in due.qids:
                system.ask("queue-run", b"flush qid=%s\n" % qid.encode(),
                           max(1, end - time.monotonic()))


def tidy(system, ledger):
    """With nothing running: `queue tidy`, and what may be left after it."""
    system.stop_all()
    system.home.run("queue", "tidy")
    problems = []
    for top, _, files in os.walk(system.home.queue):
        for name in files:
            path = os.path.relpath(os.path.join(top, name), system.home.queue)
            if path in ("lock", "run.lock"):
                continue
            qid = name.lstrip(".")[:26]
            m = ledger.message.get(qid)
            if path.startswith("aside/") and m is not None and (
                    not m.acked or m.deleted and name.endswith(".content")):
                continue
            if m is not None and m.held and not path.startswith("aside/"):
                continue
            problems.append("left in the queue: %s" % path)
    for user in USERS:
        for name in _list(os.path.join(system.home.mailbox(user), "tmp")):
            problems.append("left in tmp/ of %s: %s" % (user, name))
    return problems
