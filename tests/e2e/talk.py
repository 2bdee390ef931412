#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""talk.py WHERE [N]: N conversations (1) with a port of 127.0.0.1 or a socket.

WHERE is a port or, with a slash in it, the path of a Unix socket. A line of
the standard input goes to all of them, to a port with CRLF, to a path as it
is; what they say is printed as it comes, "<closed>" when one of them ends. The
end of the input ends our side of all. In a test: mkfifo, start it with the
FIFO as its input, open the FIFO for writing with exec.
"""
import socket
import sys
import threading


def connect(where):
    if "/" not in where:
        return socket.create_connection(("127.0.0.1", int(where)))
    conn = socket.socket(socket.AF_UNIX)
    conn.connect(where)
    return conn


def listen(conn, greeted):
    while True:
        try:
            octets = conn.recv(65536)
        except OSError:
            octets = b""
        greeted.set()
        if not octets:
            sys.stdout.write("<closed>\n")
            sys.stdout.flush()
            return
        sys.stdout.write(octets.decode("utf-8", "replace").replace("\r", ""))
        sys.stdout.flush()


def main():
    where, count = sys.argv[1], int((sys.argv + ["1"])[2])
    conns = [connect(where) for _ in range(count)]
    for conn in conns:
        greeted = threading.Event()
        threading.Thread(target=listen, args=(conn, greeted)).start()
        if "/" not in where:
            greeted.wait()
    for line in sys.stdin.buffer:
        if "/" not in where:
            line = line.rstrip(b"\r\n") + b"\r\n"
        for conn in conns:
            try:
                conn.sendall(line)
            except OSError:
                pass
    for conn in conns:
        try:
            conn.shutdown(socket.SHUT_WR)
        except OSError:
            pass


main()
