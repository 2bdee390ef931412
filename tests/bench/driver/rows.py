"""
The rows. Each is a function of (bench, system) that measures once and gives
{metric: value}; ROWS says which systems take part, what is better and the bar.
"""
import base64
import functools
import glob
import json
import math
import os
import random
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from statistics import median

from .host import Failed, Tool, available_kib, call, pss_by_mapping, \
    pss_kib, tls_over, tree
from .peers import DOMAIN, PASSWORD

MIB = 1024 * 1024
CROWD = os.path.join(os.path.dirname(__file__), "../../e2e/crowd.py")
CONNECTIONS = 20
STEADY_MAILBOXES = 1000
POP_MAILBOXES = 20
SETTLE_S = 1.2      # our queue lets go at most a second after a delivery


class Metric:
    """One printed figure of a row, and its bar."""

    def __init__(self, key, title, unit, better="more", times=None,
                 absolute=None, of=None):
        self.key, self.title, self.unit = key, title, unit
        self.better = better        # more or less
        self.times = times          # so many times better than the peer
        self.absolute = absolute    # or this value
        self.of = of                # the peer's metric, when another


class Row:
    def __init__(self, name, title, function, metrics, peer=True, per=None,
                 rounds=None, where=(), tuned=False):
        self.name, self.title, self.function = name, title, function
        self.metrics, self.peer = metrics, peer
        self.per = per              # what CPU is divided by: "message"
        self.rounds = rounds        # at most so many
        self.tuned = tuned          # the peer also as tuned for load
        self.where = where          # the file systems, where others exist


def smtp(bench, system, *args, **more):
    return Tool(bench.tools, "load-smtp", "-a",
                f"127.0.0.1:{system.smtp_port}", *args, **more)


def pop3(bench, system, *args, **more):
    return Tool(bench.tools, "load-pop3", "-a",
                f"127.0.0.1:{system.pop_port}", "-p", PASSWORD, *args,
                **more)


def wait_begin(bench, system, names, count, seconds=300):
    """wait-mail with its watches set."""
    tool = Tool(bench.tools, "wait-mail", "-n", count, "-t", seconds,
                stdin=subprocess.PIPE)
    dirs = "".join(f"{system.maildir(n)}/new\n" for n in names).encode()
    tool.process.stdin.write(dirs)
    tool.process.stdin.close()
    tool.process.stdin = None
    said = tool.process.stdout.readline()
    if said != b"ready\n":
        why = tool.process.stderr.read().decode()
        raise Failed(f"wait-mail: exit {tool.process.wait()}: {said} {why}")
    return tool


def wait_for(bench, system, names, count):
    """Sleeps until count messages are there; the time of the last one."""
    done = wait_begin(bench, system, names, count).result(330)
    if not done["all"]:
        raise Failed(f"{count - done['count']} of {count} messages never "
                     "came to the mailbox")
    return done["at_us"]


def check(sent, wanted=None):
    """A few refusals are told beside the figure; more make it worthless."""
    bad = sent["temp"] + sent["perm"] + sent["lost"]
    if bad * 100 > sent["ok"] or wanted not in (None, sent["ok"]):
        raise Failed(f"{sent['ok']} accepted, {sent['temp']} temporary, "
                     f"{sent['perm']} permanent refusals, {sent['lost']} "
                     f"lost: {sent['error']}")
    return sent


def warm_up(bench, system, there=0, count=200):
    """Fills the pools, into a mailbox that is not counted and has so many."""
    sent = smtp(bench, system, "-c", CONNECTIONS, "-m", 5, "-n", count, "-t",
                f"warm@{DOMAIN}").result()
    check(sent, count)
    wait_for(bench, system, ["warm"], there + count)
    os.sync()


def begin(bench, system, **setup):
    system.setup(bench.root(system), **setup)
    system.start()
    warm_up(bench, system)


# ---- SMTP to mailbox ----

def smtp_source(system, count, *args):
    """Postfix's load generator, with what load-smtp says of itself."""
    path = shutil.which("smtp-source", path=os.environ["PATH"] + ":/usr/sbin")
    if not path:
        raise Failed("no smtp-source (Debian's postfix has it)")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic_ns() // 1000
    call(path, "-s", CONNECTIONS, "-m", count, "-l", 4096, *args, "-f",
         f"load@{DOMAIN}", "-t", f"u1@{DOMAIN}",
         f"127.0.0.1:{system.smtp_port}")    # it fails at the first refusal
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"ok": count, "temp": 0, "perm": 0, "lost": 0, "error": "",
            "start_us": start, "end_us": time.monotonic_ns() // 1000,
            "p50_us": None, "p99_us": None,
            "cpu_us": 1e6 * (after.ru_utime + after.ru_stime -
                             before.ru_utime - before.ru_stime)}


