"""The machine: file systems made for the run, processes, their CPU, memory."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

MIB = 1024 * 1024


class Failed(Exception):
    """A measure that could not be taken; the bench says so and goes on."""


def is_root():
    return os.geteuid() == 0


def call(*argv, **more):
    """Runs a command to its end; its output, or Failed with its complaint."""
    more.setdefault("timeout", 600)
    try:
        done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, **more)
    except (subprocess.TimeoutExpired, OSError) as why:
        raise Failed(f"{argv[0]}: {why}") from why
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise Failed(f"{' '.join(str(a) for a in argv[:6])}: "
                     f"exit {done.returncode}: {said[-300:]}")
    return done.stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tls_over(s):
    """The client's side of TLS, which believes every certificate."""
    c = ssl.create_default_context()
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    return c.wrap_socket(s)


def certificate(top, kind):
    """A self-signed certificate of that kind: (its file, the key's)."""
    files = f"{top}/{kind}.pem", f"{top}/{kind}.key"
    if not os.path.exists(files[0]):
        call("openssl", "req", "-x509", "-nodes", "-days", "30", "-subj",
             "/CN=mx.bench.test", "-addext", "subjectAltName=DNS:localhost",
             "-newkey", *{"rsa": ["rsa:2048"], "ec": [
                 "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]}[kind],
             "-out", files[0], "-keyout", files[1])
    return files


def wait_banner(port, start, alive, seconds=30, over=lambda s: s):
    """Until the server at the port says something that begins with start."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not alive():
            raise Failed(f"the server for port {port} ended")
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as s:
                if over(s).recv(512).startswith(start):
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise Failed(f"no banner on port {port}")


# ---- file systems ----

def journal_word(path):
    """Has the file system of path a journal? In a word, for the heading."""
    real = os.path.realpath(path)
    best = ("", "?", "?")
    with open("/proc/mounts") as f:
        for line in f:
            device, point, kind = line.split()[:3]
            inside = real == point or real.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best[0]):
                best = (point, device, kind)
    _, device, kind = best
    if not kind.startswith("ext"):
        return kind
    name = os.path.basename(os.path.realpath(device))
    found = os.path.isdir("/proc/fs/jbd2") and any(
        e.startswith(name + "-") for e in os.listdir("/proc/fs/jbd2"))
    return kind + (", journal" if found else ", no journal")


class Disk:
    """A folder on the machine's own disk, emptied for each measure."""
    name = "disk"

    def __init__(self, top):
        self.path = os.path.join(top, "disk")
        self.about = f"the machine's own disk ({journal_word(top)})"

    def fresh(self):
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.path, 0o755)
        return self.path

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Mounted:
    """A file system of our own, made anew for each measure."""
    name = about = ""

    def __init__(self, top):
        self.path = os.path.join(top, self.name)
        os.makedirs(self.path, 0o755)
        self.mounted = False

    def unmount(self):
        if self.mounted:
            call("umount", self.path)
            self.mounted = False

    def fresh(self):
        self.unmount()
        self.mount()
        self.mounted = True
        os.chmod(self.path, 0o755)
        return self.path

    def mount(self):
        raise NotImplementedError

    def close(self):
        self.unmount()


class Tmpfs(Mounted):
    name = "tmpfs"
    about = "tmpfs"

    def mount(self):
        call("mount", "-t", "tmpfs", "-o", "size=10g,nr_inodes=2m",
             "pneu-bench", self.path)


class Ext4(Mounted):
    """
    On a loop device with direct I/O over an image whose every block was
    written before: a sparse one would measure the allocation of its blocks.
    """
    name = "ext4"

    def __init__(self, top, mib):
        super().__init__(top)
        self.image = os.path.join(top, "image")
        self.loop = None
        self.prewrite(mib)
        self.loop = call("losetup", "--direct-io=on", "-f", "--show",
                         self.image).decode().strip()
        self.fresh()
        self.about = f"ext4 on a loop image ({journal_word(self.path)}), " \
            f"{self.direct()}"

    def prewrite(self, mib):
        block = bytes(MIB)
        with open(self.image, "wb", buffering=0) as f:
            for _ in range(mib):
                f.write(block)
            os.fsync(f.fileno())

    def direct(self):
        name = os.path.basename(self.loop)
        with open(f"/sys/block/{name}/loop/dio") as f:
            return "direct I/O" if f.read().strip() == "1" else \
                "buffered (direct I/O refused)"

    def mount(self):
        # The tables are zeroed when used; nothing writes behind our back.
        call("mkfs.ext4", "-q", "-F", "-i", "8192", "-E",
             "nodiscard,lazy_itable_init=1,lazy_journal_init=1", self.loop)
        call("mount", "-o", "noinit_itable", self.loop, self.path)

    def close(self):
        super().close()
        if self.loop:
            call("losetup", "-d", self.loop)
        if os.path.exists(self.image):
            os.unlink(self.image)


# ---- processes ----

def stat_of(pid):
    """(name, parent) of a process, or None."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            text = f.read()
    except OSError:
        return None
    name = text[text.index("(") + 1:text.rindex(")")]
    return name, int(text[text.rindex(")") + 2:].split()[1])


def all_processes():
    return {int(e): s for e in os.listdir("/proc") if e.isdigit()
            for s in [stat_of(e)] if s}


def tree(roots, table=None):
    """The roots and all their descendants: {pid: name}."""
    table = table or all_processes()
    children = {}
    for pid, (_, parent) in table.items():
        children.setdefault(parent, []).append(pid)
    found, todo = {}, [r for r in roots if r in table]
    while todo:
        pid = todo.pop()
        found[pid] = table[pid][0]
        todo += children.get(pid, [])
    return found


def cpu_ns(pid):
    """What all threads of a process have used, in nanoseconds."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
    except (OSError, ValueError, IndexError):
        pass
    return total


def pss_by_mapping(pids):
    """{what is mapped: KiB of PSS}, of all these processes together."""
    out = {}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps") as f:
                for line in f:
                    word = line.split()
                    if not word[0].endswith(":"):
                        name = os.path.basename(word[5]) if word[5:] else \
                            "[other]"
                    elif word[0] == "Pss:":
                        out[name] = out.get(name, 0) + int(word[1])
        except OSError:
            pass
    return out


def available_kib():
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) for line in f
                    if line.startswith("MemAvailable:"))


