"""Our system: a home of its own on the file system of the measure."""
import contextlib
import os
import shutil
import subprocess

from .host import Failed, Server, call, certificate, free_port, is_root
from .peers import DOMAIN, OWNER, PASSWORD, content, names_of, owner_ids, \
    write_file

ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
FILL_TIME_MS = 1700000000000


def conf_set(text, section, key, value):
    """pneu.conf with one key of one section set; other lines as they are."""
    out, here, done = [], False, False
    for line in text.splitlines():
        word = line.strip()
        if word.startswith("["):
            if here and not done:
                out.append(f"{key} = {value}")
                done = True
            here = word == f"[{section}]"
        elif here and word.split("=")[0].strip() == key:
            if done:
                continue
            line, done = f"{key} = {value}", True
        out.append(line)
    if not done:
        if not here:
            out.append(f"[{section}]")
        out.append(f"{key} = {value}")
    return "\n".join(out) + "\n"


def ulid(ms, n):
    time, rest = "", ""
    for _ in range(10):
        time, ms = ULID[ms & 31] + time, ms >> 5
    for _ in range(16):
        rest, n = ULID[n & 31] + rest, n >> 5
    return time + rest


class Pneu:
    name = "pneu"
    parts = "Pneu"
    init = []       # more words for `pneu init`

    def __init__(self, build, scratch):
        self.build = os.path.abspath(build)
        self.scratch = scratch      # where templates of homes are kept
        self.server = None
        self.out = None

    def missing(self):
        if not os.access(f"{self.build}/pneu", os.X_OK):
            return "no pneu in the build folder"
        return None

    def version(self):
        try:
            with open(f"{self.build}/../VERSION") as f:
                return "Pneu " + f.read().strip()
        except OSError:
            return "Pneu"

    def as_owner(self):
        if not is_root() or self.init:  # each program becomes who it is
            return []
        uid, gid = owner_ids()
        return ["setpriv", "--reuid", str(uid), "--regid", str(gid),
                "--clear-groups"]

    def run(self, *argv, **more):
        return call(*self.as_owner(), *argv, **more)

    def pneu(self, *args, **more):
        return self.run(f"{self.build}/pneu", "-C", self.home, *args, **more)

    def setup(self, root, mailboxes=1, pop=False, settings=(), imported=True,
              tls=None, **_):
        self.root, self.home = root, f"{root}/home"
        self.ids = owner_ids() if is_root() else (os.getuid(), os.getgid())
        os.makedirs(root, exist_ok=True)
        os.chown(root, *self.ids)
        self.names = names_of(mailboxes) if imported else []
        self.smtp_port, self.pop_port = free_port(), free_port()
        self.make_home(mailboxes, pop, imported)
        self.configure([
            ("smtpd", "listen", f"127.0.0.1:{self.smtp_port}"),
            ("pop3d", "listen", f"127.0.0.1:{self.pop_port}"),
            ("smtpd", "clients_per_address", 0),
            ("pop3d", "clients_per_address", 0), *settings,
            *(self.tls_settings(tls) if tls else [])])

    def tls_settings(self, kind):
        """SMTP plain and from the first octet, POP3 from the first octet."""
        self.tls_port = free_port()
        for i, file in enumerate(certificate(self.scratch, kind)):
            path = f"{self.home}/tls/bench.{('pem', 'key')[i]}"
            shutil.copy(file, path)
            os.chown(path, *self.ids)
        return [("tls", "certificate", "own tls/bench.pem tls/bench.key"),
                ("smtpd", "listen", f"127.0.0.1:{self.smtp_port}\n"
                 f"listen = 127.0.0.1:{self.tls_port} tls"),
                ("pop3d", "listen", f"127.0.0.1:{self.pop_port} tls")]

    def start_handshakes(self, root, kind):
        """What `openssl s_time` talks to, at tls_port."""
        self.setup(root, tls=kind)
        self.start()

    def make_home(self, mailboxes, pop, imported):
        """From a template: hashing a password for each of 1,000 is slow."""
        kept = f"{self.scratch}/home-{self.name}-{mailboxes}-{pop}"
        if imported and os.path.isdir(kept):
            call("cp", "-a", kept, self.home)
            return
        self.pneu("init", "--domain", DOMAIN, *self.init)
        if not imported:
            return
        secret = f" password={PASSWORD}" if pop else ""
        self.pneu("directory", "import", input="".join(
            f"entry smtp={n}@{DOMAIN} store=mailbox path={DOMAIN}/{n}"
            f"{secret}\n" for n in self.names).encode())
        call("cp", "-a", self.home, kept)

    def configure(self, settings):
        path = f"{self.home}/pneu.conf"
        with open(path) as f:
            text = f.read()
        for section, key, value in settings:
            text = conf_set(text, section, key, value)
        with open(path, "w") as f:
            f.write(text)
        os.chown(path, *self.ids)

    @contextlib.contextmanager
    def configured(self, settings):
        """Other settings for a while."""
        path = f"{self.home}/pneu.conf"
        with open(path) as f:
            before = f.read()
        self.configure(settings)
        yield
        with open(path, "w") as f:
            f.write(before)

    @staticmethod
    def tune_logins():
        return False        # it is measured at its defaults

    def start(self):
        argv = [*self.as_owner(), f"{self.build}/pneu", "-C", self.home,
                "run"]
        self.server = Server(argv, f"{self.root}/log",
                             stdout=subprocess.PIPE)
        for line in self.server.process.stdout:
            if line.strip() == b"ready":
                return
        self.server.process.wait()
        raise Failed(f"pneu run ended before ready: {self.server.tail()}")

    def roots(self):
        return [self.server.pid]

    def stop(self):
        if self.server:
            self.server.stop(40)
            self.server.process.stdout.close()
            self.server = None

    def maildir(self, name):
        return f"{self.home}/mail/{DOMAIN}/{name}"

    def fill(self, name, count, size):
        """Messages in a mailbox as deliver-mailbox would have left them."""
        path = f"{self.maildir(name)}/new"
        data = content(size, b"\r\n")
        for i in range(count):
            ms = FILL_TIME_MS + i * 2
            write_file(f"{path}/{ms // 1000}.{ulid(ms, i + 1)}R1,"
                       f"S={len(data)},W={len(data)},D=0", data, 0o400,
                       self.ids)

    def waiting(self):
        """Messages that were put off."""
        minutes = f"{self.home}/queue/retry1"
        return sum(len(os.listdir(f"{minutes}/{m}"))
                   for m in os.listdir(minutes))

    def queue_run_pid(self):
        from .host import tree
        for pid, name in tree(self.roots()).items():
            if name == "queue-run":
                return pid
        raise Failed("no queue-run")

    def forget_templates(self):
        for entry in os.listdir(self.scratch):
            if entry.startswith("home-"):
                shutil.rmtree(f"{self.scratch}/{entry}")


class PneuUsers(Pneu):
    """The same with a user for each program; tests/users.sh has made them."""
    name = "users"
    init = ["--users", "separate", "--user", "pneu"]

    def configure(self, settings):
        super().configure(settings)
        shutil.chown(f"{self.home}/pneu.conf", "pneu", "pneu")