def deliver(bench, system, names, *args, send=None):
    """Sends, waits for the last message, counts: messages a second."""
    bench.meter.begin(system.roots())
    sent = check(send() if send else smtp(bench, system, *args).result())
    last = wait_for(bench, system, names, sent["ok"])
    time.sleep(SETTLE_S)
    cpu = bench.meter.end(system.roots())
    seconds = (last - sent["start_us"]) / 1e6
    return {"rate": sent["ok"] / seconds, "count": sent["ok"],
            "after_s": (last - sent["end_us"]) / 1e6,
            "p50_us": sent["p50_us"], "p99_us": sent["p99_us"],
            "not_ok": sent["temp"] + sent["perm"] + sent["lost"],
            "why": sent["error"],
            "cpu": cpu, "load_us": sent["cpu_us"]}


def row_smtp1(bench, system):
    begin(bench, system)
    return deliver(bench, system, ["u1"], "-c", CONNECTIONS, "-d",
                   bench.pick(10, 3))


def row_smtp50(bench, system):
    begin(bench, system)
    return deliver(bench, system, ["u1"], "-c", CONNECTIONS, "-m", 50, "-d",
                   bench.pick(10, 3))


def row_source1(bench, system):
    begin(bench, system)
    return deliver(bench, system, ["u1"], send=lambda: smtp_source(
        system, bench.pick(20000, 4000)))


def row_source50(bench, system):
    begin(bench, system)
    return deliver(bench, system, ["u1"], send=lambda: smtp_source(
        system, bench.pick(20000, 4000), "-d"))


def row_starttls(bench, system, kind, option):
    """A handshake for each message; with -K in sessions that are resumed."""
    begin(bench, system, tls=kind)
    said = {}
    out = deliver(bench, system, ["u1"], send=lambda: said.setdefault(
        "sent", smtp(bench, system, "-c", CONNECTIONS, "-d",
                     bench.pick(10, 3), option).result()))
    full, resumed = said["sent"]["full"], said["sent"]["resumed"]
    if option == "-K" and full > CONNECTIONS + resumed / 100:
        raise Failed(f"{full} handshakes were full, {resumed} resumed")
    return dict(out, notes=[said["sent"]["tls"]])


def s_time(port, seconds):
    """Handshakes a second of `openssl s_time`, one after the other."""
    start = time.monotonic()
    said = call("openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new",
                "-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256", "-time",
                seconds).decode()
    count = re.search(r"^(\d+) connections in \d+ real", said, re.M)
    if not count or int(count.group(1)) == 0:
        raise Failed(f"openssl s_time: {said[-200:]}")
    return int(count.group(1)), time.monotonic() - start


def row_handshake(bench, system, kind):
    system.start_handshakes(bench.root(system), kind)
    end = time.monotonic() + 30
    while time.monotonic() < end:   # it listens, and has done it once
        try:
            with socket.create_connection(("127.0.0.1", system.tls_port),
                                          5) as s:
                tls_over(s)
                break
        except OSError:
            time.sleep(0.02)
    s_time(system.tls_port, 1)
    bench.meter.begin(system.roots())
    count, seconds = s_time(system.tls_port, bench.pick(10, 3))
    cpu = bench.meter.end(system.roots())
    return {"rate": count / seconds, "count": count, "cpu": cpu,
            "load_us": 0}


def row_spread(bench, system):
    begin(bench, system, mailboxes=1000)
    return deliver(bench, system, [f"u{i}" for i in range(1, 1001)], "-c",
                   CONNECTIONS, "-m", 50, "-t", f"u%@{DOMAIN}", "-N", 1000,
                   "-d", bench.pick(10, 3))


