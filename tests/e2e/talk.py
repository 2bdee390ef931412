#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""talk.py PORT [N]: N conversations (1) with 127.0.0.1:PORT, held open.

A line of the standard input goes to all of them with CRLF; what they say is
printed as it comes, "<closed>" when one of them ends. The end of the input
ends our side of all. In a test: mkfifo, start it with the FIFO as its input,
open the FIFO for writing with exec.
"""
import socket
import sys
import threading


def listen(conn):
    while True:
        try:
            octets = conn.recv(65536)
        except OSError:
            octets = b""
        if not octets:
            sys.stdout.write("<closed>\n")
            sys.stdout.flush()
            return
        sys.stdout.write(octets.decode("utf-8", "replace").replace("\r", ""))
        sys.stdout.flush()


def main():
    port, count = int(sys.argv[1]), int((sys.argv + ["1"])[2])
    conns = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for conn in conns:
        threading.Thread(target=listen, args=(conn,)).start()
    for line in sys.stdin:
        for conn in conns:
            try:
                conn.sendall(line.rstrip("\n").encode() + b"\r\n")
            except OSError:
                pass
    for conn in conns:
        try:
            conn.shutdown(socket.SHUT_WR)
        except OSError:
            pass


main()
