#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""attempt.py HOME FILE NEXTHOP [TO...]: an attempt, as queue-run asks for it.

Connects to run/deliver-program of HOME, else starts deliver-program on a
socketpair. NEXTHOP may be several, with commas: one after the other, --at-once side by side. FILE is the message; --start N: from that octet on, --raw LINES
sends these instead, --no-fd no descriptor, --from PATH, --hang-up leaves
without an answer. Prints the answers as they are, "<closed>" when the
connection ends before the attempt does.
"""
import argparse
import array
import os
import socket
import subprocess
import threading

QID = "01JDG8T0ZZ0000000000000001"


def request(o, nexthop, size):
    if o.raw is not None:
        return o.raw.replace("\\n", "\n")
    lines = ["attempt qid=%s nexthop=%s time=2026-11-24T03:04:05.123Z start=%d size=%d skip=0 from=<%s>"
             % (QID, nexthop, o.start, size, o.sender)]
    lines += ["to n=%d path=<%s>" % (n + 1, to.replace(" ", "%20")) for n, to in enumerate(o.to)]
    return "\n".join(lines + ["end", ""])


def connect(home):
    try:
        conn = socket.socket(socket.AF_UNIX)
        os.chdir(home)
        conn.connect("run/deliver-program")
        return conn, None
    except OSError:
        conn, end = socket.socketpair()
        child = subprocess.Popen(["deliver-program", "-C", home], stdin=end, stdout=end)
        end.close()
        return conn, child


def ask(o, fd, text):
    conn, child = connect(o.home)
    rights = [] if o.no_fd else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
    sent = conn.sendmsg([text.encode()], rights)
    conn.sendall(text.encode()[sent:])
    answer = b""
    while not o.hang_up and not answer.split(b"\n")[-2:][0].startswith(b"end "):
        octets = conn.recv(65536)
        if not octets:
            answer += b"<closed>\n"
            break
        answer += octets
    print(answer.decode(), end="")
    conn.close()
    if child is not None:
        child.wait()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("home")
    p.add_argument("file")
    p.add_argument("nexthop")
    p.add_argument("to", nargs="*", default=["bob@example.org"])
    p.add_argument("--start", type=int, default=0)
    p.add_argument("--longer", type=int, default=0)
    p.add_argument("--from", dest="sender", default="ann@example.net")
    p.add_argument("--raw")
    p.add_argument("--no-fd", action="store_true")
    p.add_argument("--hang-up", action="store_true")
    p.add_argument("--at-once", action="store_true")
    o = p.parse_args()
    fd = os.open(o.file, os.O_RDONLY)
    for nexthop in o.nexthop.split(","):
        text = request(o, nexthop, os.fstat(fd).st_size - o.start + o.longer)
        if o.at_once:
            threading.Thread(target=ask, args=(o, fd, text)).start()
        else:
            ask(o, fd, text)


main()
