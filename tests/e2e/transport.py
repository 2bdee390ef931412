#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""transport.py HOME SERVICE DIR: a transport at run/SERVICE, for queue-run.

Answers attempts as DIR/answers says, whose lines are

	NEXTHOP [n=N] WORD [FIELD=VALUE...]

the first that fits counts: WORD is ok, temp or perm, with the fields of the
answer; scope=nexthop goes to the end. Instead of a word: hang (until the line
is gone), drop (close without an answer), early (close before `begin`), begun
(close after it). Without a line: ok. "begin=no" in DIR/options: it says no
`begin`; "keep=no": one attempt a connection. DIR/log gets a line for each
attempt, "CONNECTION NEXTHOP QID FROM TO...", and DIR/<qid>.<NEXTHOP> what a
relay would send.
"""
import array
import os
import re
import socket
import sys
import threading
import time
import urllib.parse

HOME, SERVICE, DIR = sys.argv[1:4]
lock = threading.Lock()
count = 0


def read(name):
    try:
        with open(os.path.join(DIR, name), encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def answer_of(nexthop, n):
    for line in read("answers").split("\n"):
        words = line.split(" ")
        if words[0] != nexthop or len(words) < 2:
            continue
        if words[1].startswith("n="):
            if words[1] != "n=%d" % n:
                continue
            del words[1]
        return words[1], words[2:]
    return "ok", []


class Attempts:
    """One connection: lines, and the descriptors that came with them."""

    def __init__(self, conn, serial):
        self.conn, self.serial = conn, serial
        self.text, self.fds = b"", []

    def line(self):
        while b"\n" not in self.text:
            octets, ancillary, _, _ = self.conn.recvmsg(65536, socket.CMSG_SPACE(64))
            for _, _, data in ancillary:
                self.fds.extend(array.array("i", data))
            if not octets:
                return None
            self.text += octets
        line, _, self.text = self.text.partition(b"\n")
        return line.decode()

    def next(self):
        first = self.line()
        if first is None:
            return None
        fields = dict(re.findall(r" ([a-z]+)=(\S*)", first))
        to = []
        while (line := self.line()) != "end":
            to.append((int(re.search(r" n=(\d+)", line).group(1)), re.search(r" path=<(.*?)>", line).group(1)))
        return fields, to

    def keep(self, fields, nexthop):
        fd = self.fds.pop()
        start, size, skip = (int(fields[k]) for k in ("start", "size", "skip"))
        with open(os.path.join(DIR, "%s.%s" % (fields["qid"], nexthop.replace("/", "_"))), "wb") as f:
            f.write(os.pread(fd, size - skip, start + skip))
        os.close(fd)

    def serve(self, options):
        while (attempt := self.next()) is not None:
            fields, to = attempt
            nexthop = urllib.parse.unquote(fields["nexthop"])
            word = answer_of(nexthop, to[0][0])[0]
            self.keep(fields, nexthop)
            with lock, open(os.path.join(DIR, "log"), "a", encoding="utf-8") as f:
                f.write(" ".join([str(self.serial), nexthop, fields["qid"], fields["from"]] + [t for _, t in to]) + "\n")
            if word == "early":
                return
            if "begin=no" not in options:
                self.say("begin qid=%s" % fields["qid"])
            if word in ("drop", "begun"):
                return
            while answer_of(nexthop, to[0][0])[0] == "hang":
                time.sleep(0.02)
            scope = ""
            for n, _ in to:
                word, more = answer_of(nexthop, n)
                scope = " scope=nexthop" if "scope=nexthop" in more else scope
                self.say(" ".join([word, "n=%d" % n] + [m for m in more if m != "scope=nexthop"]))
            self.say("end qid=%s%s" % (fields["qid"], scope))
            if "keep=no" in options:
                return

    def say(self, line):
        self.conn.sendall(line.encode() + b"\n")


def serve(conn, serial):
    try:
        Attempts(conn, serial).serve(read("options").split())
    except OSError:
        pass
    conn.close()


os.makedirs(DIR, exist_ok=True)
os.chdir(HOME)
path = "run/" + SERVICE
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o777)
listener.listen(128)
print("ready", flush=True)
while True:
    conn, _ = listener.accept()
    count += 1
    threading.Thread(target=serve, args=(conn, count), daemon=True).start()