def row_steady(bench, system):
    n = bench.pick(STEADY_MAILBOXES, 100)
    begin(bench, system, mailboxes=n, pop=True)
    first = pop3(bench, system, "-c", 8, "-N", n, "-n", n).result()
    if first["failed"]:
        raise Failed(f"{first['failed']} logins failed")
    bench.meter.begin(system.roots())
    readers = pop3(bench, system, "-c", 8, "-N", n, "-r", n // 20, "-R", "-D",
                   "-T", stdin=subprocess.PIPE)
    sent = check(smtp(bench, system, "-c", CONNECTIONS, "-m", 50, "-t",
                      f"u%@{DOMAIN}", "-N", n, "-d",
                      bench.pick(60, 5)).result())
    read = readers.result(300, f"{sent['ok']}\n".encode())
    cpu = bench.meter.end(system.roots())
    if read["failed"] or read["deleted"] != sent["ok"]:
        raise Failed(f"{sent['ok']} accepted, {read['deleted']} read and "
                     f"deleted, {read['failed']} sessions failed")
    seconds = (read["end_us"] - sent["start_us"]) / 1e6
    return {"rate": sent["ok"] / seconds, "count": sent["ok"],
            "after_s": (read["end_us"] - sent["end_us"]) / 1e6, "cpu": cpu,
            "load_us": sent["cpu_us"] + read["cpu_us"]}


def row_latency(bench, system):
    begin(bench, system)
    out = deliver(bench, system, ["u1"], "-c", 1, "-m", 1000000, "-d",
                  bench.pick(5, 2))
    return out