def pss_kib(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                for line in f:
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        except OSError:
            pass
    return total


def busy_us():
    """All CPU time of the machine that was not idle."""
    with open("/proc/stat") as f:
        n = [int(x) for x in f.readline().split()[1:9]]
    tick = os.sysconf("SC_CLK_TCK")
    return (sum(n) - n[3] - n[4]) * 1000000 // tick


class Exits:
    """The processes that ended, from watch-exits; nothing without root."""

    def __init__(self, tools, top):
        self.process = None
        self.file = os.path.join(top, "exits")
        if not is_root():
            return
        with open(self.file, "wb") as out:
            self.process = subprocess.Popen(
                [os.path.join(tools, "watch-exits")], stdin=subprocess.PIPE,
                stdout=out, stderr=subprocess.DEVNULL)
        time.sleep(0.2)
        if self.process.poll() is not None:
            self.process = None

    def mark(self):
        return os.path.getsize(self.file) if self.process else 0

    def since(self, mark):
        """[(pid, parent, ns, name)] since the mark."""
        if not self.process:
            return []
        with open(self.file) as f:
            f.seek(mark)
            lines = [line.rstrip("\n").split(" ", 3) for line in f]
        if ["0", "0", "0", "lost"] in lines:
            raise Failed("the kernel told of more ends than were read: the "
                         "CPU of some processes is not known")
        return [(int(a[0]), int(a[1]), int(a[2]), a[3]) for a in lines
                if len(a) == 4]

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


class Meter:
    """CPU by program name between begin and end, ended processes included."""

    def __init__(self, exits):
        self.exits = exits

    def begin(self, roots):
        table = all_processes()
        self.before = {p: cpu_ns(p) for p in tree(roots, table)}
        self.kernel = self.kernel_ns(table)
        self.mark = self.exits.mark()
        self.busy = busy_us()

    @staticmethod
    def kernel_ns(table):
        """Of each, since they come and go."""
        return {p: cpu_ns(p) for p, (_, parent) in table.items()
                if parent == 2}

    def end(self, roots):
        """{program: microseconds}; "(kernel threads)" and "(all)" beside."""
        time.sleep(0.05)        # the last exits are on their way
        table = all_processes()
        live = tree(roots, table)
        ours, by_name = set(live) | set(self.before) | set(roots), {}
        gone = self.exits.since(self.mark)
        while True:             # children of children, in whatever order
            more = {e[0] for e in gone if e[1] in ours} - ours
            if not more:
                break
            ours |= more
        for pid, name in live.items():
            used = cpu_ns(pid) - self.before.get(pid, 0)
            by_name[name] = by_name.get(name, 0) + used
        for pid, _, ns, name in gone:
            if pid in ours and pid not in live:
                used = ns - self.before.get(pid, 0)
                by_name[name] = by_name.get(name, 0) + max(used, 0)
        out = {name: ns / 1000 for name, ns in by_name.items() if ns >= 1000}
        out["(kernel threads)"] = sum(
            ns - self.kernel.get(p, 0)
            for p, ns in self.kernel_ns(table).items()) / 1000
        out["(all)"] = busy_us() - self.busy
        return out


class Server:
    """A process that we started, and end by its id."""

    def __init__(self, argv, log, **more):
        self.log = log
        with open(log, "ab") as f:
            self.process = subprocess.Popen(
                [str(a) for a in argv], stderr=f,
                stdin=subprocess.DEVNULL, start_new_session=True,
                **{"stdout": f, **more})
        self.pid = self.process.pid

    def alive(self):
        return self.process.poll() is None

    def stop(self, seconds=30):
        """SIGTERM to it, and at last SIGKILL to what is left of its tree."""
        left = tree([self.pid])
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            left = {p: n for p, n in left.items()
                    if p != self.pid and (stat_of(p) or [""])[0] == n}
            if not left:
                return
            time.sleep(0.02)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass

    def tail(self):
        try:
            with open(self.log, "rb") as f:
                return f.read()[-300:].decode(errors="replace").strip()
        except OSError:
            return ""


class Tool:
    """A load generator under way; its one JSON object when it ends."""
    under_way = set()

    def __init__(self, tools, name, *args, **more):
        self.name = name
        self.process = subprocess.Popen(
            [os.path.join(tools, name), *[str(a) for a in args]],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=more.get("stdin", subprocess.DEVNULL),
            bufsize=0)          # what readline() leaves, communicate() finds
        Tool.under_way.add(self.process)

    @staticmethod
    def end_all():
        """Those that a failed measure left behind."""
        for process in Tool.under_way:
            if process.poll() is None:
                process.kill()
                process.wait()
        Tool.under_way.clear()

    def result(self, seconds=600, input=None):
        try:
            out, err = self.process.communicate(input, timeout=seconds)
        except subprocess.TimeoutExpired as why:
            self.process.kill()
            self.process.communicate()
            raise Failed(f"{self.name}: not done in {seconds} s") from why
        Tool.under_way.discard(self.process)
        said = err.decode(errors="replace").strip()
        try:
            answer = json.loads(out.decode().splitlines()[-1])
        except (ValueError, IndexError) as why:
            raise Failed(f"{self.name}: {said[-200:]}") from why
        if said:
            answer["said"] = said
        return answer