def row_fanout(bench, system):
    count = 1000
    begin(bench, system, mailboxes=count)
    names = [f"u{i}" for i in range(1, count + 1)]
    times = []
    for turn in range(bench.pick(3, 1)):
        wait = wait_begin(bench, system, names, count * (turn + 1))
        sent = check(smtp(bench, system, "-c", 1, "-n", 1, "-r", count, "-t",
                          f"u%@{DOMAIN}").result(), 1)
        done = wait.result(330)
        if not done["all"]:
            raise Failed(f"{done['count']} of {count * (turn + 1)} came")
        times.append((done["at_us"] - sent["last_dot_us"]) / 1000)
    return {"ms": sorted(times)[len(times) // 2]}


# ---- large messages ----

def row_big(bench, system):
    begin(bench, system)
    n = bench.pick(160, 40)
    out = deliver(bench, system, ["u1"], "-c", 4, "-m", 20, "-n", n, "-s",
                  10 * MIB)
    out["mib"] = out["rate"] * 10
    return out


def offered(bench, system, seconds):
    return smtp(bench, system, "-c", 40, "-m", 1, "-t", f"warm@{DOMAIN}",
                "-R", 500, "-d", seconds)


def row_mixed(bench, system):
    seconds = bench.pick(5, 3)  # the file system holds so much of the streams
    begin(bench, system)
    alone = check(offered(bench, system, seconds).result())
    big = smtp(bench, system, "-c", 4, "-m", 20, "-d", seconds + 1, "-n",
               bench.pick(700, 400), "-s", 10 * MIB)
    time.sleep(0.5)
    small = offered(bench, system, seconds).result()
    streams = check(big.result())
    covered = (streams["end_us"] - small["start_us"]) / 1e6
    return {"refused": 500 * seconds - small["ok"], "alone_ms": alone["p99_us"] / 1000,
            "beside_ms": small["p99_us"] / 1000,
            "factor": small["p99_us"] / alone["p99_us"],
            "big_mib": streams["ok"] * 10 /
            ((streams["end_us"] - streams["start_us"]) / 1e6),
            "covered": min(1.0, covered / seconds)}


# ---- POP3 ----

def logins(bench, system, n, *over):
    """Login, STAT, QUIT: sessions a second."""
    pop3(bench, system, "-c", n, "-N", n, "-n", n, *over).result()
    stat = pop3(bench, system, "-c", n, "-N", n, "-d", bench.pick(5, 2),
                *over).result()
    if stat["failed"]:
        raise Failed(f"{stat['failed']} logins failed")
    return stat["sessions"] * 1e6 / (stat["end_us"] - stat["start_us"])


def row_pop3(bench, system, tls=None):
    n, each = POP_MAILBOXES, bench.pick(1000, 250)
    over = ["-S"] if tls else []
    system.setup(bench.root(system), mailboxes=n, pop=True, tls=tls)
    for i in range(1, n + 1):
        system.fill(f"u{i}", each, 4096)
    system.start()
    os.sync()
    pop3(bench, system, "-c", n, "-N", n, "-n", n, *over).result()
    bench.meter.begin(system.roots())
    read = pop3(bench, system, "-c", n, "-N", n, "-R", "-d",
                bench.pick(5, 2), *over).result()
    cpu = bench.meter.end(system.roots())
    if read["failed"] or read["retrieved"] != read["sessions"] * each:
        raise Failed(f"{read['retrieved']} read in {read['sessions']} "
                     f"sessions, {read['failed']} failed")
    login = logins(bench, system, n, *over)
    if system.tune_logins():
        login = max(login, logins(bench, system, n, *over))
    us = read["end_us"] - read["start_us"]
    return {"retr": read["retrieved"] * 1e6 / us, "count": read["retrieved"],
            "login": login, "cpu": cpu, "load_us": read["cpu_us"],
            "notes": [read["tls"]] if tls else []}


def row_stat(bench, system):
    count = bench.pick(100000, 20000)
    system.setup(bench.root(system), mailboxes=1, pop=True)
    system.fill("u1", count, 4096)
    system.start()
    os.sync()
    # the login itself once before, with an empty mailbox
    pop3(bench, system, "-c", 1, "-u", f"warm@{DOMAIN}", "-n", 1).result()
    first = pop3(bench, system, "-c", 1, "-n", 1).result()
    later = pop3(bench, system, "-c", 1, "-n", 10).result()
    if first["failed"] or later["failed"] or first["found"] != count:
        raise Failed(f"STAT found {first['found']} of {count}")
    return {"first": first["p50_us"] / 1000, "later": later["p50_us"] / 1000}


# ---- ours alone ----

def row_resolve(bench, system):
    n = bench.pick(1000000, 100000)
    system.setup(bench.root(system), imported=False)
    path = f"{system.home}/directory/entries"
    with open(path, "w") as f:
        f.writelines(f"entry smtp=u{i}@{DOMAIN} store=mailbox "
                     f"path={DOMAIN}/u{i}\n" for i in range(1, n + 1))
    os.chown(path, *system.ids)
    start = time.monotonic()
    system.pneu("directory", "compile")
    compiled = time.monotonic() - start
    system.start()
    bench.meter.begin(system.roots())
    asked = Tool(bench.tools, "load-resolve", "-s",
                 f"{system.home}/run/resolve", "-n", n, "-N", n).result()
    cpu = bench.meter.end(system.roots())
    if asked["mailbox"] != n:
        raise Failed(f"{asked['mailbox']} of {n} found")
    return {"lookups": n * 1e6 / asked["us"], "compile": compiled,
            "count": n, "cpu": cpu, "load_us": asked["cpu_us"]}


def row_policy(bench, system):
    """90,000 IPv4 and 10,000 IPv6 networks, 100,000 domains; half of what is
    asked for is there."""
    system.setup(bench.root(system), imported=False)
    lists = f"{system.home}/lists"
    os.makedirs(lists, exist_ok=True)
    nets = [f"10.{i >> 8 & 255}.{i & 255}.0/25" if i < 65536 else
            f"11.{i >> 8 & 255}.{i & 255}.0/25" for i in range(90000)]
    nets += [f"2001:db8:{i:x}::/48" for i in range(10000)]
    for name, entries in (("reject", nets), ("near", (
            f"{'.' if i % 2 else ''}d{i}.example" for i in range(100000)))):
        with open(f"{lists}/{name}", "w") as f:
            f.writelines(f"{e}\n" for e in entries)
        os.chown(f"{lists}/{name}", *system.ids)
    system.start()
    start = time.monotonic()
    system.pneu("reload")
    reload = time.monotonic() - start
    out = {"reload": reload}
    blob = max(glob.glob(f"{system.home}/run/lists.*"),
               key=lambda path: int(path.rsplit(".", 1)[1]))
    names = range(0, 100000, 7)
    for what, asked in (
            ("client", [f"10.{i >> 8 & 255}.{i & 255}.{i % 256}"
                        for i in (n * 7919 % 65536 for n in names)]),
            ("client6", [f"2001:db8:{n * 7919 % 20000:x}::1" for n in names]),
            ("domain", [f"mx.d{n * 7919 % 100000}.example" for n in names])):
        said = Tool(bench.tools, "load-lists", blob, 20,
                    stdin=subprocess.PIPE)
        said.process.stdin.write("".join(f"{a}\n" for a in asked).encode())
        said.process.stdin.close()
        said.process.stdin = None
        got = said.result()
        if not 0.3 < got["found"] / got["asked"] < 0.7:
            raise Failed(f"{what}: {got['found']} of {got['asked']} found")
        out[what] = got["us"] / got["asked"]
    return out


def accept(bench, system, seconds):
    sent = check(smtp(bench, system, "-c", CONNECTIONS, "-m", 50, "-d",
                      seconds).result())
    return sent["ok"] * 1e6 / (sent["end_us"] - sent["start_us"])


def row_waiting(bench, system):
    """Accepting and delivering with an empty queue, and with one in which all
    that was sent before waits to be retried."""
    n, seconds = bench.pick(200000, 10000), bench.pick(10, 3)
    begin(bench, system)
    empty = accept(bench, system, seconds)
    system.stop()
    with system.configured([
            ("deliver-mailbox", "program", f"{bench.tools}/answer-temp"),
            ("queue", "retry_min", "1h")]):
        system.start()          # the store answers `temp` for all
        check(smtp(bench, system, "-c", CONNECTIONS, "-m", 200, "-n",
                   n).result(1200))
        end = time.monotonic() + 120
        while system.waiting() < n:
            if time.monotonic() > end:
                raise Failed(f"{system.waiting()} of {n} wait")
            time.sleep(1)
        memory = pss_kib([system.queue_run_pid()]) / 1024
        system.stop()
    start = time.monotonic()
    system.start()
    ready = time.monotonic() - start
    warm_up(bench, system, there=200)
    full = accept(bench, system, seconds)
    if system.waiting() < n:
        raise Failed(f"only {system.waiting()} of {n} wait still")
    memory = max(memory, pss_kib([system.queue_run_pid()]) / 1024)
    return {"share": 100 * full / empty, "empty": empty, "full": full,
            "ready": ready, "memory": memory}


def idle_connections(port, n, tls=False):
    out = []
    for i in range(n):
        s = socket.create_connection(
            ("127.0.0.1", port), 30,
            source_address=(f"127.1.{i // 200}.{i % 200 + 1}", 0))
        s.recv(512)
        if tls:
            s.sendall(b"STARTTLS\r\n")
            s.recv(512)
            s = tls_over(s)
        s.sendall(b"EHLO idle.bench.test\r\n")
        s.recv(2048)
        out.append(s)
    return out


def row_idletls(bench, system):
    """Each of many idle TLS connections: PSS, and the machine's memory."""
    n = bench.pick(230, 50)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < n + 100:
        raise Failed(f"at most {hard} open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n + 100), hard))
    system.setup(bench.root(system), tls="ec",
                 settings=[("smtpd", "max", n + 20)])
    system.start()
    some = idle_connections(system.smtp_port, 10, tls=True)
    time.sleep(1)
    pids = tree(system.roots())
    before, machine = pss_by_mapping(pids), available_kib()
    started = time.monotonic()
    more = idle_connections(system.smtp_port, n, tls=True)
    took = time.monotonic() - started
    time.sleep(1)
    pids = tree(system.roots())
    after, machine = pss_by_mapping(pids), machine - available_kib()
    for s in some + more:
        s.close()
    grown = {k: (after[k] - before.get(k, 0)) / n for k in after}
    holds = sorted((k for k in grown if grown[k] >= 2),
                   key=lambda k: -grown[k])
    return {"each": sum(grown.values()) / 1024, "all": sum(after.values()) / 1024,
            "machine": machine / n / 1024, "processes": len(pids),
            "took": took,
            "notes": ["KiB of each: " + ", ".join(
                f"{k} {grown[k]:.0f}" for k in holds)]}


def row_stress(bench, system, most):
    """What a client is told while a crowd holds all sessions: the worst."""
    count, seconds = bench.pick((2000, 15), (500, 4))
    system.setup(bench.root(system), tls="ec",
                 settings=[("smtpd", "max", most)])
    system.start()
    told = {}
    for kind in "idle", "command", "data":
        told[kind] = json.loads(call(
            sys.executable, CROWD, system.smtp_port,
            f"{system.names[0]}@{DOMAIN}", count, f"{kind}-again", seconds))
    return {"greeted": max(t["greeted_worst"] for t in told.values()),
            "taken": max(t["taken_worst"] for t in told.values()),
            "median": max(t["taken"] for t in told.values()),
            "not_served": sum(t["not_served"] for t in told.values()),
            "notes": [f"{kind}: {t['served']} served, worst "
                      f"{t['taken_worst']:.2f} s, held {t['held']}"
                      for kind, t in told.items()]}


# ---- guesses ----

GUESSES = [("smtp", "PLAIN"), ("smtp", "LOGIN"), ("smtp", "SCRAM-SHA-256"),
           ("pop", "USER"), ("pop", "PLAIN"), ("pop", "SCRAM-SHA-256")]


def b64(text):
    return base64.b64encode(text.encode()).decode()


def guess_lines(mechanism, user):
    """A generator: gives a line to say, takes what was answered."""
    if mechanism == "USER":
        yield f"USER {user}"
        yield "PASS wrong"
    elif mechanism == "PLAIN":
        yield "AUTH PLAIN " + b64(f"\0{user}\0wrong")
    elif mechanism == "LOGIN":
        yield "AUTH LOGIN " + b64(user)
        yield b64("wrong")
    else:
        first = yield f"AUTH {mechanism} " + b64(f"n,,n={user},r=guess")
        nonce = base64.b64decode(first.split()[1]).decode().split(",")[0]
        proof = base64.b64encode(bytes(32)).decode()
        yield b64(f"c=biws,{nonce},p={proof}")


def guess(port, protocol, mechanism, user):
    """Microseconds from the first line of a wrong login to its refusal."""
    with socket.create_connection(("127.0.0.1", port), 60) as s, \
            s.makefile("rb") as f:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        f.readline()
        if protocol == "smtp":
            s.sendall(b"EHLO guess.bench.test\r\n")
            while f.readline()[3:4] == b"-":
                pass
        lines, answer = guess_lines(mechanism, user), None
        started = time.perf_counter_ns()
        while True:
            try:
                line = lines.send(answer)
            except StopIteration:
                break
            s.sendall(line.encode() + b"\r\n")
            answer = f.readline()
        took = (time.perf_counter_ns() - started) / 1000
    if not answer.startswith((b"535 5.7.8 ", b"-ERR [AUTH] ")):
        raise Failed(f"{protocol} {mechanism}: {answer!r}")
    return took


def mann_whitney(a, b):
    """How probable it is that one distribution gives two so far apart."""
    above = sum((x > y) + (x == y) / 2 for x in a for y in b)
    n = len(a) * len(b)
    sigma = math.sqrt(n * (len(a) + len(b) + 1) / 12)
    return math.erfc(abs(above - n / 2) / sigma / math.sqrt(2))


def row_guess(bench, system):
    """A wrong password and an unknown user of as long a name, in turn."""
    tries, out = bench.pick(200, 50), {"notes": []}
    system.setup(bench.root(system), settings=[
        ("auth", "mode", "relay"), ("auth", "hash_memory", "64K"),
        ("auth", "failed_login", "0s"), ("auth", "account_failures", 0),
        ("auth", "address_failures", 0)])
    system.pneu("directory", "add", f"known@{DOMAIN}", "--password-stdin",
                input=PASSWORD.encode() + b"\n")
    system.start()
    users = [f"known@{DOMAIN}", f"xnown@{DOMAIN}"]
    for protocol, mechanism in GUESSES:
        port = system.smtp_port if protocol == "smtp" else system.pop_port
        took = {user: [] for user in users}
        for user in users * 10:     # the warm-up
            guess(port, protocol, mechanism, user)
        # All in random order: pairs would share what else the machine does,
        # and their distributions be too much alike.
        for user in random.sample(users * tries, 2 * tries):
            took[user].append(guess(port, protocol, mechanism, user))
        wrong, unknown = took.values()
        out[f"{protocol} {mechanism}"] = mann_whitney(wrong, unknown)
        out["notes"].append(
            f"{protocol} {mechanism}: median of wrong passwords "
            f"{median(wrong):.0f} us, of unknown users "
            f"{median(unknown):.0f} us")
    return out


def row_memory(bench, system):
    n = 40
    system.setup(bench.root(system), pop=True,
                 settings=[("smtpd", "max", 100)])
    system.start()
    time.sleep(2)
    idle = pss_kib(tree(system.roots())) / 1024
    some = idle_connections(system.smtp_port, 10)
    time.sleep(1)
    before = pss_kib(tree(system.roots())) / 1024
    more = idle_connections(system.smtp_port, n)
    time.sleep(1)
    after = pss_kib(tree(system.roots())) / 1024
    for s in some + more:
        s.close()
    return {"idle": idle, "each": (after - before) / n}


# ---- system calls, not timed ----

CALLS_LINE = re.compile(
    r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$")


def row_calls(bench, system):
    """strace -c on each program while 500 messages pass; 50 a connection."""
    count = 1000
    begin(bench, system)
    groups = {}
    for pid, name in tree(system.roots()).items():
        groups.setdefault(name, []).append(pid)
    tracers = []
    for name, pids in groups.items():
        file = f"{bench.top}/calls.{len(tracers)}"
        argv = ["strace", "-c", "-f", "-o", file]
        for pid in pids:
            argv += ["-p", str(pid)]
        tracers.append((name, file, subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)))
    time.sleep(1)
    sent = smtp(bench, system, "-c", CONNECTIONS, "-m", 50, "-n",
                count).result()
    wait_for(bench, system, ["u1"], sent["ok"])
    time.sleep(1.5)             # the letting go belongs to it
    out = {}
    for name, file, process in tracers:
        process.terminate()
        process.wait()
        out[name] = read_calls(file, count)
    check(sent, count)
    return {"calls": {n: c for n, c in out.items() if sum(c.values()) > 0.01}}


def read_calls(file, count):
    out = {}
    with open(file) as f:
        for line in f:
            found = CALLS_LINE.match(line)
            if found and found.group(2) != "total":
                out[found.group(2)] = int(found.group(1)) / count
    return out


RATE = "messages/s"
ROWS = [
    Row("smtp1", "SMTP to mailbox, 4 KiB, 20 connections, one message each",
        row_smtp1, [Metric("rate", "messages", RATE, times=4.5)],
        per="message",
        tuned=True),
    Row("smtp50", "the same, 50 messages each connection", row_smtp50,
        [Metric("rate", "messages", RATE, times=5)], per="message",
        tuned=True),
    Row("source1", "the same by smtp-source, one message each connection",
        row_source1, [Metric("rate", "messages", RATE, times=4.5)],
        per="message", where=("ext4", "tmpfs"),
        tuned=True),
    Row("source50", "by smtp-source, 20 connections that are kept",
        row_source50, [Metric("rate", "messages", RATE, times=5)],
        per="message", where=("ext4", "tmpfs"),
        tuned=True),
    Row("spread", "50 messages each connection over 1,000 mailboxes", row_spread,
        [Metric("rate", "messages", RATE, times=4)], per="message",
        tuned=True),
    Row("steady", "the same while POP3 readers fetch and delete all of it",
        row_steady, [Metric("rate", "messages", RATE, times=3)],
        per="message",
        where=("ext4", "tmpfs")),
    Row("latency", "one connection, one message after the other",
        row_latency, [Metric("rate", "messages", RATE, times=1.5),
                      Metric("p50_us", "median", "us", "less")],
        per="message"),
    Row("fanout", "one message to 1,000 mailboxes, from the final dot",
        row_fanout, [Metric("ms", "until all have it", "ms", "less",
                            times=8)],
        where=("ext4", "tmpfs"),
        tuned=True),
    Row("big", "10 MiB messages, 4 connections, SMTP to mailbox", row_big,
        [Metric("mib", "content", "MiB/s", times=2)], per="message"),
    Row("mixed", "4 KiB offered at 500/s beside 10 MiB streams", row_mixed,
        [Metric("refused", "not accepted", "messages", "less", absolute=0),
         Metric("factor", "99th percentile, times its value alone", "times",
                "less"),
         Metric("alone_ms", "99th percentile alone", "ms", "less"),
         Metric("beside_ms", "99th percentile beside", "ms", "less",
                absolute={"ext4": 20, "tmpfs": 8}),
         Metric("big_mib", "the streams accepted", "MiB/s"),
         Metric("covered", "share of the time that streams ran", "")],
        where=("ext4", "tmpfs")),
    Row("pop3", "POP3, 20 sessions, 4 KiB messages", row_pop3,
        [Metric("retr", "RETR", RATE, times=1.5),
         Metric("login", "login, STAT, QUIT", "sessions/s", times=1.5)],
        per="RETR",
        where=("ext4", "tmpfs")),
    Row("stat", "login and STAT on 100,000 messages", row_stat,
        [Metric("first", "first", "ms", "less", times=20),
         Metric("later", "later", "ms", "less", times=2)],
        where=("ext4", "tmpfs")),
    Row("resolve", "resolve with 1,000,000 entries", row_resolve,
        [Metric("lookups", "lookups", "per s", absolute=300000),
         Metric("compile", "compile", "s", "less", absolute=3)],
        peer=False, per="lookup",
        where=("ext4",)),
    Row("policy", "lists of 100,000 networks, 100,000 domains", row_policy,
        [Metric("client", "an IPv4 client", "us", "less", absolute=5),
         Metric("client6", "an IPv6 client", "us", "less", absolute=5),
         Metric("domain", "a domain", "us", "less", absolute=5),
         Metric("reload", "reload", "s", "less", absolute=1)],
        peer=False, where=("ext4",)),
    Row("waiting", "200,000 messages wait", row_waiting,
        [Metric("share", "accepting, against an empty queue", "%",
                absolute=80),
         Metric("empty", "accepted, empty queue", RATE),
         Metric("full", "accepted, full queue", RATE),
         Metric("ready", "restart to ready", "s", "less", absolute=2),
         Metric("memory", "queue-run", "MiB PSS", "less", absolute=64)],
        peer=False,
        rounds=1, where=("ext4", "tmpfs")),
    Row("memory", "memory", row_memory,
        [Metric("idle", "idle system", "MiB PSS", "less", absolute=30),
         Metric("each", "each further idle SMTP connection", "MiB PSS",
                "less", absolute=0.6)],
        rounds=1, where=("ext4",)),
    Row("starttls-rsa", "as smtp1 with STARTTLS for each message, RSA-2048",
        functools.partial(row_starttls, kind="rsa", option="-S"),
        [Metric("rate", "messages", RATE, times=2)], per="message",
        tuned=True),
    Row("starttls-ec", "the same, P-256",
        functools.partial(row_starttls, kind="ec", option="-S"),
        [Metric("rate", "messages", RATE, times=2)], per="message",
        tuned=True),
    Row("resumed", "the same in sessions that are resumed",
        functools.partial(row_starttls, kind="rsa", option="-K"),
        [Metric("rate", "messages", RATE, times=3)], per="message",
        tuned=True),
    Row("handshake-rsa", "full handshakes of openssl s_time, RSA-2048; the "
        "peer is openssl s_server", functools.partial(
            row_handshake, kind="rsa"),
        [Metric("rate", "handshakes", "per s", times=0.9)], per="handshake",
        where=("tmpfs",)),
    Row("handshake-ec", "the same, P-256", functools.partial(
            row_handshake, kind="ec"),
        [Metric("rate", "handshakes", "per s", times=0.9)], per="handshake",
        where=("tmpfs",)),
    Row("pop3tls", "POP3 over TLS, P-256, 20 sessions, 4 KiB messages",
        functools.partial(row_pop3, tls="ec"),
        [Metric("retr", "RETR", RATE, times=1.5),
         Metric("login", "login, STAT, QUIT", "sessions/s", times=1.5)],
        per="RETR", where=("ext4", "tmpfs")),
    Row("idletls", "idle connections after STARTTLS, as many as a pool may have",
        row_idletls,
        [Metric("each", "each", "MiB PSS", "less", absolute=0.4),
         Metric("all", "the whole system", "MiB PSS", "less"),
         Metric("machine", "each, with what the kernel holds", "MiB", "less"),
         Metric("processes", "processes", ""),
         Metric("took", "until all were greeted", "s", "less")],
        peer=False, rounds=1, where=("tmpfs",)),
    *(Row(f"stress{most}", "a crowd of 2,000 addresses that is silent or slow, "
          f"half of it after STARTTLS, and comes back; max {most}",
          functools.partial(row_stress, most=most),
          [Metric("taken", "a client's message, the worst", "s", "less",
                  absolute=1),
           Metric("greeted", "its greeting, the worst", "s", "less"),
           Metric("median", "its message, the worst median", "s", "less"),
           Metric("not_served", "clients not served", "", "less",
                  absolute=0)],
          peer=False, where=("tmpfs",)) for most in (20, 256)),
    Row("guess", "wrong passwords and unknown users, 200 tries of each: p that "
        "their times are of one distribution (Mann-Whitney)", row_guess,
        [Metric(f"{protocol} {mechanism}", f"{protocol} {mechanism}", "p",
                absolute=0.01) for protocol, mechanism in GUESSES],
        peer=False, rounds=1, where=("tmpfs",)),
    Row("calls", "system calls a message (strace, not timed)", row_calls,
        [],
        rounds=1, where=("ext4",)),
]
